"""Opening of pictures with Pillow's plugins, but without its limit on pixels, which belongs to the whole process."""

import contextlib
import io
import struct
from collections.abc import Iterator

from PIL import Image
from PIL.IcnsImagePlugin import IcnsFile, IcnsImageFile
from PIL.IcoImagePlugin import IcoFile, IcoImageFile

from lcomp.errors import LimitError, UnsupportedError
from lcomp.options import check_pixels
from lcomp.pictures.directories import HEIGHT, WIDTH
from lcomp.pictures.grey_alpha import open_grey_alpha

PROGRAMS = ("EPS", "WMF")
"""Formats that Pillow has Ghostscript or Windows draw, whatever the suffix: those may do and print anything."""

UNDECODED = ("BUFR", "GRIB", "HDF5", "IPTC", "MPEG", "LIC")
"""Formats that Pillow recognises, but does not decode, or hands to `Image.open` again; `.lic` files are no input."""

HEIC_SUFFIXES = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})
"""Suffixes of the files that pillow-heif reads."""

OTHER_SUFFIXES = frozenset({".mpo"})
"""Suffixes of files that Pillow reads but does not name."""

ICO, ICNS = b"\0\0\1\0", b"icns"

OLD_BITMAP = b"\x0c\0\0\0"
"""How a bitmap begins whose header has 16 bits for width and height."""

PNG, JPEG_2000 = b"\x89PNG\r\n\x1a\n", (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")
"""How the pictures in an icon begin where they are files of their own."""

TOO_LARGE = "picture is larger than Pillow's limit for the whole process (PIL.Image.MAX_IMAGE_PIXELS)"


@contextlib.contextmanager
def bomb_errors() -> Iterator[None]:
    """Turn the errors of Pillow's own guard, which a few plugins ask, into LimitError."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LimitError(TOO_LARGE) from error


def readable_suffixes() -> frozenset[str]:
    """Suffixes of the files that can be read, in lower case; imports all plugins, which takes Pillow 0.1 s."""
    known = Image.registered_extensions()
    closed = (*PROGRAMS, *UNDECODED)
    opened = {suffix for suffix, kind in known.items() if kind in Image.OPEN and kind not in closed}
    return HEIC_SUFFIXES | OTHER_SUFFIXES | opened


def picture_suffixes() -> frozenset[str]:
    """Suffixes of all files that are pictures, whether they can be read or not."""
    return readable_suffixes() | set(Image.registered_extensions())


def identify(data: bytes) -> Image.Image | None:
    """Open a picture with the first plugin that takes it, as `Image.open` does; None where none does.

    Its pixels are not decoded, but for icons. Raises what plugins raise for damaged pictures, and UnsupportedError for
    formats that other programs draw.
    """
    tried: set[str] = set()
    for imports in (Image.preinit, Image.init):
        imports()
        for kind in [kind for kind in Image.ID if kind not in tried]:
            tried.add(kind)
            factory, accepts = Image.OPEN[kind]
            if kind in UNDECODED:
                continue
            with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
                if not (accepts is None or accepts(data[:16]) is True):
                    continue
                if kind in PROGRAMS:
                    raise UnsupportedError(f"{kind} files are drawn by other programs, which nothing here would bound")
                return factory(io.BytesIO(data), "")
    return None


def check_webp(data: bytes, max_pixels: int) -> None:
    """Raise LimitError for a WebP whose header says that it is too large: its decoder takes memory as it is opened."""
    kind = data[12:16] if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else b""
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[start : start + 3], "little") for start in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:  # at most 16383x16383
        width, height = (int.from_bytes(data[start : start + 2], "little") & 0x3FFF for start in (26, 28))
    if kind in (b"VP8X", b"VP8L", b"VP8 "):
        check_pixels(width, height, max_pixels)


def check_icon(data: bytes, max_pixels: int) -> None:
    """Raise LimitError for an icon in which a picture is too large, whatever the icon itself says.

    Raises what plugins raise for damaged pictures.
    """
    places: list[tuple[int, int]] = []
    if data.startswith(ICO):
        places = [(entry.offset, 24) for entry in IcoFile(io.BytesIO(data)).entry]
    elif data.startswith(ICNS):
        places = list(IcnsFile(io.BytesIO(data)).dct.values())
    for start, length in places:
        head = data[start : start + length]
        if head.startswith(PNG):
            width, height = struct.unpack_from(">II", head, 16)
            check_pixels(width, height, max_pixels)
        elif head.startswith(JPEG_2000):
            picture = identify(head)
            if picture is not None:
                check_pixels(picture.width, picture.height, max_pixels)
        elif data.startswith(ICO) and len(head) >= 12:  # a bitmap with its mask below
            width, height = struct.unpack_from("<HH" if head[:4] == OLD_BITMAP else "<ii", head, 4)
            check_pixels(abs(width), abs(height) // 2, max_pixels)


def best_of_icon(image: Image.Image) -> Image.Image:
    """The largest picture of an icon, with the most colours: Pillow takes the least, or goes by the size in points."""
    if isinstance(image, IcnsImageFile):
        image.best_size = max(image.info["sizes"], key=lambda size: size[0] * size[2])
        image.size = image.best_size[0] * image.best_size[2], image.best_size[1] * image.best_size[2]
    elif isinstance(image, IcoImageFile):
        entries = image.ico.entry
        best = max(range(len(entries)), key=lambda number: (entries[number].square, entries[number].color_depth))
        return image.ico.frame(best) if best else image
    return image


def open_with_pillow(data: bytes, max_pixels: int) -> Image.Image | None:
    """Open a picture without decoding it; None where it is none that Pillow reads.

    Raises LimitError beyond `max_pixels`, before memory of that size is taken, UnsupportedError for formats that other
    programs draw, and what plugins raise for damaged pictures.
    """
    check_webp(data, max_pixels)
    check_icon(data, max_pixels)
    with bomb_errors():
        image = identify(data) or open_grey_alpha(data)
    if image is not None:
        check_pixels(image.width, image.height, max_pixels)
        return best_of_icon(image)
    return None


def make_room(image: Image.Image) -> None:
    """Give a TIFF that is not decoded yet its memory: Pillow would ask its guard first."""
    if image.format == "TIFF" and getattr(image, "tile", []):
        tags = image.tag_v2  # type: ignore[attr-defined]
        image.im = Image.new(image.mode, (tags[WIDTH], tags[HEIGHT])).im
