"""Reading of pictures: 8-bit pixels, alpha plane, ICC profile, EXIF and XMP of whatever Pillow opens.

Every conversion of the pixels leaves a note, and so does metadata that is not kept.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from lcomp.errors import UNREADABLE, ImageError, LcompError, LimitError, UnsupportedError
from lcomp.files import walk
from lcomp.format.container import MAX_METADATA, Mode
from lcomp.options import MAX_PIXELS, check_pixels
from lcomp.pictures import metadata as exif
from lcomp.pictures.depth import Samples, samples_of
from lcomp.pictures.extras import extras_of
from lcomp.pictures.kept import Described, keep
from lcomp.pictures.pixels import convert
from lcomp.pictures.tags import upright
from lcomp.pictures.xmp import XMP_TURN, upright_xmp
from lcomp.types import Pixels, Plane

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".ppm"})
"""Suffixes of the files that count as pictures in a data set."""


READABLE_SUFFIXES = (
    PICTURE_SUFFIXES
    | {".apng", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpx", ".pbm"}
    | {".pcx", ".pfm", ".pgm", ".pnm", ".psd", ".sgi", ".tga"}
)
"""Suffixes of the files in a folder that are tried as pictures to encode."""


@dataclass(frozen=True)
class Picture:
    """A picture ready to be encoded."""

    pixels: Pixels  # RGB [H, W, 3]; equal channels for Mode.L
    mode: Mode
    alpha: Plane | None = None  # [H, W]; None where the picture is opaque
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = field(default=())  # what was converted on the way in


def pictures_below(folder: Path) -> list[Path]:
    """The files below a folder that count as pictures, sorted by name; links to folders are not followed.

    Raises LcompError where a folder cannot be read: a data set must not silently be smaller.
    """

    found = walk(folder, PICTURE_SUFFIXES)
    for error in found.errors:
        raise LcompError(f"{error.filename}: {error.strerror}") from error
    return [path for path in found.files if path.is_file()]


class Upright(NamedTuple):
    """A decoded picture turned upright, and its metadata without the orientation."""

    image: Image.Image
    exif: bytes | None
    xmp: bytes | None
    orientation: int  # that it had


class Loaded(NamedTuple):
    """A decoded and upright picture."""

    upright: Upright
    described: Described
    samples: Samples
    notes: list[str]


HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

SEVERAL_VIEWS = ("MPO", "HEIF")
"""Formats of photographs that may hold previews or other views beside the picture itself."""

PROGRAMS = ("EPS", "WMF")
"""Formats that Pillow has Ghostscript or Windows draw, whatever the suffix: those may do and print anything."""

PLAIN = (b"P1", b"P2", b"P3")
COMMENT = re.compile(rb"#[^\r\n]*")
"""Magic numbers and comments of plain PNM files, whose pixels are text."""

JPEG = b"\xff\xd8"
EXIF_SEGMENTS = 1024
"""Limit on the EXIF segments of a JPEG: Pillow takes time quadratic in their number."""

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

TILE_WIDTH, TILE_LENGTH = 322, 323
LARGE_TILE = 2**22
"""Pixels that a TIFF's tile may always have, however small the picture or the limit."""


@contextlib.contextmanager
def pixel_limit(max_pixels: int) -> Iterator[None]:
    """Set Pillow's guard against decompression bombs, for embedded pictures and other frames; raises LimitError.

    The guard only warns up to twice its limit, where `check_pixels` takes over. The limit on PNG texts becomes
    MAX_METADATA, so that PNG may hold as much metadata as a `.lic`.
    """
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = max_pixels, MAX_METADATA
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LimitError(f"picture has more than {max_pixels} pixels (see --max-pixels)") from error
    finally:
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = before


def open_heic(data: bytes) -> Image.Image:
    """Open a HEIC picture with pillow-heif; raises ImageError for anything else."""
    if data[4:8] != b"ftyp" or data[8:12] not in HEIC_BRANDS:
        raise ImageError("not a picture that can be read")
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise UnsupportedError("HEIC pictures need an extra: pip install 'lcomp[heic]'") from error
    image: Image.Image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
    return image


def without_comments(data: bytes) -> bytes:
    """Strip the comments of a plain PNM file: Pillow copies the rest of the file for each, in quadratic time.

    A comment ends a number, as in netpbm.
    """
    if not data.startswith(PLAIN):
        return data
    kept, position = io.BytesIO(), 0
    for comment in COMMENT.finditer(data):
        kept.write(data[position : comment.start()])
        position = comment.end()
    kept.write(data[position:])
    return kept.getvalue()


def open_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open any picture that Pillow or pillow-heif reads, without decoding its pixels.

    Raises ImageError, LimitError beyond `max_pixels`, or UnsupportedError for formats that other programs draw.
    """
    if data.startswith(JPEG) and data.count(exif.HEADER) > EXIF_SEGMENTS:
        raise ImageError(f"damaged picture: more than {EXIF_SEGMENTS} segments of EXIF")
    try:
        with pixel_limit(max_pixels):
            try:
                image: Image.Image = Image.open(io.BytesIO(without_comments(data)))
            except UnidentifiedImageError:
                image = open_heic(data)
    except UNREADABLE as error:
        raise ImageError(f"damaged picture: {error}") from error
    if image.format in PROGRAMS:
        raise UnsupportedError(f"{image.format} files are drawn by other programs, which nothing here would bound")
    check_pixels(image.width, image.height, max_pixels)
    return image


def as_bytes(payload: object) -> bytes | None:
    """Metadata from an image's `info` as bytes, whatever type it has there; None for nothing or another type."""
    if isinstance(payload, Image.Exif):
        return payload.tobytes()
    if isinstance(payload, str):
        payload = payload.encode(errors="replace")
    return payload or None if isinstance(payload, bytes) else None


def pick_frame(image: Image.Image, frame: int | None) -> list[str]:
    """Seek to a frame, counted from 0; returns notes on what is left out.

    Raises UnsupportedError where a frame must be chosen, LcompError where it does not exist. Frames are not counted,
    because that takes Pillow quadratic time in a TIFF.
    """
    if frame is not None:
        try:
            if frame != image.tell():
                image.seek(frame)
        except EOFError as error:
            raise LcompError(f"there is no frame {frame} in the picture") from error
    elif getattr(image, "is_animated", False):
        if image.format in SEVERAL_VIEWS:
            return ["only the first of several pictures in the file is encoded"]
        if image.tell() == 0:
            raise UnsupportedError("animated or multi-page picture: choose a frame with --frame N, counted from 0")
    return []


def check_tiles(image: Image.Image, max_pixels: int) -> None:
    """Raise LimitError for a TIFF whose tiles are too large: they are decoded whole, however small the picture."""
    if image.format == "TIFF":
        width, length = (image.tag_v2.get(tag, 1) for tag in (TILE_WIDTH, TILE_LENGTH))  # type: ignore[attr-defined]
        if isinstance(width, int) and isinstance(length, int):
            check_pixels(width, length, max(max_pixels, LARGE_TILE))


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


def load(image: Image.Image, frame: int | None, max_pixels: int) -> Loaded:
    """Decode a picture and turn it upright, with notes on what that lost.

    Raises ImageError, UnsupportedError, LcompError for a frame that does not exist, or LimitError beyond `max_pixels`.
    """
    with pixel_limit(max_pixels):
        views = pick_frame(image, frame)
    check_pixels(image.width, image.height, max_pixels)
    check_tiles(image, max_pixels)
    if min(image.size) < 1:
        raise ImageError("picture has no pixels")
    samples, extras = samples_of(image), extras_of(image)
    with pixel_limit(max_pixels):
        image.load()
    check_pixels(image.width, image.height, max_pixels)  # some formats reveal their size only now
    source, notes = image, []
    if isinstance(image.info.get("transparency"), str):  # a PNG text of that name
        image = image.copy()
        del image.info["transparency"]
    try:
        turned = turned_upright(image)
    except UNREADABLE:
        turned = Upright(image, as_bytes(image.info.get("exif")), as_bytes(image.info.get("xmp")), 1)
        notes.append("unreadable EXIF kept as it is")
    described = Described(source, extras, turned.orientation, icc_of(source), turned.exif, turned.xmp)
    if not described.has_only_a_gain_map:
        notes += views
    return Loaded(turned, described, samples, notes)


def to_picture(image: Image.Image, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Pixels and metadata of a Pillow image, of its frame `frame` (counted from 0) where it has several.

    Raises ImageError for damaged pictures, LimitError for those of more than `max_pixels` pixels, UnsupportedError for
    those that cannot be coded and LcompError for a frame that does not exist.
    """
    try:
        loaded = load(image, frame, max_pixels)
        converted = convert(loaded.upright.image, loaded.described.source.format, loaded.samples)
        kept = keep(loaded.described, loaded.upright.image.size, converted.mode, converted.keeps_profile)
    except UNREADABLE as error:
        raise ImageError(f"damaged picture: {error}") from error
    return Picture(
        converted.pixels,
        converted.mode,
        converted.alpha,
        icc=kept.icc,
        exif=kept.exif,
        xmp=kept.xmp,
        notes=(*loaded.notes, *converted.notes, *kept.notes),
    )
