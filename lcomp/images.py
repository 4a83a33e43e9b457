"""Pictures in and out: what Pillow opens becomes RGB or grey pixels plus metadata, nothing dropped in silence."""

import io
import logging
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from lcomp.container import Mode
from lcomp.errors import ImageError, LimitError, UnsupportedError

log = logging.getLogger("lcomp")

MAX_PIXELS = 2**28
"""Default limit on width * height."""

FORMATS = {
    "png": "PNG",
    "ppm": "PPM",
    "webp": "WEBP",
    "tiff": "TIFF",
    "tif": "TIFF",
    "jpeg": "JPEG",
    "jpg": "JPEG",
    "bmp": "BMP",
    "avif": "AVIF",
}
"""Output formats by name and file suffix."""

KEEPS_ICC = {"PNG", "WEBP", "TIFF", "JPEG", "AVIF"}
KEEPS_EXIF = {"PNG", "WEBP", "TIFF", "JPEG", "AVIF"}
KEEPS_XMP = {"PNG", "WEBP", "JPEG", "AVIF"}

LOSSLESS_OPTIONS: dict[str, dict[str, object]] = {
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "JPEG": {"quality": 95, "subsampling": 0},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}
"""Saving options that keep the decoded picture as it is, or nearly so where the format is lossy."""


@dataclass(frozen=True)
class Picture:
    """A picture ready to be encoded."""

    pixels: NDArray[np.uint8]  # RGB [H, W, 3]; equal channels for Mode.L
    mode: Mode
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = field(default=())  # what was converted on the way in


def open_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode any picture Pillow reads; raises ImageError, LimitError or UnsupportedError."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before the pixels are decoded
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > max_pixels:
            raise LimitError(f"picture has {image.width}x{image.height} pixels (limit {max_pixels})")
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise UnsupportedError("animated and multi-page pictures are not supported yet: extract a frame first")
        # Pillow reduces deep colour while it loads, and forgets that it was there
        if any(";16" in str(tile.args) for tile in getattr(image, "tile", [])) and not image.mode.startswith("I"):
            log.warning("16 bits per channel reduced to 8")
        image.load()
    except UnidentifiedImageError as error:
        raise ImageError("not a picture that can be read") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"damaged picture: {error}") from error
    return image


def flatten_alpha(image: Image.Image) -> Image.Image:
    """Drop an alpha channel that is opaque everywhere; raises UnsupportedError for a real one."""
    alpha = image.convert("RGBA").getchannel("A")
    if alpha.getextrema()[0] != 255:
        raise UnsupportedError("transparency is not supported yet: flatten the picture first")
    return image.convert("L" if image.mode == "LA" else "RGB")


def from_cmyk(image: Image.Image) -> Image.Image:
    """CMYK to sRGB through the embedded profile, or by Pillow's default where there is none."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(f"unusable CMYK colour profile: {error}") from error
    assert converted is not None
    converted.info.pop("icc_profile", None)
    return converted


def from_sixteen_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits, rounded; raises UnsupportedError for values beyond 16 bits."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise UnsupportedError(f"pixel mode {image.mode} with values beyond 16 bits is not supported")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def to_picture(image: Image.Image) -> Picture:
    """Pixels and metadata of a Pillow image; raises UnsupportedError for modes that cannot be coded yet."""
    notes = []
    info = dict(image.info)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in info:
        image = flatten_alpha(image)
        notes.append("opaque alpha channel dropped")
    elif image.mode.startswith("I"):
        image = from_sixteen_bits(image)
        notes.append("16 bits per channel reduced to 8")
    elif image.mode == "CMYK":
        image = from_cmyk(image)
        info.pop("icc_profile", None)
        notes.append("CMYK converted to sRGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "YCbCr", "RGBX"):
        image = image.convert("RGB")
    elif image.mode not in ("RGB", "L"):
        raise UnsupportedError(f"pixel mode {image.mode} is not supported")
    xmp = info.get("xmp")
    return Picture(
        pixels=np.array(image.convert("RGB")),
        mode=Mode.L if image.mode == "L" else Mode.RGB,
        icc=info.get("icc_profile") or None,
        # exif_transpose has reset the orientation tag in the image's own copy
        exif=image.info.get("exif") or None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        notes=tuple(notes),
    )


def to_image(pixels: NDArray[np.uint8], mode: Mode) -> Image.Image:
    """Pillow image of decoded RGB pixels [H, W, 3], in the mode that was encoded."""
    if mode is Mode.L:
        # the three channels of a grey picture differ by coding noise only: their rounded mean is the best estimate
        return Image.fromarray(((pixels.sum(2, dtype=np.uint16) + 1) // 3).astype(np.uint8))
    return Image.fromarray(pixels)


def save_image(image: Image.Image, stream: BinaryIO, kind: str) -> list[str]:
    """Write `image` as Pillow format `kind` with its metadata; returns what that format cannot keep."""
    options = dict(LOSSLESS_OPTIONS.get(kind, {}))
    lost = []
    for name, keeps in (("icc_profile", KEEPS_ICC), ("exif", KEEPS_EXIF), ("xmp", KEEPS_XMP)):
        payload = image.info.get(name)
        if not payload:
            continue
        if kind not in keeps:
            lost.append(name.removesuffix("_profile").upper())
        elif name == "xmp" and kind == "PNG":
            chunks = PngInfo()
            chunks.add_itxt("XML:com.adobe.xmp", payload.decode("utf-8", "replace"))
            options["pnginfo"] = chunks
        else:
            options[name] = payload
    image.save(stream, kind, **options)
    return lost
