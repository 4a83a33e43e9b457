"""Samples of other than 8 bits: their properties, which Pillow drops as it decodes, and the reduction to 8 bits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcomp.errors import UnsupportedError
from lcomp.pictures.grey_alpha import GreyAlphaTiff

LARGEST = float(np.finfo(np.float32).max)

FULL = 65535
"""The largest value of 16-bit samples."""

DEEP = "more than 8 bits per channel reduced to 8"

PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
"""TIFF tag PhotometricInterpretation, and its value for negatives; Pillow inverts those of up to 8 bits only."""

BITS, TWELVE = 258, (12,)
"""TIFF tag BitsPerSample, and its value for 12-bit grey."""

REMEMBERED = "_lcomp_samples"
"""Attribute of an image in which its `Samples` are cached."""

STRETCH = {"L;2": 85, "L;4": 17}
"""Factors that scale samples of 2 and 4 bits to 0 .. 255, by raw mode."""


class Samples(NamedTuple):
    """Properties of a picture's samples that Pillow drops as it decodes them."""

    reduced: bool  # whether Pillow reduces colours to 8 bits
    top: int  # the largest value of samples in a 16-bit mode
    negative: bool  # whether 0 is white in a 16-bit mode
    stretch: int  # factor that Pillow applies to grey PNG samples of 2 or 4 bits, but not to the transparent one
    exact: bool  # whether Pillow keeps grey samples of 16 bits as they are in the file


def modes_of(image: Image.Image) -> list[str]:
    """Raw modes of a picture that is not decoded yet, from the arguments of Pillow's decoders."""
    parts = (tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in getattr(image, "tile", []))
    return [str(argument) for arguments in parts for argument in arguments]


def samples_of(image: Image.Image) -> Samples:
    """The `Samples` of a picture, cached on the image, because they cannot be read once it is decoded."""
    frame = image.tell()
    known: dict[int, Samples] = getattr(image, REMEMBERED, {})
    if getattr(image, "tile", []) or frame not in known:
        known = {frame: read_samples(image)}
        setattr(image, REMEMBERED, known)
    return known[frame]


def read_samples(image: Image.Image) -> Samples:
    """Read the `Samples` of a picture that is not decoded yet."""
    bits = image.info.get("bit_depth")  # int from pillow-heif; str from a PNG text of that name
    reduced = isinstance(bits, int) and bits > 8
    reduced |= any(";16" in mode and mode != "BGR;16" for mode in modes_of(image))
    for tile in getattr(image, "tile", []):
        largest = tile.args[-1] if isinstance(tile.args, tuple) else tile.args
        of_ppm = tile.codec_name in ("ppm", "ppm_plain")
        reduced |= tile.codec_name == "SGI16" or (of_ppm and isinstance(largest, int) and largest > 255)
    reduced |= isinstance(image, GreyAlphaTiff) and image.splits
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    top = 4095 if tags.get(BITS) == TWELVE else FULL
    exact = image.mode.startswith("I;16") and image.format in (None, "PNG", "TIFF") and top == FULL
    exact |= image.format == "PPM" and image.mode == "I" and modes_of(image) == ["I;16B"]
    return Samples(
        reduced and not image.mode.startswith("I"),
        top,
        tags.get(PHOTOMETRIC) == WHITE_IS_ZERO,
        max(STRETCH.get(mode, 1) for mode in ("", *modes_of(image))) if image.format == "PNG" else 1,
        exact,
    )


def reduce_depth(image: Image.Image, kind: str | None, samples: Samples) -> tuple[NDArray[np.uint8], str]:
    """Reduce integers or floats of more than 8 bits to 8 bits [H, W], with a note on how.

    16-bit files are scaled from their full range, others from the smallest usual range that holds all values, else from
    minimum to maximum. NaN becomes the minimum. Raises UnsupportedError where no value is finite.
    """
    values = np.array(image, np.float32)
    finite = np.isfinite(values)
    low = float(values.min(initial=np.inf, where=finite))
    high = float(values.max(initial=-np.inf, where=finite))
    if low > high:
        raise UnsupportedError("no pixel of the picture is a number")
    np.nan_to_num(values, copy=False, nan=low, posinf=high, neginf=low)
    sixteen = image.mode.startswith("I;16")
    if sixteen or kind in ("PNG", "PPM"):
        ranges = [float(samples.top)]
    else:
        ranges = [1.0, 255.0, 65535.0] if image.mode == "F" else [255.0, 65535.0]
    tops = [top for top in ranges if low >= 0 and high <= top]
    bottom, top = (0.0, tops[0]) if tops else (low, high)
    note = DEEP if top == FULL else f"{image.mode} pixels reduced to 8 bits, from {bottom:g} .. {top:g}"
    if top - bottom > LARGEST:
        values /= 2
        bottom, top = bottom / 2, top / 2
    values -= bottom
    values *= 255 / max(top - bottom, 1e-30)
    values += 0.5
    grey = values.astype(np.uint8)
    if sixteen and samples.negative:
        grey = 255 - grey
    return grey, note
