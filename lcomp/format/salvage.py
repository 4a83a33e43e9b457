"""What is left of a damaged `.lic` file: its intact sections, and which tiles are lost. Needs no torch."""

import re
from typing import NamedTuple

from lcomp.errors import FormatError
from lcomp.format.binary import Reader
from lcomp.format.container import (
    KNOWN_TAGS,
    LATENTS_TAGS,
    LicFile,
    Section,
    Tag,
    build,
    counts,
    most_sections,
    read_header,
    read_section,
)

TAGS = re.compile(b"[" + b"".join(re.escape(bytes([tag])) for tag in sorted(KNOWN_TAGS)) + b"]")
ONCE = {int(tag): tag.name for tag in Tag}
UNKNOWN = "a section of unknown kind"
"""A section whose tag was damaged, or one of a newer version."""
SEARCH = 16
"""The search for the next section hashes at most this many times the bytes of the file."""
TRIAL = 256
"""Bytes that could be hashed in the time that a candidate takes which fails at once."""
SPARE = 2**20
"""Bytes that may be hashed besides: small files are searched through."""


class Damage(NamedTuple):
    """Bytes that belong to no intact section."""

    tag: int  # their first byte
    framed: bool  # their own length leads to what comes after them: they are one section


class Recovered(NamedTuple):
    """A damaged file as far as it could be read."""

    file: LicFile
    lost: tuple[str, ...]  # names of what is lost besides tiles


class Scanner:
    """Walks through sections of which some are damaged."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        self.budget = SEARCH * len(data) + SPARE

    def section_at(self, position: int) -> tuple[Section, int] | None:
        """The intact section that stands at a position, and where it ends."""
        reader = Reader(self.data)
        reader.position = position
        try:
            return read_section(reader), reader.position
        except FormatError:
            return None

    def end_at(self, position: int) -> int:
        """Where the section at a position ends if its length is right; beyond the data where it cannot be."""
        reader = Reader(self.data)
        reader.position = position
        try:
            reader.take(1, "section")
            return position + reader.varint("section") + (reader.position - position) + 4
        except FormatError:
            return len(self.data) + 1

    def stands(self, position: int) -> bool:
        """Whether the data ends here or goes on with an intact section that is known."""
        if position >= len(self.data):
            return position == len(self.data)
        self.budget -= TRIAL
        end = self.end_at(position)
        # most candidates fail by what follows them, without being hashed
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
        return Damage(self.data[start], framed)

    def search(self, position: int) -> int:
        """Where the next intact section of a known kind stands, or the end."""
        for match in TAGS.finditer(self.data, position):
            if self.budget < 0:
                break
            if self.stands(match.start()):
                return match.start()
        return len(self.data)


def recover(data: bytes, max_pixels: int | None = None) -> Recovered:
    """Read as much of a container as is intact: lost tiles become None, other lost sections are left out.

    Raises as `container.read` does where the header is damaged, no tile is left, or a critical section unknown.
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
        # each place may be damaged, and so may what follows it
        if len(parts) > 2 * most + 1:
            raise FormatError("damaged in more places than it can have")

    # the missing tiles belong to the damaged places: one to each, and what is left over to the last one whose extent
    # is unknown, or to the end; should that be wrong, the checksums of the symbols tell
    found = sum(isinstance(part, Section) and part.tag in LATENTS_TAGS for part in parts)
    missing = max(header.grid.count - found, 0)
    damage = {place: part for place, part in enumerate(parts) if isinstance(part, Damage)}
    likely = [place for place in damage if damage[place].tag not in ONCE]
    if all(damage[place].framed for place in likely):
        # nothing but a damaged tag explains what is still missing
        likely += [place for place in damage if place not in likely][: max(missing - len(likely), 0)]
    likely = likely[max(len(likely) - missing, 0) :]
    share = dict.fromkeys(likely, 1)
    rest = max((place for place in likely if not damage[place].framed), default=len(parts))
    share[rest] = share.get(rest, 0) + missing - len(likely)

    sections: list[Section | None] = []
    for place, part in enumerate(parts):
        sections += [part] if isinstance(part, Section) else [None] * share.get(place, 0)
    sections += [None] * share.get(len(parts), 0)
    # what takes the share of a tile may have held what its tag names besides, or be a tile with a damaged tag: it is
    # better named in vain than not
    lost = {ONCE.get(part.tag, UNKNOWN) for place, part in damage.items() if part.tag in ONCE or place not in share}
    return Recovered(build(header, sections), tuple(sorted(lost)))
