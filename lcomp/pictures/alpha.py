"""The alpha plane, coded losslessly by Pillow as an image of its own: WebP, or PNG where it is large."""

import io
import struct

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from lcomp.errors import UNREADABLE, FormatError
from lcomp.types import Plane

WEBP_SIDE = 16383
"""Largest side of a WebP picture."""

WEBP_PIXELS = 2**25
"""Larger planes are PNG: WebP's encoder takes 25 bytes of memory per pixel and a minute for 100 megapixels."""

WEBP_HEAD = struct.Struct("<4sI4s4sIBI")
"""RIFF, length, WEBP, VP8L, length, 0x2f, and 14 bits each of width - 1 and height - 1."""

PNG_HEAD = struct.Struct(">8sI4sIIBBBBB")
"""Signature, length, IHDR, width, height, depth, colour type, compression, filter, interlacing."""


def write_alpha(plane: Plane) -> bytes:
    """The plane as lossless WebP, which is smaller, or as PNG where it exceeds WEBP_SIDE or WEBP_PIXELS."""
    image, buffer = Image.fromarray(plane), io.BytesIO()
    if max(image.size) <= WEBP_SIDE and plane.size <= WEBP_PIXELS:
        image.save(buffer, "WEBP", lossless=True)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def open_alpha(payload: bytes, width: int, height: int) -> Image.Image:
    """Open the image of a plane, its header checked before Pillow allocates anything; raises FormatError."""
    if payload[:4] == b"RIFF" and len(payload) > WEBP_HEAD.size:
        *names, _, mark, sizes = WEBP_HEAD.unpack_from(payload)
        fits = names[2:] == [b"WEBP", b"VP8L"] and mark == 0x2F and width * height <= WEBP_PIXELS
        if fits and (sizes & 0x3FFF, sizes >> 14 & 0x3FFF) == (width - 1, height - 1):
            return WebPImageFile(io.BytesIO(payload))
    elif len(payload) > PNG_HEAD.size:
        signature, _, name, *rest = PNG_HEAD.unpack_from(payload)
        if signature == b"\x89PNG\r\n\x1a\n" and name == b"IHDR" and rest[:4] == [width, height, 8, 0]:
            return PngImageFile(io.BytesIO(payload))
    raise FormatError("alpha plane is not an image of the picture's size")


def read_alpha(payload: bytes, width: int, height: int) -> Plane:
    """The plane of a picture of the given size; raises FormatError for anything else."""
    try:
        image = open_alpha(payload, width, height)
        # a second header may contradict the first
        if image.size != (width, height) or image.mode not in ("L", "RGB"):
            raise FormatError("alpha plane is not an image of the picture's size")
        image.load()
    except UNREADABLE as error:
        raise FormatError(f"damaged alpha plane: {error}") from error
    return np.asarray(image.getchannel(0))
