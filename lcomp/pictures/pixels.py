"""Conversion of Pillow's pixel modes to 8-bit RGB or grey and a separate alpha plane; every loss is noted."""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lcomp.errors import UnsupportedError
from lcomp.format.container import Mode
from lcomp.pictures.depth import DEEP, FULL, Samples, reduce_depth
from lcomp.pictures.planes import high_bytes, joined, low_bytes
from lcomp.types import Plane, Samples16

GREY = ("1", "L", "LA", "La")
COLOUR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr", "HSV")

OPAQUE = "opaque alpha channel dropped"

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
    low: NDArray[np.uint8] | None = None  # low bytes of 16-bit samples: [H, W] for Mode.L, else [H, W, 3]
    low_alpha: Plane | None = None


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
        notes.append(OPAQUE)
        alpha = None
    mode = Mode.L if image.mode in GREY else Mode.RGB
    pixels = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    return Converted(pixels, mode, alpha, keeps_profile, tuple(notes), tuple(losses))


def samples_16(image: Image.Image, low: Image.Image | None, samples: Samples) -> Samples16 | None:
    """All 16 bits per sample of a decoded picture, whose low bytes `low` has where Pillow does not keep them.

    None for pictures of other depths, and where the samples of the file are not known exactly.
    """
    transparent = image.info.get("transparency")
    if low is not None:
        high = np.asarray(image)
        values = joined(high[..., :: high.shape[2] - 1] if low.mode == "LA" else high, np.asarray(low))
        key: tuple[int, ...] = transparent if isinstance(transparent, tuple) else ()
    elif samples.exact:
        values = np.asarray(image).astype(np.uint16)
        values = FULL - values if samples.negative else values
        key = (transparent,) if isinstance(transparent, int) else ()
        values = values[..., None]
    else:
        return None
    if key and values.shape[2] == len(key):
        shown = (values != np.array(key, np.uint16)).any(2, keepdims=True)
        values = np.concatenate([values, FULL * shown.astype(np.uint16)], 2)
    return values[..., 0] if values.shape[2] == 1 else values


def converted_16(samples: Samples16) -> Converted:
    """A picture of 16 bits per sample, all of them kept."""
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    mode = Mode.L if channels < 3 else Mode.RGB
    colours = np.atleast_3d(samples)[..., : channels - (channels in (2, 4))]
    alpha = samples[..., -1] if channels in (2, 4) else None
    notes: tuple[str, ...] = ()
    if alpha is not None and alpha.min() == FULL:
        alpha, notes = None, (OPAQUE,)
    high, low = high_bytes(colours), low_bytes(colours)
    if mode is Mode.L:
        high, low = np.repeat(high, 3, 2), low[..., 0]
    planes = (None, None) if alpha is None else (high_bytes(alpha), low_bytes(alpha))
    return Converted(high, mode, planes[0], True, notes, (), low, planes[1])
