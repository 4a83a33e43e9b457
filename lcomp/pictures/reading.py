"""Reading of pictures: 8-bit pixels, alpha plane, ICC profile, EXIF and XMP of whatever Pillow opens.

Every conversion of the pixels leaves a note, and so does metadata that is not kept.
"""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcomp.errors import UNREADABLE, FrameError, ImageError, LcompError, UnsupportedError
from lcomp.files import walk
from lcomp.format.container import Mode
from lcomp.log import log
from lcomp.options import MAX_PIXELS, Region, check_pixels
from lcomp.pictures import metadata as exif
from lcomp.pictures.depth import Samples, samples_of
from lcomp.pictures.extras import extras_of
from lcomp.pictures.frames import is_animated, open_file, seek
from lcomp.pictures.kept import Described, keep
from lcomp.pictures.low_bytes import low_bytes_of, name_planes, split_ppm
from lcomp.pictures.opening import bomb_errors, make_room, open_with_pillow
from lcomp.pictures.orientation import TURNS, Upright, as_bytes, icc_of, turned_upright
from lcomp.pictures.panorama import Panorama
from lcomp.pictures.partial import refuse_partial
from lcomp.pictures.pixels import convert, converted_16, samples_16
from lcomp.pictures.png import mended
from lcomp.types import Pixels, Plane

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".ppm"})
"""Suffixes of the files that count as pictures in a data set."""


@dataclass(frozen=True)
class Picture:
    """A picture ready to be encoded."""

    pixels: Pixels  # RGB [H, W, 3]; equal channels for Mode.L
    mode: Mode
    alpha: Plane | None = None  # [H, W]; None where the picture is opaque
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    low: NDArray[np.uint8] | None = None  # low bytes of 16-bit samples, whose high ones `pixels` are: [H, W] for Mode.L
    low_alpha: Plane | None = None  # those of alpha
    panorama: Panorama | None = None  # where it is an equirectangular one
    protected: tuple[Region, ...] = ()  # places that were found in it, to be coded better
    notes: tuple[str, ...] = field(default=())  # what was converted on the way in
    losses: tuple[str, ...] = field(default=())  # how the pixels differ from those of the source

    @property
    def is_deep(self) -> bool:
        """Whether samples have 16 bits."""
        return self.low is not None or self.low_alpha is not None


def pictures_below(folder: Path) -> list[Path]:
    """The files below a folder that count as pictures, sorted by name; links to folders are not followed.

    Raises LcompError where a folder cannot be read: a data set must not silently be smaller.
    """

    found = walk(folder, PICTURE_SUFFIXES)
    for error in found.errors:
        raise LcompError(f"{error.filename}: {error.strerror}") from error
    return [path for path in found.files if path.is_file()]


class Loaded(NamedTuple):
    """A decoded and upright picture."""

    upright: Upright
    described: Described
    samples: Samples
    notes: list[str]
    low: Image.Image | None  # as `low_bytes_of` has it, upright


HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

SEVERAL_VIEWS = {"MPO": "first", "HEIF": "primary one"}
"""Formats of photographs that may hold previews or other views beside the picture itself, and which one that is."""

PLAIN = (b"P1", b"P2", b"P3")
COMMENT = re.compile(rb"#[^\r\n]*")
"""Magic numbers and comments of plain PNM files, whose pixels are text."""

JPEG = b"\xff\xd8"
EXIF_SEGMENTS = 1024
"""Limit on the EXIF segments of a JPEG: Pillow takes time quadratic in their number."""

TILE_WIDTH, TILE_LENGTH = 322, 323
LARGE_TILE = 2**22
"""Pixels that a TIFF's tile may always have, however small the picture or the limit."""


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

    Raises ImageError, LimitError beyond `max_pixels`, or UnsupportedError for formats that other programs draw and for
    files of which only a part would be read.
    """
    refuse_partial(io.BytesIO(data))
    if data.startswith(JPEG) and data.count(exif.HEADER) > EXIF_SEGMENTS:
        raise ImageError(f"damaged picture: more than {EXIF_SEGMENTS} segments of EXIF")
    try:
        png = mended(data)
        image = open_with_pillow(without_comments(png.data), max_pixels) or open_heic(data)
    except UNREADABLE as error:
        raise ImageError(f"damaged picture: {error}") from error
    check_pixels(image.width, image.height, max_pixels)
    if png.profile is not None:
        image.info["icc_profile"] = png.profile
    if png.lost:
        log.warning("damaged parts of the PNG left out: %s", ", ".join(png.lost))
    return image


def pick_frame(image: Image.Image, frame: int | None, max_pixels: int) -> list[str]:
    """Seek to a frame, counted from 0; returns notes on what is left out.

    Raises FrameError where a frame must be chosen, UnsupportedError for camera raw and LcompError where the frame does
    not exist. Frames are not counted, because that takes Pillow quadratic time in a TIFF.
    """
    if (file := open_file(image, "TIFF", "FITS")) is not None:
        refuse_partial(file)
    if frame is not None:
        seek(image, frame, max_pixels)
    elif image.format in SEVERAL_VIEWS:
        if is_animated(image):
            return [f"only the {SEVERAL_VIEWS[image.format]} of several pictures in the file is encoded"]
    elif image.tell() == 0 and is_animated(image):
        raise FrameError("animated or multi-page picture")
    return []


def check_tiles(image: Image.Image, max_pixels: int) -> None:
    """Raise LimitError for a TIFF whose tiles are too large: they are decoded whole, however small the picture."""
    if image.format == "TIFF":
        width, length = (image.tag_v2.get(tag, 1) for tag in (TILE_WIDTH, TILE_LENGTH))  # type: ignore[attr-defined]
        if isinstance(width, int) and isinstance(length, int):
            check_pixels(width, length, max(max_pixels, LARGE_TILE))


def texts_like_metadata(image: Image.Image) -> list[str]:
    """Keys of an image's `info` that hold a text of a PNG, although they are those of something else."""
    names = ("transparency", "exif", "xmp", "icc_profile") if image.format == "PNG" else ("transparency",)
    return [name for name in names if isinstance(image.info.get(name), str)]


def load(image: Image.Image, frame: int | None, max_pixels: int, deep: bool) -> Loaded:
    """Decode a picture and turn it upright, with notes on what that lost; with `deep`, its low bytes too.

    Raises ImageError, UnsupportedError, LcompError for a frame that does not exist, or LimitError beyond `max_pixels`.
    """
    with bomb_errors():
        views = pick_frame(image, frame, max_pixels)
    check_pixels(image.width, image.height, max_pixels)
    check_tiles(image, max_pixels)
    if min(image.size) < 1:
        raise ImageError("picture has no pixels")
    name_planes(image)
    if deep:
        split_ppm(image)
    samples, extras = samples_of(image), extras_of(image)
    samples = samples._replace(reduced=samples.reduced or (extras.deep and not image.mode.startswith("I")))
    make_room(image)
    with bomb_errors():
        low = low_bytes_of(image) if deep and samples.reduced else None
        image.load()
    check_pixels(image.width, image.height, max_pixels)  # some formats reveal their size only now
    source, notes = image, []
    if texts := texts_like_metadata(image):
        image = image.copy()
        for name in texts:
            del image.info[name]
    try:
        turned = turned_upright(image)
    except UNREADABLE:
        turned = Upright(image, as_bytes(image.info.get("exif")), as_bytes(image.info.get("xmp")), 1)
        notes.append("unreadable EXIF kept as it is")
    described = Described(source, extras, turned.orientation, icc_of(image), turned.exif, turned.xmp)
    if not described.has_only_a_gain_map:
        notes += views
    if low is not None and turned.orientation in TURNS:
        low = low.transpose(TURNS[turned.orientation])
    return Loaded(turned, described, samples, notes, low)


def decode_pixels(image: Image.Image, frame: int | None, max_pixels: int, deep: bool = False) -> None:
    """Decode a picture, or its frame `frame`, so that `to_picture` has it decoded already; raises as that does."""
    try:
        load(image, frame, max_pixels, deep)
    except UNREADABLE as error:
        raise ImageError(f"damaged picture: {error}") from error


def is_closed(image: Image.Image) -> bool:
    """Whether an image was closed, or its file before it was decoded."""
    if getattr(image, "tile", []):
        file = getattr(image, "fp", None)
        return file is None or file.closed
    try:
        _ = image.im
    except ValueError:
        return True
    except AssertionError:  # not decoded yet
        return False
    return False


def to_picture(
    image: Image.Image, frame: int | None = None, max_pixels: int = MAX_PIXELS, deep: bool = False
) -> Picture:
    """Pixels and metadata of a Pillow image, of its frame `frame` (counted from 0) where it has several.

    With `deep`, samples of 16 bits are kept where that is possible, and else reduced to 8 as without.

    Raises ImageError for damaged pictures, LimitError for those of more than `max_pixels` pixels, UnsupportedError for
    those that cannot be coded, LcompError for a frame that does not exist and for an image that is closed, and
    TypeError for anything that is no image.
    """
    if not isinstance(image, Image.Image):
        raise TypeError(f"a Pillow image is needed, as of PIL.Image.open, not {type(image).__name__}")
    if is_closed(image):
        raise LcompError("the image is closed: its file must stay open until it is encoded")
    try:
        loaded = load(image, frame, max_pixels, deep)
        samples = samples_16(loaded.upright.image, loaded.low, loaded.samples) if deep else None
        if samples is None:
            converted = convert(loaded.upright.image, loaded.described.source.format, loaded.samples)
        else:
            converted = converted_16(samples)
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
        low=converted.low,
        low_alpha=converted.low_alpha,
        notes=(*loaded.notes, *converted.notes, *kept.notes),
        losses=converted.losses,
    )
