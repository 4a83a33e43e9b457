"""Files that store a picture losslessly by a library (`lcomp.pictures.stored`), and how large they may get."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lcomp.errors import UnsupportedError
from lcomp.format.container import Header, LicFile, Mode
from lcomp.pictures.planes import write_low
from lcomp.pictures.reading import Picture
from lcomp.pictures.stored import WEBP_SIDE, write_quickly, write_stored
from lcomp.types import Pixels

STRIP, APART = 16, 1024
"""Height in rows of the strips that a sample is made of, and about how many rows lie between their tops."""

FEWEST, MOST = 2, 64
"""Limits on the number of strips."""

WHOLE = 2**12
"""Pixels of pictures that are stored without asking a sample first."""

SIMPLE = 1.0
"""Bits per 8-bit sample below which a picture is no photograph: repetitions may make it smaller than its strips say."""

REACH, FAR_REACH = 1.5, 8.0
"""Factors by which a sample may say too much, of photographs and of simple pictures, smooth photographs among them."""


def stored_pixels(picture: Picture) -> NDArray[np.uint8]:
    """What is stored of a picture: its pixels [H, W, 3], or one plane [H, W] where it is grey."""
    return picture.pixels[..., 0] if picture.mode is Mode.L else picture.pixels


def stored_file(picture: Picture, alpha: bytes | None, strip: bool) -> LicFile:
    """The file that stores a picture as it is, under its written alpha plane; EXIF and XMP are left out for `strip`."""
    height, width = picture.pixels.shape[:2]
    header = Header(width, height, picture.mode, quality=0, model=0, fingerprint=0, lossless=True)
    exif, xmp = (None, None) if strip else (picture.exif, picture.xmp)
    stored = write_stored(np.ascontiguousarray(stored_pixels(picture)))
    return LicFile(header, None, (), picture.icc, exif, xmp, alpha, stored)


def with_low_bytes(file: LicFile, picture: Picture) -> LicFile:
    """The lossless file of a picture, with the low bytes of 16-bit samples beside the high ones."""
    if picture.low is not None:
        file = replace(file, low=write_low(picture.low, stored_pixels(picture)))
    if picture.alpha is not None and picture.low_alpha is not None:
        file = replace(file, low_alpha=write_low(picture.low_alpha, picture.alpha))
    return file


def check_exact(picture: Picture) -> None:
    """Raise UnsupportedError for a picture whose pixels are not those of its source."""
    if picture.losses:
        reason = ", ".join(picture.losses)
        raise UnsupportedError(
            f"only grey and RGB pictures of 8 or 16 bits can be kept losslessly ({reason}): "
            "convert it, to PNG for example, or encode it with losses"
        )


def sampled(pixels: Pixels) -> NDArray[np.uint8]:
    """Strips of rows, evenly spaced, one above the other."""
    count = min(max(FEWEST, len(pixels) // APART), MOST)
    tops = [(2 * strip + 1) * (len(pixels) - STRIP) // (2 * count) for strip in range(count)]
    return np.concatenate([pixels[top : top + STRIP, :WEBP_SIDE] for top in tops])


def may_take(picture: Picture, limit: int) -> bool:
    """Whether the stored pixels of a picture may take no more than `limit` bytes, going by a sample where it is large.

    It takes some per cent of the time that coding the picture does.
    """
    pixels = stored_pixels(picture)
    height, width = pixels.shape[:2]
    if height * width <= WHOLE or height <= 2 * STRIP:
        return True
    sample = sampled(pixels)
    size = len(write_quickly(sample))
    reach = FAR_REACH if 8 * size <= SIMPLE * sample.size else REACH
    return size * pixels.size / sample.size <= reach * limit
