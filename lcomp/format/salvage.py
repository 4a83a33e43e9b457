"""Salvage: finds the intact sections of a damaged `.lic` file, and which tiles are lost. Needs no torch."""

import re
from typing import NamedTuple

from lcomp.errors import ChecksumError, FormatError
from lcomp.format.binary import Reader
from lcomp.format.container import (
    KNOWN_TAGS,
    LATENTS_TAGS,
    LicFile,
    build,
    counts,
    most_sections,
    read_header,
)
from lcomp.format.prefix import build_cut, cut_section
from lcomp.format.sections import Section, Tag, read_section

TAGS = re.compile(b"[" + b"".join(re.escape(bytes([tag])) for tag in sorted(KNOWN_TAGS)) + b"]")
ONCE = {int(tag): tag.name for tag in Tag}
UNKNOWN = "a section of unknown kind"
"""A section whose tag was damaged, or one of a newer version."""
SEARCH = 16
"""Bound on the bytes hashed in search of sections, in file sizes: crafted files would otherwise take quadratic time."""
TRIAL = 256
"""Cost of a candidate that is rejected without hashing it, as the bytes hashed in the same time."""
SPARE = 2**20
"""Bytes that may be hashed in addition, so that small files are searched completely."""


class Damage(NamedTuple):
    """Bytes that belong to no intact section."""

    tag: int  # their first byte
    framed: bool  # their length field leads to the next section or the end: they are one section
    start: int  # where they stand


class Recovered(NamedTuple):
    """A damaged file as far as it could be read."""

    file: LicFile
    lost: tuple[str, ...]  # names of what is lost besides tiles


class Scanner:
    """Cursor over the sections of a damaged file, which resynchronises at the next intact one."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        self.budget = SEARCH * len(data) + SPARE

    def section_at(self, position: int) -> tuple[Section, int] | None:
        """The intact section at a position and where it ends; None where there is none."""
        reader = Reader(self.data)
        reader.position = position
        try:
            return read_section(reader), reader.position
        except FormatError:
            return None

    def end_at(self, position: int) -> int:
        """End of the section at a position by its length field; beyond the data where that is invalid."""
        reader = Reader(self.data)
        reader.position = position
        try:
            reader.take(1, "section")
            return position + reader.varint("section") + (reader.position - position) + 4
        except FormatError:
            return len(self.data) + 1

    def stands(self, position: int) -> bool:
        """Whether a section may end at a position: so does the data, or an intact section of a known kind follows."""
        if position >= len(self.data):
            return position == len(self.data)
        self.budget -= TRIAL
        end = self.end_at(position)
        # the cheap test first: most candidates are rejected by the tag that would follow them, without hashing
        if end > len(self.data) or (end < len(self.data) and self.data[end] not in KNOWN_TAGS):
            return False
        self.budget -= end - position
        return self.section_at(position) is not None

    def next(self) -> Section | Damage:
        """The next section, or the damage before it."""
        start, end = self.position, self.end_at(self.position)
        if end <= len(self.data) and self.budget >= 0:
            found = self.section_at(start)
            if found is not None:
                self.position = found[1]
                return found[0]
            self.budget -= end - start
        framed = self.stands(end)
        self.position = end if framed else self.search(start + 1)
        return Damage(self.data[start], framed, start)

    def search(self, position: int) -> int:
        """Start of the next intact section of a known kind, or the end of the data."""
        for match in TAGS.finditer(self.data, position):
            if self.budget < 0:
                break
            if self.stands(match.start()):
                return match.start()
        return len(self.data)


def recover(data: bytes, max_pixels: int | None = None) -> Recovered:
    """Read as much of a container as is intact: lost tiles become None, other lost sections are left out.

    Of a file that is cut off, and damaged nowhere else, the last tile is `cut`.
    Raises as `container.read` does where the header is damaged, no tile is left, or a critical section unknown, and
    ChecksumError where a stored picture is lost.
    """
    reader = Reader(data)
    header = read_header(reader, max_pixels)
    scanner = Scanner(data, reader.position)
    parts: list[Section | Damage] = []
    most = most_sections(header)
    while scanner.position < len(data):
        part = scanner.next()
        if isinstance(part, Damage) or counts(part):
            parts.append(part)
        # every section may have damage before it, and the last one after it
        if len(parts) > 2 * most + 1:
            raise FormatError("damaged in more places than it can have")

    if header.stored and not any(isinstance(part, Section) and part.tag == Tag.STORED for part in parts):
        raise ChecksumError("the stored picture is damaged or missing: nothing can be salvaged")

    # attribute the missing tiles to the damage: one to each damaged place, the rest to the last one whose extent is
    # unknown, or to the end; a wrong guess is caught by the symbols' CRC-32, which starts from the tile's number
    found = sum(isinstance(part, Section) and part.tag in LATENTS_TAGS for part in parts)
    missing = 0 if header.stored else max(header.grid.count - found, 0)
    damage = {place: part for place, part in enumerate(parts) if isinstance(part, Damage)}
    likely = [place for place in damage if damage[place].tag not in ONCE]
    if all(damage[place].framed for place in likely):
        # what is still missing must be tiles whose own tags were damaged
        likely += [place for place in damage if place not in likely][: max(missing - len(likely), 0)]
    likely = likely[max(len(likely) - missing, 0) :]
    share = dict.fromkeys(likely, 1)
    rest = max((place for place in likely if not damage[place].framed), default=len(parts))
    share[rest] = share.get(rest, 0) + missing - len(likely)

    last = len(parts) - 1
    if missing and list(damage) == [last] and not header.lossless:
        cut = cut_section(data, damage[last].start)
        if cut is not None:
            intact = [part for part in parts if isinstance(part, Section)]
            return Recovered(build_cut(header, intact, cut, missing), ())

    sections: list[Section | None] = []
    for place, part in enumerate(parts):
        sections += [part] if isinstance(part, Section) else [None] * share.get(place, 0)
    sections += [None] * share.get(len(parts), 0)
    # damage that counts as a tile is still reported as the section that its tag names: either may be true, and a false
    # report is better than none
    lost = {ONCE.get(part.tag, UNKNOWN) for place, part in damage.items() if part.tag in ONCE or place not in share}
    return Recovered(build(header, sections), tuple(sorted(lost)))
