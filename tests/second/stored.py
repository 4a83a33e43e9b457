"""Pictures in sections, which are WebP or PNG: of those alone Pillow makes samples."""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from second.container import DamagedError


def decode_picture(payload: bytes, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """The samples [height, width, channels] of a picture in WebP or PNG; a plane is the first channel."""
    check_head(payload, height, width, channels)
    try:
        with Image.open(io.BytesIO(payload), formats=("WEBP", "PNG")) as image:
            fits = image.size == (width, height) and image.mode in ("RGB", "L")
            samples = np.atleast_3d(np.asarray(image))[..., :channels] if fits else np.zeros((0, 0, 0), np.uint8)
    except (OSError, ValueError, IndexError, SyntaxError, Image.DecompressionBombError) as error:
        raise DamagedError("a section's picture cannot be read") from error
    if samples.shape != (height, width, channels):
        raise DamagedError("a section's picture is not as the header says")
    return samples


def check_head(payload: bytes, height: int, width: int, channels: int) -> None:
    """DamagedError unless this begins as the WebP or PNG of such a picture does."""
    if payload[:4] == b"RIFF":
        fits = payload[8:16] == b"WEBPVP8L" and height * width <= 2**25
    else:
        head = struct.pack(">4sIIBB", b"IHDR", width, height, 8, 0 if channels == 1 else 2)
        fits = payload[:8] == b"\x89PNG\r\n\x1a\n" and payload[12 : 12 + len(head)] == head
    if not fits:
        raise DamagedError("a section's picture is not as the header says")


def deepened(high: NDArray[np.uint8], section: bytes | None) -> NDArray[np.uint16]:
    """Samples of 16 bits, of their high bytes and the section of their low ones; low = high without one."""
    low = high
    if section is not None:
        if not section or section[0] > 8:
            raise DamagedError("a shift beyond the limits")
        low = (high.astype(np.uint16) >> section[0]).astype(np.uint8)
        if len(section) > 1:
            low = low + decode_picture(section[1:], *high.shape)
    return (256 * high.astype(np.uint16) + low).astype(np.uint16)
