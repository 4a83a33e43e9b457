"""What EXIF says of sizes, areas, previews and resolution, made to hold for the picture that it is stored with."""

import math
import re
import struct
from fractions import Fraction
from typing import NamedTuple

from lcomp.pictures.ifds import MALFORMED, RATIONAL, SHORT, Entry, ExifEditor, Ifd
from lcomp.pictures.metadata import ENTRY, ORIENTATION

SUB_DIRECTORIES = 0x014A
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

JPEG_START = re.compile(rb"\xff\xd8\xff[\xc0-\xc4\xdb\xdd\xe0-\xef\xfe]")
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


def directories_of_previews(editor: ExifEditor) -> list[Ifd]:
    """The directories that follow IFD0 or are its sub-IFDs."""
    first = editor.first
    seen = {editor.unpack("I", editor.start + 4)[0]}
    waiting = [*editor.unpack("I", first.link)] if first.link + 4 <= len(editor.data) else []
    waiting += editor.numbers(first.entry(SUB_DIRECTORIES))[:MOST_DIRECTORIES]
    found: list[Ifd] = []
    while waiting and len(found) < MOST_DIRECTORIES:
        offset = waiting.pop()
        if offset and offset not in seen:
            seen.add(offset)
            try:
                found.append(editor.directory(offset))
                waiting += editor.unpack("I", found[-1].link)
            except struct.error:
                continue
    return found


def jpegs_in(exif: bytes) -> list[tuple[int, int]]:
    """Where JPEG files begin and end."""
    starts = [found.start() for found in JPEG_START.finditer(exif)]
    spans = []
    for start, following in zip(starts, [*starts[1:], len(exif)], strict=False):
        end = exif.rfind(JPEG_END, start, following)
        if end >= 0:
            spans.append((start, end + len(JPEG_END)))
    return spans


def without_jpegs(exif: bytes) -> bytes:
    """EXIF with zeros where it holds JPEG files, be they in maker notes or lost in damaged EXIF."""
    blank = bytearray(exif)
    for begin, end in jpegs_in(exif):
        blank[begin:end] = bytes(end - begin)
    return bytes(blank)


def drop_previews(editor: ExifEditor) -> None:
    """Remove IFD1 and whatever else holds a preview of the picture."""
    first = editor.first
    spans = []
    for directory in directories_of_previews(editor):
        spans.append((directory.place, min(directory.link + 4, len(editor.data))))
        for places, lengths in PREVIEWS:
            offsets, sizes = (editor.numbers(directory.entry(tag)) for tag in (places, lengths))
            for offset, size in zip(offsets, sizes, strict=False):
                spans.append((editor.start + offset, editor.start + offset + size))
    spans += [editor.span(entry) for entry in first.entries if entry.tag in OTHER_PREVIEWS]
    if first.link + 4 <= len(editor.data):
        editor.pack("I", first.link, 0)
    editor.remove(first, OTHER_PREVIEWS | {SUB_DIRECTORIES})
    editor.blank(spans)


def sizes_in(editor: ExifEditor) -> list[tuple[Entry, Entry]]:
    """The entries of width and height, wherever they are."""
    found = []
    for directory in editor.described():
        for width, height in SIZES:
            pair = directory.entry(width), directory.entry(height)
            if pair[0] and pair[1] and all(len(editor.numbers(entry)) == 1 for entry in pair):
                found.append((pair[0], pair[1]))
    return found


def read_resolution(editor: ExifEditor) -> Resolution | None:
    """The resolution in IFD0."""
    first = editor.first
    unit = editor.numbers(first.entry(RESOLUTION_UNIT)) or (2,)
    if unit[0] not in PER_UNIT:
        return None
    x, y = (PER_UNIT[unit[0]] * editor.fraction(first.entry(tag)) for tag in (X_RESOLUTION, Y_RESOLUTION))
    return None if math.isnan(x + y) else Resolution(x, y)


def set_resolution(editor: ExifEditor, resolution: Resolution) -> None:
    """Set the resolution in IFD0, which moves to the end where it lacks the entries."""
    first = editor.first
    x, y = (Fraction(value).limit_denominator(DENOMINATOR) for value in resolution)
    values = struct.pack(f"{editor.order}4I", x.numerator, x.denominator, y.numerator, y.denominator)
    entries = [
        bytes(editor.data[entry.place : entry.place + ENTRY]) for entry in first.entries if entry.tag not in RESOLUTION
    ]
    link = bytes(editor.data[first.link : first.link + 4]).ljust(4, b"\0")
    editor.data += bytes((len(editor.data) - editor.start) % 2)
    offset = len(editor.data) - editor.start
    behind = offset + 2 + ENTRY * (len(entries) + len(RESOLUTION)) + 4
    for tag, at in ((X_RESOLUTION, behind), (Y_RESOLUTION, behind + 8)):
        entries.append(struct.pack(f"{editor.order}HHII", tag, RATIONAL, 1, at))
    entries.append(struct.pack(f"{editor.order}HHIHH", RESOLUTION_UNIT, SHORT, 1, 2, 0))
    entries.sort(key=lambda entry: struct.unpack_from(f"{editor.order}H", entry))
    editor.pack("I", editor.start + 4, offset)
    editor.data += struct.pack(f"{editor.order}H", len(entries)) + b"".join(entries) + link + values
    editor.data[first.place : first.link] = bytes(first.link - first.place)


EMPTY = b"II*\0\x08\0\0\0" + bytes(6)
"""EXIF that says nothing."""


def upright(exif: bytes) -> bytes:
    """EXIF without an orientation."""
    try:
        editor = ExifEditor(exif)
        editor.remove(editor.first, {ORIENTATION})
    except MALFORMED:
        return exif
    return bytes(editor.data)


def exif_of_size(exif: bytes, width: int, height: int, moved: bool) -> bytes:
    """EXIF that holds for a picture of a size: its sizes are set, and what no longer fits is removed.

    Previews and the place of the subject no longer fit where the picture was `moved` (turned, cropped or one of several
    frames), and where EXIF gives another size.
    """
    try:
        editor = ExifEditor(exif)
        sizes = sizes_in(editor)
        told = [(*editor.numbers(wide), *editor.numbers(high)) for wide, high in sizes]
        if not moved and all(size == (width, height) for size in told):
            return exif
        for wide, high in sizes:
            editor.set_number(wide, width)
            editor.set_number(high, height)
        drop_previews(editor)
        for number in range(len(editor.described())):
            editor.remove(editor.described()[number], AREAS)
    except MALFORMED:
        return without_jpegs(exif) if moved else exif
    return without_jpegs(bytes(editor.data))


def resolution_of(exif: bytes | None) -> Resolution | None:
    """The resolution that EXIF gives, if it says anything."""
    try:
        found = read_resolution(ExifEditor(exif)) if exif else None
    except MALFORMED:
        return None
    return found if found and found.is_telling else None


def with_resolution(exif: bytes | None, resolution: Resolution) -> bytes:
    """EXIF with a resolution; raises MALFORMED where it cannot be read."""
    editor = ExifEditor(exif or EMPTY)
    set_resolution(editor, resolution)
    return bytes(editor.data)


def has_only_resolution(exif: bytes) -> bool:
    """Whether EXIF says nothing but the resolution."""
    try:
        first = ExifEditor(exif).first
    except MALFORMED:
        return False
    return {entry.tag for entry in first.entries} <= RESOLUTION
