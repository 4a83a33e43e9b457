"""Writing of pictures: decoded pixels as Pillow images, and those as files of other formats."""

import io
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lcomp.errors import UNREADABLE, ImageError
from lcomp.format.container import Mode
from lcomp.pictures.metadata import HEADER, as_tiff, is_readable
from lcomp.pictures.profiles import of_picture
from lcomp.pictures.tags import has_only_resolution, upright
from lcomp.types import Plane

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

METADATA = ("icc_profile", "exif", "xmp")
KEEPS_METADATA = {"PNG", "WEBP", "TIFF", "JPEG", "AVIF"}

AS_RGB = {("WEBP", "L"), ("WEBP", "LA"), ("AVIF", "LA")}
"""Grey modes that a format stores as RGB, so that a grey ICC profile does not fit any more."""

KEEPS_RESOLUTION = {"PNG", "JPEG", "BMP"}
"""Formats that store dots per inch in a place of their own; TIFF does so among its tags."""

KEEPS_ALPHA = {"PNG", "WEBP", "TIFF", "AVIF"}

JPEG_SEGMENT = 65000
JPEG_LIMITS = {"icc_profile": 255 * 65519, "exif": JPEG_SEGMENT, "xmp": JPEG_SEGMENT}
"""Bytes of metadata that fit into a JPEG: EXIF and XMP into one segment, header included, a profile into 255."""

MOST_SIDE = {"AVIF": 65536, "JPEG": 65500, "WEBP": 16383}
"""Largest width and height, in pixels, that the libraries behind a format write."""

LOSSY: dict[str, int | None] = {"JPEG": 95, "AVIF": 95, "WEBP": None}
"""Formats that may change the pixels, with their usual quality; None: kept exactly unless a quality is given."""

LOSSLESS_OPTIONS: dict[str, dict[str, object]] = {
    "PNG": {"compress_level": 4},  # by zlib 2.5 times as fast as its usual 6, for photographs that are 4 % larger
    "WEBP": {"lossless": True, "exact": True},
    "JPEG": {"quality": 95, "subsampling": 0},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}
"""Saving options that keep the decoded picture as it is, or nearly so where the format is lossy."""


def to_image(pixels: NDArray[np.uint8], mode: Mode, alpha: Plane | None = None) -> Image.Image:
    """Pillow image of decoded pixels [H, W, 3], in the mode that was encoded, with its alpha [H, W].

    Those of a grey picture that was stored are a plane [H, W] already.
    """
    if mode is Mode.L and pixels.ndim == 3:
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
    """Composite a picture with alpha onto white."""
    opaque = Image.new("L" if image.mode == "LA" else "RGB", image.size, "white")
    opaque.paste(image.convert(opaque.mode), mask=image.getchannel("A"))
    return opaque


def save_tiff(image: Image.Image, stream: BinaryIO, exif: bytes | None, xmp: bytes | None, icc: bytes | None) -> None:
    """Write a TIFF with its metadata; raises whatever Pillow raises over odd tags."""
    # compression means libtiff, which cannot write sub-IFDs and aborts the process over some tags of unexpected types
    dpi = None
    if exif and has_only_resolution(exif):
        exif, dpi = None, image.info.get("dpi")
    compression = None if exif else "tiff_adobe_deflate"
    image.save(stream, "TIFF", compression=compression, exif=as_tiff(exif, xmp), icc_profile=icc, dpi=dpi)


def fits(name: str, payload: bytes, kind: str, mode: str) -> bool:
    """Whether a format can keep a piece of metadata with a picture of a mode."""
    if kind not in KEEPS_METADATA or (kind == "JPEG" and len(payload) > JPEG_LIMITS[name]):
        return False
    if name == "exif" and kind == "AVIF":
        return is_readable(payload)
    if name == "exif" and kind == "TIFF":
        try:
            save_tiff(Image.new("L", (1, 1)), io.BytesIO(), payload, None, None)
        except UNREADABLE:
            return False
    if name == "icc_profile":
        return (kind, mode) not in AS_RGB and of_picture(payload, Mode.L if mode in ("L", "LA") else Mode.RGB)
    return True


def quality_of(kind: str, wanted: int | None) -> int | None:
    """The quality that a format is written at, None where it keeps the pixels."""
    return LOSSY.get(kind) if wanted is None else wanted


def save_image(image: Image.Image, stream: BinaryIO, kind: str, quality: int | None = None) -> list[str]:
    """Write `image` as Pillow format `kind` with its metadata; returns what that format cannot keep.

    `quality`, 1 to 100, is for the formats in `LOSSY`.

    Raises ImageError where that fails, or the format is not made for pictures of that size.
    """
    most = MOST_SIDE.get(kind)
    if most is not None and max(image.size) > most:
        size = f"{image.width}x{image.height}"
        raise ImageError(f"cannot be saved as {kind}: {size} pixels, at most {most} wide and high")
    options = dict(LOSSLESS_OPTIONS.get(kind, {}))
    if quality is not None:
        options |= {"quality": quality, "lossless": False} if kind == "WEBP" else {"quality": quality}
    if (kind, image.mode) == ("AVIF", "L"):
        options["subsampling"] = "4:0:0"
    kept: dict[str, Any] = {}
    lost = []
    if image.mode in ("LA", "RGBA") and kind not in KEEPS_ALPHA:
        lost.append("alpha (put on white)")
        info, image = image.info, flatten(image)
        image.info = info
    dpi = image.info.get("dpi")
    if dpi and kind in KEEPS_RESOLUTION:
        options["dpi"] = dpi
    for name in METADATA:
        payload = image.info.get(name)
        if not payload:
            continue
        if name == "exif" and kind not in KEEPS_METADATA and has_only_resolution(payload):
            lost += [] if kind in KEEPS_RESOLUTION else ["resolution"]
        elif not fits(name, payload, kind, image.mode):
            lost.append(name.removesuffix("_profile").upper())
            if name == "icc_profile":
                kept[name] = None  # overrides the image's own, which Pillow would write
        elif name == "xmp" and kind == "PNG":
            chunks = PngInfo()
            chunks.add_itxt("XML:com.adobe.xmp", payload.decode("utf-8", "replace"))
            options["pnginfo"] = chunks
        elif name == "exif" and kind == "JPEG" and not payload.startswith(HEADER):
            kept[name] = HEADER + payload
        elif name == "exif" and kind == "AVIF":
            kept[name] = upright(payload)  # with an orientation, Pillow would write it anew
        else:
            kept[name] = payload
    try:
        if kind == "TIFF":
            save_tiff(image, stream, kept.get("exif"), kept.get("xmp"), kept.get("icc_profile"))
        else:
            image.save(stream, kind, **options, **kept)
    except UNREADABLE as error:
        raise ImageError(f"cannot be saved as {kind}: {error}") from error
    return lost
