"""Sections of a `.lic` file, each with its checksum: `tag | varint length | payload | CRC-32`."""

import struct
import zlib
from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from lcomp.format.binary import Reader, write_varint

CHECKSUM = 4
"""Bytes of a CRC-32."""

CRITICAL = 0x80
"""Bit of a section tag: a reader that does not know the section must refuse the file."""


class Tag(IntEnum):
    """Tags of the sections that occur at most once."""

    ICC = 16
    EXIF = 17
    XMP = 18
    ALPHA = CRITICAL | 19
    STORED = CRITICAL | 20
    LOW = CRITICAL | 21
    LOW_ALPHA = CRITICAL | 22
    ICC_DEFLATED = CRITICAL | 23  # without its profile a picture has other colours
    EXIF_DEFLATED = 24
    XMP_DEFLATED = 25
    QUALITIES = CRITICAL | 26
    PROJECTION = 27


class Section(NamedTuple):
    """An intact section."""

    tag: int
    payload: bytes


def write_section(tag: int, payload: bytes) -> bytes:
    """A section with its checksum."""
    body = bytes([tag]) + write_varint(len(payload)) + payload
    return body + struct.pack("<I", zlib.crc32(body))


def read_section(reader: Reader, names: Mapping[int, str] | None = None) -> Section:
    """The next section; raises TruncatedError, ChecksumError or FormatError, which call it by its tag's name."""
    start = reader.position
    tag = reader.take(1, "section header")[0]
    what = (names or {}).get(tag, "section")
    payload = reader.take(reader.varint("section header"), what)
    reader.check(start, what)
    return Section(tag, payload)
