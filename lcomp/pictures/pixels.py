"""Conversion of Pillow's pixel modes to 8-bit RGB or grey and a separate alpha plane; every loss is noted."""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lcomp.errors import UnsupportedError
from lcomp.format.container import Mode
from lcomp.pictures.depth import DEEP, Samples, reduce_depth
from lcomp.types import Plane

GREY = ("1", "L", "LA", "La")
COLOUR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr", "HSV")


ROUNDED = ("La", "RGBa", "YCbCr", "HSV")
"""Modes that no picture file is read in, and that become RGB or straight alpha with rounding errors."""


class Converted(NamedTuple):
    """Pixels that can be coded."""

    pixels: NDArray[np.uint8]  # RGB [H, W, 3]; equal channels for Mode.L
    mode: Mode
    alpha: Plane | None  # [H, W]; None where the picture is opaque
    keeps_profile: bool  # whether the ICC profile still fits
    notes: tuple[str, ...]
    losses: tuple[str, ...]  # how the pixels differ from those of the source


def from_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """The picture in sRGB; raises ImageCms.PyCMSError or OSError where the profile does not fit."""
    converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None, "only in-place conversions return nothing"
    return converted


def from_cmyk(image: Image.Image) -> tuple[Image.Image, str]:
    """CMYK to sRGB through the embedded profile, or by Pillow's formula without a usable one; with a note on which."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), "CMYK without a colour profile converted to RGB by Pillow's formula"
    try:
        converted = from_profile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB"), "CMYK with an unusable colour profile converted to RGB by Pillow's formula"
    return converted, "CMYK converted to sRGB through its colour profile"


def with_alpha(image: Image.Image, samples: Samples) -> Image.Image:
    """A picture with any kind of transparency as LA or RGBA."""
    if image.mode in ("La", "LA", "L", "1"):
        if image.mode == "L" and samples.stretch > 1:
            image = image.copy()
            image.info["transparency"] *= samples.stretch
        return image.convert("LA")
    return image.convert("RGBA")


def convert(image: Image.Image, kind: str | None, samples: Samples) -> Converted:
    """Convert a decoded picture that was read from the format `kind`, where it had these samples.

    Raises UnsupportedError for modes that are not supported and for pictures without a finite value.
    """
    losses = [DEEP] if samples.reduced else []
    alpha: Plane | None = None
    keeps_profile = True
    transparent = image.info.get("transparency")
    unnoted = image.mode if image.mode in ROUNDED else None
    if image.mode[0] in "IF":
        deep = image
        grey, note = reduce_depth(image, kind, samples)
        losses.append(note)
        image = Image.fromarray(grey)
        if transparent is not None:
            alpha = np.where(np.asarray(deep) == transparent, 0, 255).astype(np.uint8)
    elif image.mode == "CMYK":
        image, note = from_cmyk(image)
        losses.append(note)
        keeps_profile = False
    elif image.mode == "LAB":
        image = from_profile(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
        losses.append("Lab converted to sRGB")
        keeps_profile = False
    elif image.mode not in GREY + COLOUR:
        raise UnsupportedError(f"pixel mode {image.mode} is not supported")
    elif isinstance(transparent, tuple) and (samples.reduced or max(transparent) > 255):
        losses.append("transparent colour of 16 bits ignored")
    elif image.has_transparency_data:
        image = with_alpha(image, samples)
        alpha = np.asarray(image.getchannel("A"))
    notes = losses.copy()
    if unnoted is not None:
        losses.append(f"{unnoted} pixels converted with rounding errors")
    if alpha is not None and alpha.min() == 255:
        notes.append("opaque alpha channel dropped")
        alpha = None
    mode = Mode.L if image.mode in GREY else Mode.RGB
    pixels = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    return Converted(pixels, mode, alpha, keeps_profile, tuple(notes), tuple(losses))
