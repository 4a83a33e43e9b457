"""Decoded pixels as Pillow images, and their files in other formats."""

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lcomp.alpha import Plane
from lcomp.container import Mode
from lcomp.errors import UNREADABLE, ImageError
from lcomp.images import EXIF_DIRECTORIES

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
KEEPS_XMP = {"PNG", "WEBP", "TIFF", "JPEG", "AVIF"}
KEEPS_ALPHA = {"PNG", "WEBP", "TIFF", "AVIF"}

TIFF_XMP = 700
"""TIFF tag of XMP."""

TIFF_LAYOUT_TAGS = {*range(254, 269), *range(273, 282), 284, *range(317, 347), *range(512, 533)}
"""Tags that say how a file holds its pixels; EXIF may repeat those of the file it comes from."""

JPEG_SEGMENT = 65000
"""Largest EXIF or XMP payload that fits into one JPEG segment, with its header."""

JPEG_ICC = 255 * 65519
"""Largest ICC profile that fits into the segments that a JPEG may have of them."""

LOSSLESS_OPTIONS: dict[str, dict[str, object]] = {
    "WEBP": {"lossless": True, "exact": True},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "JPEG": {"quality": 95, "subsampling": 0},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}
"""Saving options that keep the decoded picture as it is, or nearly so where the format is lossy."""


def to_image(pixels: NDArray[np.uint8], mode: Mode, alpha: Plane | None = None) -> Image.Image:
    """Pillow image of decoded RGB pixels [H, W, 3], in the mode that was encoded, with its alpha [H, W]."""
    if mode is Mode.L:
        # the three channels of a grey picture differ by coding noise only: their rounded mean is the best estimate
        total = pixels.sum(2, dtype=np.uint16)
        total += 1
        total //= 3
        image = Image.fromarray(total.astype(np.uint8))
    else:
        image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image


def flatten(image: Image.Image) -> Image.Image:
    """A picture with alpha on white."""
    opaque = Image.new("L" if image.mode == "LA" else "RGB", image.size, "white")
    opaque.paste(image.convert(opaque.mode), mask=image.getchannel("A"))
    return opaque


def is_readable(exif: bytes) -> bool:
    """Whether EXIF can be taken apart, which TIFF and AVIF need."""
    try:
        Image.Exif().load(exif)
    except UNREADABLE:
        return False
    return True


def tiff_tags(exif: bytes | None, xmp: bytes | None) -> Image.Exif:
    """EXIF and XMP as tags of a TIFF, without those that describe the layout of another file."""
    tags = Image.Exif()
    if exif:
        tags.load(exif)
        for tag in TIFF_LAYOUT_TAGS & set(tags):
            del tags[tag]
    if xmp:
        tags[TIFF_XMP] = xmp
    return tags


def save_image(image: Image.Image, stream: BinaryIO, kind: str) -> list[str]:
    """Write `image` as Pillow format `kind` with its metadata; returns what that format cannot keep."""
    options = dict(LOSSLESS_OPTIONS.get(kind, {}))
    kept: dict[str, Any] = {}
    lost = []
    if image.mode in ("LA", "RGBA") and kind not in KEEPS_ALPHA:
        lost.append("alpha (put on white)")
        info, image = image.info, flatten(image)
        image.info = info
    for name, keeps in (("icc_profile", KEEPS_ICC), ("exif", KEEPS_EXIF), ("xmp", KEEPS_XMP)):
        payload = image.info.get(name)
        if not payload:
            continue
        too_large = kind == "JPEG" and len(payload) > (JPEG_ICC if name == "icc_profile" else JPEG_SEGMENT)
        unreadable = kind in ("TIFF", "AVIF") and name == "exif" and not is_readable(payload)
        if kind not in keeps or too_large or unreadable:
            lost.append(name.removesuffix("_profile").upper())
        elif name == "xmp" and kind == "PNG":
            chunks = PngInfo()
            chunks.add_itxt("XML:com.adobe.xmp", payload.decode("utf-8", "replace"))
            options["pnginfo"] = chunks
        else:
            kept[name] = payload
    try:
        if kind == "TIFF":
            tags = tiff_tags(kept.get("exif"), kept.pop("xmp", None))
            kept["exif"] = tags
            if any(tags.get_ifd(directory) for directory in EXIF_DIRECTORIES):
                # libtiff's compressors cannot write directories within tags
                del options["compression"]
        image.save(stream, kind, **options, **kept)
    except UNREADABLE as error:
        raise ImageError(f"cannot be saved as {kind}: {error}") from error
    return lost
