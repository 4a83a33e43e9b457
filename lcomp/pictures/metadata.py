"""EXIF and XMP as bytes: without the orientation of a picture turned upright, and as the tags of TIFF files."""

import re
import struct

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

DESCRIPTIVE_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, *range(0x9C9B, 0x9CA0), 0xC614)
"""Description, make, model, software, date, artist, copyright, Windows' tags, camera: none describes the layout."""

XMP, PROFILE = 700, 34675
"""TIFF tags of XMP and of the ICC profile."""

LAYOUT_TAGS = {*range(254, 269), *range(273, 282), 284, *range(317, 347), *range(512, 533), *range(32995, 32999)}
"""Tags that describe how a file stores its pixels; EXIF may repeat those of the file it comes from."""

RAW_PROFILE = "Raw profile type exif"
"""Name of the PNG text in which ImageMagick stores EXIF: three lines of header, then hexadecimal digits."""

XMP_ORIENTATION = re.compile(
    rb"""tiff:Orientation\s*=\s*(?:"[^"<>]*"|'[^'<>]*')"""
    rb"""|<tiff:Orientation(?:\s[^<>]*)?>[^<>]*</tiff:Orientation\s*>"""
)
"""`tiff:Orientation` in XMP, as an attribute or an element."""


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


def upright_xmp(xmp: bytes) -> bytes:
    """XMP without an orientation."""
    return XMP_ORIENTATION.sub(b"", xmp)


def upright(exif: bytes) -> bytes:
    """EXIF without an orientation, all else byte for byte: Pillow would write it anew."""
    start = head_of(exif)
    order = (BYTE_ORDERS | WRONG_BYTE_ORDERS).get(exif[start : start + 4])
    if order is None:
        return exif
    try:
        (offset,) = struct.unpack_from(f"{order}I", exif, start + 4)
        place = start + offset
        (count,) = struct.unpack_from(f"{order}H", exif, place)
    except struct.error:
        return exif
    first = place + 2
    end = min(first + ENTRY * count, len(exif))
    entries = [exif[at : min(at + ENTRY, end)] for at in range(first, end, ENTRY)]
    others = [entry for entry in entries if not entry.startswith(struct.pack(f"{order}H", ORIENTATION))]
    if len(others) == len(entries):
        return exif
    # the last entry is followed by the offset of the next IFD
    rest = exif[end : end + 4]
    number = struct.pack(f"{order}H", count - len(entries) + len(others))
    changed = exif[:place] + number + b"".join(others) + rest
    return changed[:end] + bytes(max(end - len(changed), 0)) + exif[end:]


def of_raw_profile(text: str) -> bytes:
    """The EXIF in the text of a RAW_PROFILE; raises ValueError where that is malformed."""
    return bytes.fromhex("".join(text.split("\n")[3:]))


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
