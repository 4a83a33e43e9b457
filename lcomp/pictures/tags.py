"""EXIF edited in place: what is not changed keeps its bytes and its offset, so that maker notes stay readable.

EXIF is a TIFF file of image file directories (IFDs): IFD0 describes the picture and points to the EXIF and GPS IFDs;
IFD1 follows it and holds a preview.
"""

import math
import struct
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from lcomp.pictures.metadata import (
    BYTE_ORDERS,
    DIRECTORIES,
    ENTRY,
    INTEROPERABILITY,
    ORIENTATION,
    WRONG_BYTE_ORDERS,
    head_of,
)

BYTES_OF = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value, by TIFF type."""

SHORT, LONG, RATIONAL = 3, 4, 5
NUMBERS = {SHORT: "H", LONG: "I", 13: "I"}
"""Unsigned integers, by TIFF type, as `struct` calls them."""

EXIF_DIRECTORY, SUB_DIRECTORIES, MAKER_NOTE = 0x8769, 0x014A, 0x927C
MOST_DIRECTORIES = 16
"""Limit on the directories with previews, which may follow each other without end."""

SIZES = ((0x0100, 0x0101), (0xA002, 0xA003))
"""Width and height of the picture, in the tags of TIFF and of EXIF."""

AREAS = frozenset({0x9214, 0xA214})
"""SubjectArea or TIFF/EP SubjectLocation, and SubjectLocation."""

PREVIEWS = ((0x0111, 0x0117), (0x0201, 0x0202))
"""Offsets and lengths of a preview: in strips, and as JPEG."""

OTHER_PREVIEWS = frozenset({0x02BC, 0x501B, 0x8649})
"""Tags of IFD0 that may hold a preview: XMP, Windows' thumbnail data, Photoshop's resources."""

JPEG_STARTS = tuple(b"\xff\xd8\xff" + bytes([marker]) for marker in (0xDB, 0xC0, 0xC4, 0xE0, 0xE1, 0xFE))
JPEG_END = b"\xff\xd9"

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
RESOLUTION = frozenset({X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT})
PER_UNIT = {2: 1.0, 3: 2.54}
"""Factors to dots per inch, by ResolutionUnit: inches, centimetres."""

DENOMINATOR = 10000
"""Limit on the denominator of a resolution."""


class Resolution(NamedTuple):
    """Dots per inch, horizontally and vertically."""

    x: float
    y: float

    @property
    def is_telling(self) -> bool:
        """Whether it is possible, and not one of those that say nothing: 72 or 96 dots per inch."""
        possible = all(math.isfinite(value) and 0.1 <= value <= 65535 for value in self)
        return possible and not any(abs(self.x - usual) < 0.5 > abs(self.y - usual) for usual in (72, 96))

    def near(self, other: "Resolution") -> bool:
        """Whether two are the same but for rounding."""
        return all(math.isclose(ours, theirs, rel_tol=0.005) for ours, theirs in zip(self, other, strict=True))


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

    def directories_of_previews(self) -> list[Ifd]:
        """The directories that follow IFD0 or are its sub-IFDs."""
        first = self.first
        seen = {self.unpack("I", self.start + 4)[0]}
        waiting = [*self.unpack("I", first.link)] if first.link + 4 <= len(self.data) else []
        waiting += self.numbers(first.entry(SUB_DIRECTORIES))[:MOST_DIRECTORIES]
        found: list[Ifd] = []
        while waiting and len(found) < MOST_DIRECTORIES:
            offset = waiting.pop()
            if offset and offset not in seen:
                seen.add(offset)
                try:
                    found.append(self.directory(offset))
                    waiting += self.unpack("I", found[-1].link)
                except struct.error:
                    continue
        return found

    def drop_previews(self) -> None:
        """Remove IFD1 and whatever else holds a preview of the picture."""
        first = self.first
        spans = []
        for directory in self.directories_of_previews():
            spans.append((directory.place, min(directory.link + 4, len(self.data))))
            for places, lengths in PREVIEWS:
                offsets, sizes = (self.numbers(directory.entry(tag)) for tag in (places, lengths))
                for offset, size in zip(offsets, sizes, strict=False):
                    spans.append((self.start + offset, self.start + offset + size))
        spans += [self.span(entry) for entry in first.entries if entry.tag in OTHER_PREVIEWS]
        details = self.below(first, EXIF_DIRECTORY)
        if details and (note := details.entry(MAKER_NOTE)):
            begin, end = self.span(note)
            starts = [place for mark in JPEG_STARTS if (place := self.data.find(mark, begin, end)) >= 0]
            if starts:
                last = self.data.rfind(JPEG_END, min(starts), end)
                spans.append((min(starts), last + 2 if last >= 0 else end))
        if first.link + 4 <= len(self.data):
            self.pack("I", first.link, 0)
        self.remove(first, OTHER_PREVIEWS | {SUB_DIRECTORIES})
        self.blank(spans)

    def sizes(self) -> list[tuple[Entry, Entry]]:
        """The entries of width and height, wherever they are."""
        found = []
        for directory in self.described():
            for width, height in SIZES:
                pair = directory.entry(width), directory.entry(height)
                if pair[0] and pair[1] and all(len(self.numbers(entry)) == 1 for entry in pair):
                    found.append((pair[0], pair[1]))
        return found

    def set_number(self, entry: Entry, value: int) -> None:
        """Set an entry of one integer, which becomes a LONG where it must."""
        if entry.kind == SHORT and value <= 0xFFFF:
            self.pack("HH", entry.place + 8, value, 0)
        else:
            self.pack("HII", entry.place + 2, LONG, 1, value)

    def resolution(self) -> Resolution | None:
        """The resolution in IFD0."""
        first = self.first
        unit = self.numbers(first.entry(RESOLUTION_UNIT)) or (2,)
        if unit[0] not in PER_UNIT:
            return None
        x, y = (PER_UNIT[unit[0]] * self.fraction(first.entry(tag)) for tag in (X_RESOLUTION, Y_RESOLUTION))
        return None if math.isnan(x + y) else Resolution(x, y)

    def set_resolution(self, resolution: Resolution) -> None:
        """Set the resolution in IFD0, which moves to the end where it lacks the entries."""
        first = self.first
        x, y = (Fraction(value).limit_denominator(DENOMINATOR) for value in resolution)
        values = struct.pack(f"{self.order}4I", x.numerator, x.denominator, y.numerator, y.denominator)
        entries = [
            bytes(self.data[entry.place : entry.place + ENTRY])
            for entry in first.entries
            if entry.tag not in RESOLUTION
        ]
        link = bytes(self.data[first.link : first.link + 4]).ljust(4, b"\0")
        self.data += bytes((len(self.data) - self.start) % 2)
        offset = len(self.data) - self.start
        behind = offset + 2 + ENTRY * (len(entries) + len(RESOLUTION)) + 4
        for tag, at in ((X_RESOLUTION, behind), (Y_RESOLUTION, behind + 8)):
            entries.append(struct.pack(f"{self.order}HHII", tag, RATIONAL, 1, at))
        entries.append(struct.pack(f"{self.order}HHIHH", RESOLUTION_UNIT, SHORT, 1, 2, 0))
        entries.sort(key=lambda entry: struct.unpack_from(f"{self.order}H", entry))
        self.pack("I", self.start + 4, offset)
        self.data += struct.pack(f"{self.order}H", len(entries)) + b"".join(entries) + link + values
        self.data[first.place : first.link] = bytes(first.link - first.place)


EMPTY = b"II*\0\x08\0\0\0" + bytes(6)
"""EXIF that says nothing."""


def upright(exif: bytes) -> bytes:
    """EXIF without an orientation."""
    try:
        editor = ExifEditor(exif)
        editor.remove(editor.first, {ORIENTATION})
    except (ValueError, struct.error):
        return exif
    return bytes(editor.data)


def exif_of_size(exif: bytes, width: int, height: int, moved: bool) -> bytes:
    """EXIF that holds for a picture of a size: its sizes are set, and what no longer fits is removed.

    Previews and the place of the subject no longer fit where the picture was `moved` (turned, cropped or one of several
    frames), and where EXIF gives another size.
    """
    try:
        editor = ExifEditor(exif)
        sizes = editor.sizes()
        told = [(*editor.numbers(wide), *editor.numbers(high)) for wide, high in sizes]
        if moved or any(size != (width, height) for size in told):
            for wide, high in sizes:
                editor.set_number(wide, width)
                editor.set_number(high, height)
            editor.drop_previews()
            for place in range(len(editor.described())):
                editor.remove(editor.described()[place], AREAS)
    except (ValueError, struct.error):
        return exif
    return bytes(editor.data)


def resolution_of(exif: bytes | None) -> Resolution | None:
    """The resolution that EXIF gives, if it says anything."""
    try:
        found = ExifEditor(exif).resolution() if exif else None
    except (ValueError, struct.error):
        return None
    return found if found and found.is_telling else None


def with_resolution(exif: bytes | None, resolution: Resolution) -> bytes:
    """EXIF with a resolution; raises ValueError or struct.error where it cannot be read."""
    editor = ExifEditor(exif or EMPTY)
    editor.set_resolution(resolution)
    return bytes(editor.data)


def has_only_resolution(exif: bytes) -> bool:
    """Whether EXIF says nothing but the resolution."""
    try:
        first = ExifEditor(exif).first
    except (ValueError, struct.error):
        return False
    return {entry.tag for entry in first.entries} <= RESOLUTION
