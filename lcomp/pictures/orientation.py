"""Pictures turned upright, by the orientation in EXIF or XMP, and their metadata from wherever a format stores it."""

from typing import NamedTuple

from PIL import Image

from lcomp.pictures import metadata as exif
from lcomp.pictures.tags import upright
from lcomp.pictures.xmp import XMP_TURN, upright_xmp

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn a picture upright, by EXIF orientation (1 is upright)."""

XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"


class Upright(NamedTuple):
    """A decoded picture turned upright, and its metadata without the orientation."""

    image: Image.Image
    exif: bytes | None
    xmp: bytes | None
    orientation: int  # that it had


def as_bytes(payload: object) -> bytes | None:
    """Metadata from an image's `info` as bytes, whatever type it has there; None for nothing or another type."""
    if isinstance(payload, Image.Exif):
        return payload.tobytes()
    if isinstance(payload, str):
        payload = payload.encode(errors="replace")
    return payload or None if isinstance(payload, bytes) else None


def exif_of(image: Image.Image) -> bytes | None:
    """The EXIF of a picture as bytes, from wherever its format stores it."""
    if image.format == "TIFF":
        return exif.of_tiff(image)
    return as_bytes(image.info.get("exif")) or exif.of_raw_profile(image.info, "exif")


def xmp_of(image: Image.Image) -> bytes | None:
    """The XMP of a picture or of its frame."""
    segments = getattr(image, "applist", []) if image.format == "MPO" else []
    if image.format == "MPO" and image.tell() and not any(part.startswith(XMP_SEGMENT) for _, part in segments):
        return None  # Pillow leaves that of the first picture
    return as_bytes(image.info.get("xmp")) or exif.of_raw_profile(image.info, "xmp")


def icc_of(image: Image.Image) -> bytes | None:
    """The ICC profile of a picture."""
    info = image.info
    return as_bytes(info.get("icc_profile")) or exif.of_raw_profile(info, "icc") or exif.of_raw_profile(info, "icm")


def orientation_of(image: Image.Image, known: bytes | None, xmp: bytes | None) -> int | None:
    """The orientation in EXIF, else in XMP, even where ImageMagick stored them; None without one."""
    orientation: int | None = image.getexif().get(exif.ORIENTATION)
    if orientation is None and known and "exif" not in image.info:
        tags = Image.Exif()
        tags.load(known)
        orientation = tags.get(exif.ORIENTATION)
    if orientation is None and xmp and "xmp" not in image.info and (found := XMP_TURN.search(xmp)):
        orientation = int(found[1])
    return orientation


def turned_upright(image: Image.Image) -> Upright:
    """Apply the orientation of EXIF or XMP; without one the image itself is returned, not a copy."""
    known, xmp = exif_of(image), xmp_of(image)
    orientation = orientation_of(image, known, xmp)
    if xmp and orientation is not None:
        xmp = upright_xmp(xmp)
    if orientation not in TURNS:
        return Upright(image, known, xmp, 1)
    return Upright(image.transpose(TURNS[orientation]), known and upright(known), xmp, orientation)
