"""EXIF as bytes: what is kept of it when a picture is turned upright, and the tags of TIFF files that stand for it."""

import re
import struct

from PIL import Image

from lcomp.errors import UNREADABLE

HEADER = b"Exif\0\0"
"""What EXIF begins with in JPEG, and often elsewhere."""

BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
WRONG_BYTE_ORDERS = {b"II\0*": "<", b"MM*\0": ">"}
"""Heads that are wrong, but that Pillow reads."""

ENTRY = 12
"""Bytes of a tag in a directory."""

ORIENTATION = 0x0112

DIRECTORIES = (0x8769, 0x8825)
"""The EXIF and GPS directories."""

INTEROPERABILITY = 0xA005
"""Where a further directory is, which Pillow leaves behind."""

DESCRIPTIVE_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, *range(0x9C9B, 0x9CA0), 0xC614)
"""Description, make, model, software, date, artist, copyright, what Windows adds, camera: not about a file's layout."""

XMP, PROFILE = 700, 34675
"""TIFF tags of XMP and of the ICC profile."""

LAYOUT_TAGS = {*range(254, 269), *range(273, 282), 284, *range(317, 347), *range(512, 533), *range(32995, 32999)}
"""Tags that say how a file holds its pixels; EXIF may repeat those of the file it comes from."""

RAW_PROFILE = "Raw profile type exif"
"""Text in which ImageMagick puts EXIF into PNG: three lines of head, then hexadecimal digits."""

XMP_ORIENTATION = re.compile(
    rb"""tiff:Orientation\s*=\s*(?:"[^"<>]*"|'[^'<>]*')"""
    rb"""|<tiff:Orientation(?:\s[^<>]*)?>[^<>]*</tiff:Orientation\s*>"""
)
"""An orientation in XMP, in every way that may be written."""


class Latin(str):
    """Text that Pillow writes as it has read it: of what is not ASCII it makes question marks otherwise."""

    def encode(self, encoding: str = "latin-1", errors: str = "replace") -> bytes:
        """The bytes that were read, whatever encoding is asked for."""
        return str.encode(self, "latin-1", "replace")


def unchanged(value: object) -> object:
    """A tag's value as Pillow will write it unchanged."""
    return Latin(value) if isinstance(value, str) else value


def head_of(exif: bytes) -> int:
    """Where EXIF begins after what it is called by."""
    start = 0
    while exif.startswith(HEADER, start):
        start += len(HEADER)
    return start


def is_readable(exif: bytes) -> bool:
    """Whether EXIF can be taken apart, which AVIF needs."""
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
    """EXIF without an orientation; all else byte for byte, which Pillow would not keep."""
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
    # after the last entry stands where the next directory is, if any
    rest = exif[end : end + 4]
    number = struct.pack(f"{order}H", count - len(entries) + len(others))
    changed = exif[:place] + number + b"".join(others) + rest
    return changed[:end] + bytes(max(end - len(changed), 0)) + exif[end:]


def of_raw_profile(text: str) -> bytes:
    """The EXIF in a RAW_PROFILE; raises ValueError where it is none."""
    return bytes.fromhex("".join(text.split("\n")[3:]))


def settled(tags: Image.Exif, directory: int) -> dict[int, object]:
    """The entries of a directory as Pillow will write them unchanged."""
    entries: dict[int, object] = {tag: unchanged(value) for tag, value in tags.get_ifd(directory).items()}
    if INTEROPERABILITY in entries:  # the place of a further directory, which is written only where it is there itself
        del entries[INTEROPERABILITY]
        if further := tags.get_ifd(INTEROPERABILITY):
            entries[INTEROPERABILITY] = dict(further)
    return entries


def of_tiff(image: Image.Image) -> bytes | None:
    """The descriptive part of a TIFF's tags as EXIF."""
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
    """EXIF and XMP as tags of a TIFF, without those that describe the layout of another file."""
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
