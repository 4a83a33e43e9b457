"""The beginning of a `.lic` file whose end has not arrived. Needs no torch."""

from dataclasses import replace
from typing import NamedTuple

from lcomp.errors import FormatError, TruncatedError
from lcomp.format.binary import Reader
from lcomp.format.container import (
    LATENTS_TAGS,
    Header,
    LicFile,
    build,
    counts,
    most_sections,
    read_header,
)
from lcomp.format.sections import CHECKSUM, Section, read_section


class CutSection(NamedTuple):
    """A section that the data ends in."""

    section: Section  # as much of it as is there
    whole: bool  # whether its payload is, so that only its checksum is missing


def cut_section(data: bytes, position: int) -> CutSection | None:
    """The latents section that starts at a position and is not all there; None where no byte of its stream is."""
    reader = Reader(data)
    reader.position = position
    try:
        tag = reader.take(1, "section")[0]
        length = reader.varint("section")
    except FormatError:
        return None
    payload = data[reader.position : reader.position + length]
    if tag not in LATENTS_TAGS or len(payload) <= CHECKSUM or reader.left >= length + CHECKSUM:
        return None
    return CutSection(Section(tag, payload), len(payload) == length)


def build_cut(header: Header, sections: list[Section], cut: CutSection | None, missing: int) -> LicFile:
    """As `container.build`, where the last `missing` tiles have not arrived, but for the beginning of the first."""
    if cut is None or not missing:
        return build(header, [*sections, *[None] * missing])
    file = build(header, [*sections, cut.section, *[None] * (missing - 1)])
    tiles = list(file.tiles)
    partial = tiles[-missing]
    assert partial is not None
    tiles[-missing] = partial._replace(cut=not cut.whole)
    return replace(file, tiles=tuple(tiles))


def read_prefix(data: bytes, max_pixels: int | None = None) -> LicFile:
    """Read a file as far as it goes: tiles that have not arrived are None, the last one may be `cut`.

    A whole file is read as by `container.read`. Raises as that does, too; TruncatedError where nothing of the picture
    has arrived.
    """
    reader = Reader(data)
    header = read_header(reader, max_pixels)
    sections: list[Section] = []
    most = most_sections(header)
    cut = None
    while reader.left and len(sections) <= most:
        start = reader.position
        try:
            section = read_section(reader)
        except TruncatedError:
            # of a lossless picture only whole tiles can be shown
            cut = None if header.lossless else cut_section(data, start)
            break
        if counts(section):
            sections.append(section)
    tiles = sum(section.tag in LATENTS_TAGS for section in sections)
    missing = 0 if header.stored else max(header.grid.count - tiles, 0)
    if missing and not tiles and cut is None:
        raise TruncatedError("file is truncated: nothing of its picture has arrived")
    return build_cut(header, sections, cut, missing)
