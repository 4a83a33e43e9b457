"""EXIF as bytes and as the tags of TIFF files."""

from collections.abc import Mapping

from PIL import Image

from lcomp.errors import UNREADABLE

HEADER = b"Exif\0\0"
"""Prefix of EXIF in JPEG, and often elsewhere."""

BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
WRONG_BYTE_ORDERS = {b"II\0*": "<", b"MM*\0": ">"}
"""TIFF headers with the 42 in the wrong byte order, which Pillow accepts all the same."""

ENTRY = 12
"""Bytes of an entry in an image file directory (IFD)."""

ORIENTATION = 0x0112

DIRECTORIES = (0x8769, 0x8825)
"""Tags that point to the EXIF and GPS IFDs."""

INTEROPERABILITY = 0xA005
"""Tag that points to the interoperability IFD, which Pillow does not copy with its entry."""

DESCRIPTIVE_TAGS = (
    *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298),
    *(*range(0x9C9B, 0x9CA0), 0xC614),
)
"""Names of document and page, description, make, model, software, date, artist, computer, copyright, Windows' tags,
camera: none describes the layout."""

XMP, PROFILE = 700, 34675
"""TIFF tags of XMP and of the ICC profile."""

LAYOUT_TAGS = {*range(254, 269), *range(273, 282), 284, *range(317, 347), *range(512, 533), *range(32995, 32999)}
"""Tags that describe how a file stores its pixels; EXIF may repeat those of the file it comes from."""

RAW_PROFILE = "Raw profile type "
"""Start of the names of the PNG texts in which ImageMagick stores metadata."""

RAW_PROFILES = frozenset({"exif", "xmp", "icc", "icm", "APP1"})
"""How the names of those go on that are read; APP1 is EXIF or XMP."""

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
"""Prefix of XMP in JPEG."""


class Latin(str):
    """Text that Pillow writes as it has read it: of a plain str it writes what is not ASCII as question marks."""

    def encode(self, encoding: str = "latin-1", errors: str = "replace") -> bytes:
        """The bytes that were read, whatever encoding is asked for."""
        return str.encode(self, "latin-1", "replace")


def unchanged(value: object) -> object:
    """A tag's value in a form that Pillow writes unchanged."""
    return Latin(value) if isinstance(value, str) else value


def head_of(exif: bytes) -> int:
    """Offset of the TIFF header in EXIF, after HEADER, which may be repeated."""
    start = 0
    while exif.startswith(HEADER, start):
        start += len(HEADER)
    return start


def is_readable(exif: bytes) -> bool:
    """Whether EXIF can be parsed, as Pillow does to write AVIF."""
    start = head_of(exif)
    try:
        as_tiff(exif, None)
    except UNREADABLE:
        return False
    return exif[start : start + 4] in BYTE_ORDERS


def of_raw_profile(info: Mapping[str | tuple[int, int], object], kind: str) -> bytes | None:
    """The metadata of a kind in ImageMagick's PNG texts: three lines of header, then hexadecimal digits.

    None where there is none, or it is malformed.
    """
    for name, prefix in ((kind, b""), ("APP1", XMP_HEADER if kind == "xmp" else HEADER)):
        text = info.get(RAW_PROFILE + name)
        if isinstance(text, str):
            try:
                payload = bytes.fromhex("".join(text.split("\n")[3:]))
            except ValueError:
                continue
            if payload.startswith(prefix):
                return payload.removeprefix(prefix) if kind == "xmp" else payload
    return None


def settled(tags: Image.Exif, directory: int) -> dict[int, object]:
    """The entries of an IFD in a form that Pillow writes unchanged."""
    entries: dict[int, object] = {tag: unchanged(value) for tag, value in tags.get_ifd(directory).items()}
    if INTEROPERABILITY in entries:  # an offset into the old file: replaced by the IFD itself, or dropped without one
        del entries[INTEROPERABILITY]
        if further := tags.get_ifd(INTEROPERABILITY):
            entries[INTEROPERABILITY] = dict(further)
    return entries


def of_tiff(image: Image.Image) -> bytes | None:
    """The descriptive tags of a TIFF as EXIF; None where it has none."""
    source, kept = image.getexif(), Image.Exif()
    kept.endian = source.endian
    for tag in DESCRIPTIVE_TAGS:
        if tag in source:
            kept[tag] = unchanged(source[tag])
    directories = {directory: settled(source, directory) for directory in DIRECTORIES}
    for directory, entries in directories.items():
        if entries:
            kept.get_ifd(directory).update(entries)
    return kept.tobytes() if len(kept) or any(directories.values()) else None


def as_tiff(exif: bytes | None, xmp: bytes | None) -> Image.Exif:
    """EXIF and XMP as tags of a TIFF, without those that describe the layout of the file they come from."""
    tags = Image.Exif()
    if exif:
        tags.load(exif)
        for tag, value in list(tags.items()):
            tags[tag] = unchanged(value)
        for directory in DIRECTORIES:
            entries = settled(tags, directory)
            tags.get_ifd(directory).clear()
            tags.get_ifd(directory).update(entries)
        empty = {directory for directory in DIRECTORIES if not tags.get_ifd(directory)}
        for tag in (LAYOUT_TAGS | {XMP, PROFILE} | empty) & set(tags):
            del tags[tag]
    if xmp:
        tags[XMP] = xmp
    return tags
