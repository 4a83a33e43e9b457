"""Pixels stored losslessly by Pillow: WebP, or PNG where they are too many. So are alpha planes and whole pictures."""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from lcomp.errors import UNREADABLE, FormatError
from lcomp.types import Pixels, Plane

WEBP_SIDE = 16383
"""Largest side of a WebP picture."""

WEBP_PIXELS = 2**25
"""Larger pictures are PNG: WebP's encoder takes 25 bytes of memory per pixel and a minute for 100 megapixels."""

WEBP_HEAD = struct.Struct("<4sI4s4sIBI")
"""RIFF, length, WEBP, VP8L, length, 0x2f, and 14 bits each of width - 1 and height - 1."""

PNG_HEAD = struct.Struct(">8sI4sIIBBBBB")
"""Signature, length, IHDR, width, height, depth, colour type, compression, filter, interlacing."""

WEBP_START, PNG_START = b"RIFF", b"\x89PNG\r\n\x1a\n"

PNG_COLOUR_TYPES = {1: 0, 3: 2}
"""Colour types of PNG by number of channels."""


def write_stored(pixels: NDArray[np.uint8]) -> bytes:
    """A plane [H, W] or RGB pixels [H, W, 3] as lossless WebP, or as PNG where they exceed WEBP_SIDE or WEBP_PIXELS.

    WebP is smaller: it tries palettes of any depth, predictors and colour transforms by itself.
    """
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    if max(image.size) <= WEBP_SIDE and image.width * image.height <= WEBP_PIXELS:
        image.save(buffer, "WEBP", lossless=True)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def write_quickly(pixels: NDArray[np.uint8]) -> bytes:
    """As `write_stored`, in a fraction of the time and with some per cent more bytes; for samples, which are small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=0, method=1)
    return buffer.getvalue()


def stored_format(payload: bytes) -> str:
    """What stored pixels are coded by, as far as their first bytes say."""
    return "WebP" if payload.startswith(WEBP_START) else "PNG"


def open_stored(payload: bytes, width: int, height: int, channels: int) -> Image.Image | None:
    """Open stored pixels, their header checked before Pillow allocates anything; None for anything else."""
    if payload.startswith(WEBP_START) and len(payload) > WEBP_HEAD.size:
        *names, _, mark, sizes = WEBP_HEAD.unpack_from(payload)
        fits = names[2:] == [b"WEBP", b"VP8L"] and mark == 0x2F and width * height <= WEBP_PIXELS
        if fits and (sizes & 0x3FFF, sizes >> 14 & 0x3FFF) == (width - 1, height - 1):
            return WebPImageFile(io.BytesIO(payload))
    elif len(payload) > PNG_HEAD.size:
        signature, _, name, *rest = PNG_HEAD.unpack_from(payload)
        wanted = [width, height, 8, PNG_COLOUR_TYPES[channels]]
        if signature == PNG_START and name == b"IHDR" and rest[:4] == wanted:
            return PngImageFile(io.BytesIO(payload))
    return None


def read_stored(payload: bytes, width: int, height: int, channels: int, what: str) -> NDArray[np.uint8]:
    """Pixels [H, W, channels] of the given size, or a plane [H, W] for one channel; raises FormatError about `what`."""
    other = FormatError(f"{what} is not an image of the picture's size")
    try:
        image = open_stored(payload, width, height, channels)
        # a second header may contradict the first; WebP has no grey, and a plane is its first channel
        modes = ("RGB", "L") if channels == 1 else ("RGB",)
        if image is None or image.size != (width, height) or image.mode not in modes:
            raise other
        image.load()
    except UNREADABLE as error:
        raise FormatError(f"damaged {what}: {error}") from error
    return np.asarray(image.getchannel(0) if channels == 1 else image)


def read_alpha(payload: bytes, width: int, height: int) -> Plane:
    """The alpha plane [H, W] of a picture of the given size; raises FormatError for anything else."""
    return read_stored(payload, width, height, 1, "alpha plane")


def read_picture(payload: bytes, width: int, height: int, grey: bool) -> Pixels:
    """The pixels of a stored picture, [H, W] where it is grey, else [H, W, 3]; raises FormatError for anything else."""
    return read_stored(payload, width, height, 1 if grey else 3, "stored picture")
