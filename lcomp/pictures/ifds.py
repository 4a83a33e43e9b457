"""EXIF edited in place: what is not changed keeps its bytes and its offset, so that maker notes stay readable.

EXIF is a TIFF file of image file directories (IFDs): IFD0 describes the picture and points to the EXIF and GPS IFDs;
IFD1 follows it and holds a preview.
"""

import math
import struct
from collections.abc import Iterable
from typing import NamedTuple

from lcomp.pictures.metadata import (
    BYTE_ORDERS,
    DIRECTORIES,
    ENTRY,
    INTEROPERABILITY,
    WRONG_BYTE_ORDERS,
    head_of,
)

BYTES_OF = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value, by TIFF type."""

MALFORMED = (ValueError, LookupError, struct.error)
"""What an editor raises for malformed EXIF."""

SHORT, LONG, RATIONAL = 3, 4, 5
NUMBERS = {SHORT: "H", LONG: "I", 13: "I"}
"""Unsigned integers, by TIFF type, as `struct` calls them."""


class Entry(NamedTuple):
    """An entry of a directory."""

    tag: int
    kind: int  # TIFF type
    number: int  # of values
    place: int  # position of its 12 bytes


class Ifd(NamedTuple):
    """An image file directory."""

    place: int  # position of its number of entries
    entries: tuple[Entry, ...]
    link: int  # position of the offset of the next one

    def entry(self, tag: int) -> Entry | None:
        """The first entry of a tag."""
        return next((entry for entry in self.entries if entry.tag == tag), None)


class ExifEditor:
    """EXIF while it is edited."""

    def __init__(self, exif: bytes) -> None:
        """Raises ValueError for what is not EXIF."""
        self.data, self.start = bytearray(exif), head_of(exif)
        order = (BYTE_ORDERS | WRONG_BYTE_ORDERS).get(exif[self.start : self.start + 4])
        if order is None:
            raise ValueError("not EXIF")
        self.order = order

    def unpack(self, form: str, place: int) -> tuple[int, ...]:
        """Integers at a position; raises struct.error beyond the end."""
        return struct.unpack_from(self.order + form, self.data, place)

    def pack(self, form: str, place: int, *values: int) -> None:
        """Overwrite integers at a position; raises struct.error beyond the end."""
        struct.pack_into(self.order + form, self.data, place, *values)

    def directory(self, offset: int) -> Ifd:
        """The directory at an offset, with its complete entries; raises struct.error where there is none."""
        place = self.start + offset
        (count,) = self.unpack("H", place)
        whole = min(count, (len(self.data) - place - 2) // ENTRY)
        places = range(place + 2, place + 2 + ENTRY * whole, ENTRY)
        fields = (self.unpack("HHI", at) for at in places)
        entries = tuple(Entry(tag, kind, number, at) for (tag, kind, number), at in zip(fields, places, strict=True))
        return Ifd(place, entries, place + 2 + ENTRY * whole)

    @property
    def first(self) -> Ifd:
        """IFD0; raises struct.error where there is none."""
        return self.directory(self.unpack("I", self.start + 4)[0])

    def below(self, directory: Ifd, tag: int) -> Ifd | None:
        """The directory that an entry points to."""
        entry = directory.entry(tag)
        try:
            return entry and self.directory(self.unpack("I", entry.place + 8)[0])
        except struct.error:
            return None

    def described(self) -> list[Ifd]:
        """The directories that describe the picture: IFD0 and those that it points to."""
        first = self.first
        details, places = (self.below(first, tag) for tag in DIRECTORIES)
        return [found for found in (first, details, places, details and self.below(details, INTEROPERABILITY)) if found]

    def span(self, entry: Entry) -> tuple[int, int]:
        """Where the values of an entry begin and end."""
        size = BYTES_OF.get(entry.kind, 1) * entry.number
        begin = entry.place + 8 if size <= 4 else self.start + self.unpack("I", entry.place + 8)[0]
        return min(begin, len(self.data)), min(begin + size, len(self.data))

    def numbers(self, entry: Entry | None) -> tuple[int, ...]:
        """The values of an entry of unsigned integers, those within the data; none of other types."""
        if entry is None or entry.kind not in NUMBERS:
            return ()
        begin, end = self.span(entry)
        return self.unpack(f"{(end - begin) // BYTES_OF[entry.kind]}{NUMBERS[entry.kind]}", begin)

    def fraction(self, entry: Entry | None) -> float:
        """The value of an entry of a single fraction; nan for any other."""
        if entry is not None and (entry.kind, entry.number) == (RATIONAL, 1):
            begin, end = self.span(entry)
            if end - begin == 8:
                over, under = self.unpack("II", begin)
                return over / under if under else math.nan
        return math.nan

    def remove(self, directory: Ifd, tags: Iterable[int]) -> None:
        """Remove the entries of some tags: the others move up, and what is left over becomes zeros."""
        others = [entry for entry in directory.entries if entry.tag not in tags]
        if len(others) == len(directory.entries):
            return
        (count,) = self.unpack("H", directory.place)
        kept = b"".join(self.data[entry.place : entry.place + ENTRY] for entry in others)
        # the last entry is followed by the offset of the next directory
        changed = kept + self.data[directory.link : directory.link + 4]
        self.pack("H", directory.place, count - len(directory.entries) + len(others))
        begin = directory.place + 2
        self.data[begin : directory.link] = changed[: directory.link - begin].ljust(directory.link - begin, b"\0")

    def blank(self, spans: Iterable[tuple[int, int]]) -> None:
        """Overwrite pieces with zeros and cut them off at the end; none that overlap a directory which stays."""
        described = self.described()
        tables = [(0, self.start + 8), *((directory.place, directory.link + 4) for directory in described)]
        last = max(end for _, end in tables)
        last = max([last, *(self.span(entry)[1] for directory in described for entry in directory.entries)])
        for begin, end in sorted(spans, key=lambda span: span[1], reverse=True):
            if any(begin < behind and first < end for first, behind in tables):
                continue
            stop = min(end, len(self.data))
            self.data[begin:stop] = bytes(max(stop - begin, 0))
            if stop == len(self.data):
                del self.data[max(begin, last) :]

    def set_number(self, entry: Entry, value: int) -> None:
        """Set an entry of one integer, which becomes a LONG where it must."""
        if entry.kind == SHORT and value <= 0xFFFF:
            self.pack("HH", entry.place + 8, value, 0)
        else:
            self.pack("HII", entry.place + 2, LONG, 1, value)
