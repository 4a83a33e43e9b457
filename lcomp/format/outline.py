"""What a `.lic` file says of its picture, read without its tiles: for those who ask for the size of many files."""

import os
from typing import BinaryIO, NamedTuple

from lcomp.errors import TruncatedError
from lcomp.format.binary import Reader
from lcomp.format.container import LOW_TAGS, Header, most_sections, read_header
from lcomp.format.metadata import METADATA, check_size, kind_of, metadata_of
from lcomp.format.sections import CHECKSUM, Tag, read_section

HEADER, SECTION_HEADER = 64, 6
"""Bytes that are enough for a header, and for the tag and the length of a section."""


class Outline(NamedTuple):
    """Header and metadata of a file whose pixels are left alone."""

    header: Header
    has_alpha: bool
    deep: bool  # whether samples have 16 bits
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None

    @property
    def mode(self) -> str:
        """Pillow's name of the mode of the picture, at 8 bits where it has none for 16."""
        if self.deep and self.shallow_mode == "L":
            return "I;16"
        return self.shallow_mode

    @property
    def shallow_mode(self) -> str:
        """The mode at 8 bits per sample."""
        return self.header.mode.name + ("A" if self.has_alpha else "")


def read_outline(stream: BinaryIO) -> Outline:
    """Read the header, the metadata and which sections there are, from the start of an open file that can seek.

    Raises as `lcomp.format.container.read` does, but knows nothing of damage in what it leaves unread.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    reader = Reader(stream.read(HEADER))
    header = read_header(reader)
    position, sections, has_alpha, deep = reader.position, 0, False, False
    payloads: dict[int, bytes] = {}
    while position < size and sections <= most_sections(header):
        stream.seek(position)
        reader = Reader(stream.read(SECTION_HEADER))
        tag, length = reader.take(1, "section header")[0], reader.varint("section header")
        end = position + reader.position + length + CHECKSUM
        if end > size:
            raise TruncatedError("file is truncated: it ends inside its section")
        has_alpha |= tag == Tag.ALPHA
        deep |= tag in LOW_TAGS
        if kind_of(tag) in METADATA:
            check_size(length)
            stream.seek(position)
            payloads[kind_of(tag)] = metadata_of(read_section(Reader(stream.read(end - position))))
        position, sections = end, sections + 1
    return Outline(header, has_alpha, deep, *map(payloads.get, METADATA))
