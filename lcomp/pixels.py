"""Pillow's pixel modes to 8-bit RGB or grey, with the alpha plane apart. Every loss is noted."""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lcomp.alpha import Plane
from lcomp.container import Mode
from lcomp.errors import UnsupportedError

DEEP = "16 bits per channel reduced to 8"

GREY = ("1", "L", "LA", "La")
COLOUR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr", "HSV")


class Converted(NamedTuple):
    """Pixels that can be coded."""

    pixels: NDArray[np.uint8]  # RGB [H, W, 3]; equal channels for Mode.L
    mode: Mode
    alpha: Plane | None  # [H, W]; None where the picture is opaque
    keeps_profile: bool  # whether the ICC profile still fits
    notes: tuple[str, ...]


def from_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """The picture in sRGB; raises ImageCms.PyCMSError or OSError where the profile does not fit."""
    converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None, "only in-place conversions return nothing"
    return converted


def from_cmyk(image: Image.Image) -> tuple[Image.Image, str]:
    """CMYK to sRGB through the embedded profile, or by Pillow's formula where there is none that can be used."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), "CMYK without a colour profile converted to RGB by Pillow's formula"
    try:
        converted = from_profile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB"), "CMYK with an unusable colour profile converted to RGB by Pillow's formula"
    return converted, "CMYK converted to sRGB through its colour profile"


def reduce_depth(image: Image.Image, kind: str | None) -> tuple[NDArray[np.uint8], str]:
    """Integers or floats beyond 8 bits as 8 bits, and how that was done.

    Sixteen-bit files are taken at their full range; elsewhere the range is the smallest usual one that holds all
    values, or else theirs. What is not a number becomes the least value. Raises UnsupportedError where nothing is one.
    """
    values = np.array(image, np.float32)
    finite = np.isfinite(values)
    low = float(values.min(initial=np.inf, where=finite))
    high = float(values.max(initial=-np.inf, where=finite))
    if low > high:
        raise UnsupportedError("no pixel of the picture is a number")
    np.nan_to_num(values, copy=False, nan=low, posinf=high, neginf=low)
    if image.mode.startswith("I;16") or kind in ("PNG", "PPM"):
        ranges = [65535.0]
    else:
        ranges = [1.0, 255.0, 65535.0] if image.mode == "F" else [255.0, 65535.0]
    tops = [top for top in ranges if low >= 0 and high <= top]
    bottom, top = (0.0, tops[0]) if tops else (low, high)
    values -= bottom
    values *= 255 / max(top - bottom, 1e-30)
    values += 0.5
    note = DEEP if top == 65535 else f"{image.mode} pixels reduced to 8 bits, from {bottom:g} .. {top:g}"
    return values.astype(np.uint8), note


def with_alpha(image: Image.Image) -> Image.Image:
    """A picture with any kind of transparency as LA or RGBA."""
    if image.mode in ("La", "LA", "L", "1"):
        return image.convert("LA")
    return image.convert("RGBA")


def convert(image: Image.Image, kind: str | None) -> Converted:
    """The pixels of a loaded picture that was read from the format `kind`.

    Raises UnsupportedError for what has no meaning as a picture.
    """
    notes: list[str] = []
    alpha: Plane | None = None
    keeps_profile = True
    if image.mode[0] in "IF":
        deep = image
        grey, note = reduce_depth(image, kind)
        notes.append(note)
        image = Image.fromarray(grey)
        if "transparency" in deep.info:
            alpha = np.where(np.asarray(deep) == deep.info["transparency"], 0, 255).astype(np.uint8)
    elif image.mode == "CMYK":
        image, note = from_cmyk(image)
        notes.append(note)
        keeps_profile = False
    elif image.mode == "LAB":
        image = from_profile(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
        notes.append("Lab converted to sRGB")
        keeps_profile = False
    elif image.mode not in GREY + COLOUR:
        raise UnsupportedError(f"pixel mode {image.mode} is not supported")
    elif isinstance(image.info.get("transparency"), tuple) and max(image.info["transparency"]) > 255:
        notes.append("transparent colour of 16 bits ignored")
    elif image.has_transparency_data:
        image = with_alpha(image)
        alpha = np.asarray(image.getchannel("A"))
    if alpha is not None and alpha.min() == 255:
        notes.append("opaque alpha channel dropped")
        alpha = None
    mode = Mode.L if image.mode in GREY else Mode.RGB
    pixels = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    return Converted(pixels, mode, alpha, keeps_profile, tuple(notes))
