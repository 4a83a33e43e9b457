"""Pictures in: what Pillow opens becomes 8-bit pixels, an alpha plane where it has one, and its ICC profile, EXIF, XMP.

Every conversion of the pixels leaves a note. Other metadata (resolution, comments) is not kept.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from lcomp.alpha import Plane
from lcomp.container import Mode
from lcomp.errors import UNREADABLE, ImageError, LcompError, LimitError, UnsupportedError
from lcomp.pixels import DEEP, convert

MAX_PIXELS = 2**28
"""Default limit on width * height."""

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".ppm"}
"""Files that count as pictures in a folder."""


READABLE_SUFFIXES = frozenset(
    PICTURE_SUFFIXES | {".gif", ".heic", ".heif", ".jfif", ".jp2", ".pbm", ".pgm", ".pnm", ".tga"}
)
"""Files in a folder that are worth an attempt to encode them."""

ATTRIBUTES = "._"
"""How the names of files begin that hold a Mac's attributes of others, whatever their suffix."""


@dataclass(frozen=True)
class Picture:
    """A picture ready to be encoded."""

    pixels: NDArray[np.uint8]  # RGB [H, W, 3]; equal channels for Mode.L
    mode: Mode
    alpha: Plane | None = None  # [H, W]; None where the picture is opaque
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = field(default=())  # what was converted on the way in


def pictures_below(folder: Path) -> list[Path]:
    """The files below a folder that count as pictures, by name; links to folders are not followed.

    Raises LcompError where a folder cannot be read: what is measured or trained on must not depend on that.
    """

    def refuse(error: OSError) -> None:
        raise LcompError(f"{error.filename}: {error.strerror}") from error

    paths = (Path(place, name) for place, _, names in os.walk(folder, onerror=refuse) for name in names)
    return sorted(
        path
        for path in paths
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(ATTRIBUTES) and path.is_file()
    )


class Loaded(NamedTuple):
    """A decoded and upright picture."""

    image: Image.Image
    kind: str | None  # the format it was read from
    notes: list[str]


SRGB_GAMMA = 0.45455
"""What PNG files of ordinary pictures say."""

HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

SEVERAL_VIEWS = ("MPO", "HEIF")
"""Formats of photographs that may hold previews or other views beside the picture itself."""

PROGRAMS = ("EPS", "WMF")
"""Formats that Pillow hands to Ghostscript or Windows, whatever the file is called: they may do and print anything."""

PLAIN = (b"P1", b"P2", b"P3")
COMMENT = re.compile(rb"#[^\r\n]*")
"""Of PNM files whose pixels are text."""

EXIF_ORIENTATION = 0x0112
TIFF_DESCRIPTIVE_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
"""Description, make, model, software, date, artist, copyright: the tags that do not describe the file's layout."""
EXIF_DIRECTORIES = (0x8769, 0x8825)
"""The EXIF and GPS directories."""


@contextlib.contextmanager
def pixel_limit(max_pixels: int) -> Iterator[None]:
    """Have Pillow raise LimitError for what a file turns out to hold: another frame, a picture within the picture.

    Its own guard only warns up to twice as many pixels as it is told; `check_pixels` sees to those.
    """
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LimitError(f"picture has more than {max_pixels} pixels (see --max-pixels)") from error
    finally:
        Image.MAX_IMAGE_PIXELS = before


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise LimitError for a picture of more than `max_pixels` pixels."""
    if width * height > max_pixels:
        raise LimitError(f"picture has {width}x{height} pixels (limit {max_pixels}, see --max-pixels)")


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
    """A PNM file whose pixels are text without its comments: each of them would cost Pillow a copy of the rest.

    A comment ends a number, as it does where netpbm reads it.
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
    """Open any picture Pillow or pillow-heif reads, its pixels not decoded yet; raises ImageError or LimitError."""
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


def as_bytes(payload: object) -> bytes | None:
    """Metadata as bytes, in whatever form a caller or a file has put it into an image's `info`, or None."""
    if isinstance(payload, Image.Exif):
        return payload.tobytes()
    if isinstance(payload, str):
        payload = payload.encode(errors="replace")
    return payload or None if isinstance(payload, bytes) else None


def pick_frame(image: Image.Image, frame: int | None) -> list[str]:
    """Go to a frame, counted from 0, and say what is left out; raises UnsupportedError where one must be named.

    Frames are not counted: that takes Pillow the square of their number in a TIFF.
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


def turn_upright(image: Image.Image) -> Image.Image:
    """The picture as its EXIF or XMP orientation asks, which is reset; not a copy where nothing is to be done."""
    orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    exif = tiff_exif(image) if image.format == "TIFF" else image.info.get("exif")
    if "Raw profile type exif" in image.info and not exif:
        exif = image.getexif().tobytes()
    if exif != image.info.get("exif"):
        # Pillow keeps these tags apart from the EXIF of other formats
        image = image.copy()
        image.info["exif"] = exif
        if orientation != 1:
            image.getexif()[EXIF_ORIENTATION] = orientation
    return image if orientation == 1 else ImageOps.exif_transpose(image)


def load(image: Image.Image, frame: int | None, max_pixels: int) -> Loaded:
    """The upright picture, its pixels decoded, and notes on what that lost.

    Raises ImageError, UnsupportedError, or LimitError beyond `max_pixels`.
    """
    with pixel_limit(max_pixels):
        notes = pick_frame(image, frame)
    check_pixels(image.width, image.height, max_pixels)
    if min(image.size) < 1:
        raise ImageError("picture has no pixels")
    if is_deep(image) and not image.mode.startswith("I"):
        notes.append(DEEP)
    with pixel_limit(max_pixels):
        image.load()
    check_pixels(image.width, image.height, max_pixels)  # some formats only say now
    gamma = image.info.get("gamma", SRGB_GAMMA)
    # a text of that name is no gamma
    if isinstance(gamma, float) and abs(gamma - SRGB_GAMMA) > 0.01 and not image.info.get("icc_profile"):
        notes.append("PNG gamma ignored")
    try:
        return Loaded(turn_upright(image), image.format, notes)
    except UNREADABLE:
        return Loaded(image, image.format, [*notes, "unreadable EXIF kept as it is"])


def to_picture(image: Image.Image, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Pixels and metadata of a Pillow image, of its frame `frame` (counted from 0) where it has several.

    Raises ImageError for damaged pictures, LimitError for those of more than `max_pixels` pixels and UnsupportedError
    for those that cannot be coded.
    """
    try:
        upright, kind, notes = load(image, frame, max_pixels)
        converted = convert(upright, kind)
    except UNREADABLE as error:
        raise ImageError(f"damaged picture: {error}") from error
    info = upright.info
    return Picture(
        converted.pixels,
        converted.mode,
        converted.alpha,
        icc=as_bytes(info.get("icc_profile")) if converted.keeps_profile else None,
        exif=as_bytes(info.get("exif")),
        xmp=as_bytes(info.get("xmp")),
        notes=(*notes, *converted.notes),
    )
