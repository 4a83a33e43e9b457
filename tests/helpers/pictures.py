"""Pictures that are drawn rather than taken."""

import io
import struct

import numpy as np
from PIL import Image

from lcomp.pictures.reading import open_image


def noise_image(width: int, height: int, seed: int = 0, noise: float = 12) -> Image.Image:
    """A picture of smooth blobs and noise."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    base = 128 + 80 * np.sin(rows / 9 + seed)[..., None] * np.cos(columns / 13)[..., None]
    grain = random.normal(0, noise, (height, width, 3))
    return Image.fromarray(np.clip(base + grain, 0, 255).astype(np.uint8))


def flat_png(red: int = 0) -> bytes:
    """The file of a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (24, 16), (red, 90, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def ramp(mode: str) -> Image.Image:
    rows, columns = np.mgrid[:20, :30]
    red = (rows * 12).astype(np.uint8)
    return Image.fromarray(np.stack([red, (columns * 8).astype(np.uint8), red[::-1]], 2)).convert(mode)


def alpha_ramp(mode: str) -> Image.Image:
    """A picture with every alpha from 0 to 199 in diagonal bands."""
    image = ramp(mode)
    rows, columns = np.mgrid[:20, :30]
    image.putalpha(Image.fromarray(((rows * 7 + columns * 2) % 200).astype(np.uint8)))
    return image


def reopened(image: Image.Image, kind: str = "PNG", **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return open_image(buffer.getvalue())


def grey_tiff(values: bytes, bits: int, white_is_zero: bool = False, tile: int | None = None) -> bytes:
    """A TIFF of 4x2 grey samples, in a strip or a square tile; written by hand because Pillow writes no such ones."""
    tags = [(256, 4), (257, 2), (258, bits), (259, 1), (262, int(not white_is_zero))]
    tags += [(322, tile), (323, tile), (324, 8), (325, len(values))] if tile else [(273, 8), (279, len(values))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(values)) + values + directory


def see_through(mode: str) -> Image.Image:
    """A picture in a mode, not opaque where that has alpha."""
    return alpha_ramp(mode.removesuffix("A")) if mode.endswith("A") else ramp(mode)
