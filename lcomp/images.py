"""Pictures in and out: what Pillow opens becomes RGB or grey pixels plus its ICC profile, EXIF and XMP.

Every conversion of the pixels leaves a note. Other metadata (resolution, comments) is not kept.
"""

import io
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from lcomp.container import Mode
from lcomp.errors import ImageError, LimitError, UnsupportedError

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

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".ppm"}
"""Files that count as pictures in a folder."""

KEEPS_ICC = {"PNG", "WEBP", "TIFF", "JPEG", "AVIF"}
KEEPS_EXIF = {"PNG", "WEBP", "TIFF", "JPEG", "AVIF"}
KEEPS_XMP = {"PNG", "WEBP", "JPEG", "AVIF"}

JPEG_SEGMENT = 65000
"""Largest EXIF or XMP payload that fits into one JPEG segment, with its header."""

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


UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, TypeError, struct.error)
"""What Pillow raises for damaged pictures and metadata."""

SRGB_GAMMA = 0.45455
"""What PNG files of ordinary pictures say."""

EXIF_ORIENTATION = 0x0112
TIFF_DESCRIPTIVE_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
"""Description, make, model, software, date, artist, copyright: the tags that do not describe the file's layout."""
EXIF_DIRECTORIES = (0x8769, 0x8825)
"""The EXIF and GPS directories."""


def open_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open any picture Pillow reads, its pixels not decoded yet; raises ImageError or LimitError."""
    try:
        image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise ImageError("not a picture that can be read") from error
    except UNREADABLE as error:
        raise ImageError(f"damaged picture: {error}") from error
    if image.width * image.height > max_pixels:
        raise LimitError(f"picture has {image.width}x{image.height} pixels (limit {max_pixels})")
    return image


def is_deep(image: Image.Image) -> bool:
    """Whether loading the picture will reduce its colours to 8 bits; Pillow forgets it once that is done."""
    for tile in getattr(image, "tile", []):
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if tile.codec_name == "SGI16" or any(";16" in str(argument) for argument in arguments):
            return True
        if tile.codec_name == "ppm" and isinstance(arguments[-1], int) and arguments[-1] > 255:
            return True
    return False


def tiff_exif(image: Image.Image) -> bytes | None:
    """The descriptive part of a TIFF's tags as EXIF."""
    source, kept = image.getexif(), Image.Exif()
    for tag in TIFF_DESCRIPTIVE_TAGS:
        if tag in source:
            kept[tag] = source[tag]
    for directory in EXIF_DIRECTORIES:
        kept.get_ifd(directory).update(source.get_ifd(directory))
    return kept.tobytes() if len(kept) or any(kept.get_ifd(directory) for directory in EXIF_DIRECTORIES) else None


def flatten_alpha(image: Image.Image) -> Image.Image:
    """Drop an alpha channel that is opaque everywhere; raises UnsupportedError for a real one."""
    straight = {"La": "LA", "RGBa": "RGBA"}
    if image.mode in straight:
        image = image.convert(straight[image.mode])
    alpha = image.convert("RGBA").getchannel("A")
    if alpha.getextrema()[0] != 255:
        raise UnsupportedError("transparency is not supported yet: flatten the picture first")
    return image.convert("L" if image.mode in ("LA", "La", "L", "1") else "RGB")


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
        raise UnsupportedError("pixels beyond 16 bits are not supported")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def as_bytes(payload: bytes | str | Image.Exif | None) -> bytes | None:
    """Metadata as bytes, in whatever form a caller has put it into an image's `info`."""
    if isinstance(payload, Image.Exif):
        return payload.tobytes()
    return (payload.encode() if isinstance(payload, str) else payload) or None


def load(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """The upright picture, its pixels decoded, and notes on what that lost; raises ImageError or UnsupportedError."""
    notes = []
    if getattr(image, "n_frames", 1) > 1 and image.tell() == 0:
        if image.format != "MPO":
            raise UnsupportedError("animated and multi-page pictures are not supported yet: extract a frame first")
        notes.append("only the first of several pictures in the file is encoded")
    if is_deep(image) and not image.mode.startswith("I"):
        notes.append("16 bits per channel reduced to 8")
    if min(image.size) < 1:
        raise ImageError("picture has no pixels")
    image.load()
    if abs(image.info.get("gamma", SRGB_GAMMA) - SRGB_GAMMA) > 0.01 and not image.info.get("icc_profile"):
        notes.append("PNG gamma ignored")
    if image.format == "TIFF":
        # Pillow keeps a TIFF's tags apart from the EXIF of other formats
        exif = tiff_exif(image)
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
        image = image.copy()
        if exif:
            image.info["exif"] = exif
        if orientation != 1:
            tags = image.getexif()
            tags[EXIF_ORIENTATION] = orientation
    try:
        return ImageOps.exif_transpose(image), notes
    except UNREADABLE:
        return image, [*notes, "unreadable EXIF kept as it is"]


def to_picture(image: Image.Image) -> Picture:
    """Pixels and metadata of a Pillow image.

    Raises ImageError for damaged pictures and UnsupportedError for those that cannot be coded yet.
    """
    try:
        image, notes = load(image)
    except UNREADABLE as error:
        raise ImageError(f"damaged picture: {error}") from error
    info = image.info
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in info:
        image = flatten_alpha(image)
        notes.append("opaque alpha channel dropped")
    elif image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        image = from_sixteen_bits(image)
        notes.append("16 bits per channel reduced to 8")
    elif image.mode == "CMYK":
        image = from_cmyk(image)
        info = {name: payload for name, payload in info.items() if name != "icc_profile"}
        notes.append("CMYK converted to sRGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "YCbCr", "RGBX"):
        image = image.convert("RGB")
    elif image.mode not in ("RGB", "L"):
        raise UnsupportedError(f"pixel mode {image.mode} is not supported")
    return Picture(
        pixels=np.array(image.convert("RGB")),
        mode=Mode.L if image.mode == "L" else Mode.RGB,
        icc=info.get("icc_profile") or None,
        exif=as_bytes(info.get("exif")),
        xmp=as_bytes(info.get("xmp")),
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
        if kind not in keeps or (kind == "JPEG" and name != "icc_profile" and len(payload) > JPEG_SEGMENT):
            lost.append(name.removesuffix("_profile").upper())
        elif name == "xmp" and kind == "PNG":
            chunks = PngInfo()
            chunks.add_itxt("XML:com.adobe.xmp", payload.decode("utf-8", "replace"))
            options["pnginfo"] = chunks
        else:
            options[name] = payload
    try:
        image.save(stream, kind, **options)
    except (*UNREADABLE, RuntimeError, KeyError) as error:
        raise ImageError(f"cannot be saved as {kind}: {error}") from error
    return lost
