"""Attempts with metadata: all must be read."""

import struct

from attacks.steps import Attack, Build, more
from attacks.tools import noise
from lcomp.format.container import Section, Tag

PROFILES = (Tag.ICC, Tag.EXIF, Tag.XMP)

Entry = tuple[int, int, int, int]
"""Tag, type, count and value of an entry of EXIF."""

TEXT, FRACTION, BYTE = 2, 5, 1
"""Types of entries."""

DESCRIPTION, SELF_EXIF, SELF_GPS = 0x010E, (0x8769, 4, 1, 8), (0x8825, 4, 1, 8)
"""A tag, and entries whose directory is the one that they stand in."""


def exif(*entries: Entry, successor: int = 0) -> bytes:
    """EXIF of one directory, at position 8, and the place of the next."""
    body = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + body + struct.pack(">I", successor)


def read(name: str, tries: str, build: Build) -> Attack:
    """An attempt on a picture of one pixel."""
    return Attack(name, tries, build, None, base="dot")


METADATA = [
    read("empty-metadata", "ICC, EXIF and XMP of no bytes", more(*(Section(tag, b"") for tag in PROFILES))),
    read(
        "random-metadata",
        "ICC, EXIF and XMP of random bytes",
        more(*(Section(tag, noise(500, tag)) for tag in PROFILES)),
    ),
    read("endless-exif", "EXIF whose directory is its own successor", more(Section(Tag.EXIF, exif(successor=8)))),
    read(
        "self-exif",
        "EXIF whose EXIF and GPS directories are itself",
        more(Section(Tag.EXIF, exif(SELF_EXIF, SELF_GPS))),
    ),
    read(
        "far-exif",
        "EXIF whose text lies beyond the end and has 2^32 - 1 bytes",
        more(Section(Tag.EXIF, exif((DESCRIPTION, TEXT, 2**32 - 1, 2**32 - 1)))),
    ),
    read(
        "fraction-exif",
        "EXIF whose description is a fraction",
        more(Section(Tag.EXIF, exif((DESCRIPTION, FRACTION, 1, 8)))),
    ),
    read(
        "fraction-gps",
        "the same with a GPS directory",
        more(Section(Tag.EXIF, exif((DESCRIPTION, FRACTION, 1, 8), SELF_GPS))),
    ),
    read("byte-exif", "EXIF with an unknown tag of one byte", more(Section(Tag.EXIF, exif((0xB201, BYTE, 1, 0))))),
    read(
        "long-exif",
        "EXIF beyond what a JPEG holds",
        more(Section(Tag.EXIF, exif((DESCRIPTION, TEXT, 9, 26)) + bytes(70_000))),
    ),
    read(
        "long-icc",
        "an ICC profile beyond what a JPEG holds",
        lambda data: more(Section(Tag.ICC, noise(17_000_000)))(data),
    ),
    read("binary-xmp", "XMP that is no text", more(Section(Tag.XMP, b"\xff\0\xfe" * 9))),
]
