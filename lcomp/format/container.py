"""The `.lic` container: header and checksummed sections (specified in docs/FORMAT.md). Needs no torch.

    magic | version | width | height | mode and q | model id | fingerprint | CRC-32 | section ...

Integers are little-endian; `varint` is LEB128. Every section is `tag | varint length | payload | CRC-32`.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from lcomp.errors import FormatError, LimitError, TruncatedError, UnsupportedError
from lcomp.format.binary import Reader, write_varint
from lcomp.format.metadata import METADATA, kind_of, metadata_of, metadata_section
from lcomp.format.qualities import read_offsets, with_offsets
from lcomp.format.sections import CHECKSUM, CRITICAL, Section, Tag, read_section, write_section
from lcomp.format.tiles import Grid
from lcomp.options import MOST_ERROR, check_pixels
from lcomp.types import QUALITY_STEPS, STRIDE, Quality

MAGIC = b"\xacL\r\n"
FORMAT_VERSION = "1.0"
"""The version of docs/FORMAT.md that is read and written."""

VERSION_BYTE = 0x01
"""That of the header, in every file of format 1.x: the major version less one, in its high four bits."""

MAX_SIDE = 2**24

AROUND = b"\1"
"""Payload of the projection of panoramas that go all around."""


class Mode(Enum):
    """Pixel mode of the picture; the value is its number in the file."""

    RGB = 0
    L = 1


class Coder(Enum):
    """Entropy coder; the value is the tag of the latents section it wrote."""

    CONSTRICTION = CRITICAL | 1
    TORCHAC = CRITICAL | 2


CODERS = {coder.name.lower(): coder for coder in Coder}
"""The entropy coders by the names users give them."""


LOW_TAGS = (Tag.LOW, Tag.LOW_ALPHA)
LATENTS_TAGS = {coder.value: coder for coder in Coder}
KNOWN_TAGS = frozenset(LATENTS_TAGS) | frozenset(int(tag) for tag in Tag)


@dataclass(frozen=True)
class Header:
    """What a `.lic` file says about itself."""

    width: int
    height: int
    mode: Mode
    quality: int  # thousandths: 0 .. 8000
    model: int  # stable number of the model
    fingerprint: int  # CRC-32 of the tensors that decide the bitstream
    half: bool = False  # whether it was coded at half size; the decoder enlarges it by two
    lossless: bool = False  # whether every sample is as it was, but for `max_error`; the quality is 0
    max_error: int = 0  # largest error of a sample of a lossless picture that has tiles; alpha has none

    @property
    def stored(self) -> bool:
        """Whether the picture is a WebP or PNG without tiles; model and fingerprint are 0."""
        return self.lossless and not self.model

    @property
    def grid(self) -> Grid:
        """The tiles of the picture as it was coded."""
        return Grid(-(-self.width // 2), -(-self.height // 2)) if self.half else Grid(self.width, self.height)

    def grid_of(self, projection: bytes | None) -> Grid:
        """The same with a projection, which wraps where both edges of the picture are those of latents."""
        unit = 2 * STRIDE if self.half else STRIDE
        return replace(self.grid, wraps=projection == AROUND and self.width % unit == 0)


class Encoded(NamedTuple):
    """Entropy-coded latents of a tile."""

    stream: bytes
    symbols_crc: int  # CRC-32 of the decoded symbols
    cut: bool = False  # whether this is only the beginning of the stream, which `lcomp.format.prefix` accepts


@dataclass(frozen=True)
class LicFile:
    """A parsed container: header, one latents section per tile or the stored picture, and the optional sections."""

    header: Header
    coder: Coder | None  # None where the picture is stored
    tiles: tuple[Encoded | None, ...]  # row by row; None where lost, which only `prefix` and `salvage` accept
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    alpha: bytes | None = None
    stored: bytes | None = None  # the picture itself, where the header says so
    low: bytes | None = None  # low bytes of 16-bit samples; all else is as in the file of the high bytes
    low_alpha: bytes | None = None
    offsets: bytes | None = None  # of the qualities of blocks, where these differ
    projection: bytes | None = None  # AROUND for a panorama whose left and right edge are neighbours

    @cached_property
    def quality(self) -> Quality:
        """The quality in thousandths, or that of every block where they differ."""
        if self.offsets is None:
            return self.header.quality
        return with_offsets(self.header.quality, read_offsets(self.offsets, self.grid.width, self.grid.height))

    @property
    def deep(self) -> bool:
        """Whether samples have 16 bits. Where one of the low planes is missing, it repeats the high bytes."""
        return self.low is not None or self.low_alpha is not None

    @property
    def grid(self) -> Grid:
        """The tiles of the picture as it was coded, with its projection."""
        return self.header.grid_of(self.projection)

    @cached_property
    def data(self) -> bytes:
        """The serialised file, computed once; raises as `write` does."""
        return write(self)

    def __len__(self) -> int:
        """Bytes of the whole file."""
        return len(self.data)


def write(file: LicFile) -> bytes:
    """Serialise a container; raises LimitError for what `read` would refuse."""
    header = file.header
    if max(header.width, header.height) > MAX_SIDE:
        raise LimitError(f"picture side beyond {MAX_SIDE} pixels")
    kind = header.lossless << 2 | header.half << 1 | header.mode.value
    head = (
        MAGIC
        + bytes([VERSION_BYTE])
        + write_varint(header.width)
        + write_varint(header.height)
        + struct.pack("<H", kind << 13 | (header.max_error if header.lossless else header.quality))
        + write_varint(header.model)
        + struct.pack("<I", header.fingerprint)
    )
    parts = [head, struct.pack("<I", zlib.crc32(head))]
    for tag, payload in zip(METADATA, (file.icc, file.exif, file.xmp), strict=True):
        if payload is not None:
            parts.append(write_section(*metadata_section(tag, payload)))
    once = (
        *((Tag.ALPHA, file.alpha), (Tag.STORED, file.stored), (Tag.LOW, file.low), (Tag.LOW_ALPHA, file.low_alpha)),
        *((Tag.QUALITIES, file.offsets), (Tag.PROJECTION, file.projection)),
    )
    parts += [write_section(tag, payload) for tag, payload in once if payload is not None]
    for tile in file.tiles:
        assert tile is not None, "a salvaged file is not written"
        assert not tile.cut, "nor is one that is cut off"
        assert file.coder is not None, "a stored picture has no tiles"
        parts.append(write_section(file.coder.value, struct.pack("<I", tile.symbols_crc) + tile.stream))
    return b"".join(parts)


def read_header(reader: Reader, max_pixels: int | None = None) -> Header:
    """Parse and verify the header at the start of a file; raises LimitError beyond `max_pixels`, where it is given."""
    start = reader.data[: len(MAGIC)]
    if start != MAGIC:
        if not start:
            raise TruncatedError("file is empty")
        if len(start) < len(MAGIC) and MAGIC.startswith(start):
            raise TruncatedError("file is truncated: it ends inside its header")
        raise FormatError("not a .lic file")
    reader.take(len(MAGIC), "header")
    major = reader.take(1, "header")[0] >> 4
    if major != VERSION_BYTE >> 4:
        raise UnsupportedError(f"file has format version {major + 1}: a newer lcomp is needed")
    width, height = reader.varint("header"), reader.varint("header")
    (mode_and_quality,) = struct.unpack("<H", reader.take(2, "header"))
    model = reader.varint("header")
    (fingerprint,) = struct.unpack("<I", reader.take(4, "header"))
    reader.check(0, "header")
    kind, quality = mode_and_quality >> 13, mode_and_quality & 0x1FFF
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise FormatError(f"impossible picture size {width}x{height}")
    if max_pixels is not None:
        check_pixels(width, height, max_pixels)
    lossless, half = bool(kind & 4), bool(kind & 2)
    if lossless and (half or quality > MOST_ERROR or (not model and (fingerprint or quality))):
        raise UnsupportedError(f"unknown kind of lossless picture {kind}: a newer lcomp is needed")
    if lossless:
        return Header(width, height, Mode(kind & 1), 0, model, fingerprint, lossless=True, max_error=quality)
    if quality > 8 * QUALITY_STEPS:
        raise FormatError(f"impossible quality {quality / QUALITY_STEPS}")
    return Header(width, height, Mode(kind & 1), quality, model, fingerprint, half)


def counts(section: Section) -> bool:
    """Whether a section counts: known and critical ones do, other unknown ones are skipped."""
    return section.tag in KNOWN_TAGS or bool(section.tag & CRITICAL)


def most_sections(header: Header) -> int:
    """Upper bound on the sections that count: `build` refuses more, so that reading may stop one beyond it."""
    return header.grid.count + len(Tag)


def build(header: Header, sections: Sequence[Section | None]) -> LicFile:
    """Assemble a file from its sections in order, where None stands for the lost section of a tile.

    Raises FormatError where they contradict each other or the header, and for metadata that does not inflate;
    TruncatedError where tiles or the stored picture are missing, LimitError for metadata that is too large and
    UnsupportedError for unknown critical sections.
    """
    once: dict[int, bytes] = {}
    coders: set[Coder] = set()
    tiles: list[Encoded | None] = []
    for section in sections:
        if section is None:
            tiles.append(None)
            continue
        tag, payload = section
        if tag in LATENTS_TAGS:
            if len(payload) < CHECKSUM:
                raise FormatError("latents section is too short")
            coders.add(LATENTS_TAGS[tag])
            tiles.append(Encoded(payload[CHECKSUM:], int.from_bytes(payload[:CHECKSUM], "little")))
        elif kind_of(tag) in once:
            raise FormatError(f"section {kind_of(tag)} stands twice")
        elif tag in KNOWN_TAGS:
            once[kind_of(tag)] = metadata_of(section) if kind_of(tag) in METADATA else payload
        elif tag & CRITICAL:
            raise UnsupportedError(f"unknown critical section {tag}: a newer lcomp is needed")
    if header.stored != (Tag.STORED in once):
        if header.stored:
            raise TruncatedError("file is truncated: its stored picture is missing")
        raise FormatError("a stored picture where tiles should be")
    count = 0 if header.stored else header.grid.count
    if len(tiles) < count:
        missing = "its latents are" if count == 1 else f"{count - len(tiles)} of {count} tiles are"
        raise TruncatedError(f"file is truncated: {missing} missing")
    if len(tiles) > count:
        raise FormatError("more latents sections than tiles")
    if len(coders) > 1:
        raise FormatError("tiles of several entropy coders")
    if not coders and not header.stored:
        raise FormatError("no tile is left")
    if header.lossless and Coder.TORCHAC in coders:
        raise FormatError("tiles of a lossless picture that were coded by torchac")
    if not header.lossless and not once.keys().isdisjoint(LOW_TAGS):
        raise FormatError("low bytes of a picture that is not lossless")
    if Tag.QUALITIES in once:
        if header.lossless:
            raise FormatError("qualities of a lossless picture")
        read_offsets(once[Tag.QUALITIES], header.grid.width, header.grid.height)
    return LicFile(
        header,
        coders.pop() if coders else None,
        tuple(tiles),
        icc=once.get(Tag.ICC),
        exif=once.get(Tag.EXIF),
        xmp=once.get(Tag.XMP),
        alpha=once.get(Tag.ALPHA),
        stored=once.get(Tag.STORED),
        low=once.get(Tag.LOW),
        low_alpha=once.get(Tag.LOW_ALPHA),
        offsets=once.get(Tag.QUALITIES),
        projection=once.get(Tag.PROJECTION),
    )


def tile_names(grid: Grid, number: int) -> dict[int, str]:
    """What errors call a section of latents that comes after those of so many tiles, by tag."""
    name = f"section of the tile at {grid.rectangle(number)}" if number < grid.count else "section"
    return dict.fromkeys(LATENTS_TAGS, name)


def read_sections(data: bytes, max_pixels: int | None = None) -> tuple[Header, list[Section]]:
    """The header and the sections that count, their checksums verified; raises as `read` does."""
    reader = Reader(data)
    header = read_header(reader, max_pixels)
    sections: list[Section] = []
    most, number = most_sections(header), 0
    names = tile_names(header.grid, number)
    while reader.left and len(sections) <= most:
        section = read_section(reader, names)
        if section.tag in LATENTS_TAGS:
            number += 1
            names = tile_names(header.grid, number)
        if counts(section):
            sections.append(section)
    return header, sections


def read(data: bytes, max_pixels: int | None = None) -> LicFile:
    """Parse a whole container and verify its checksums; the payloads themselves are not decoded, but for metadata.

    Raises FormatError, TruncatedError, ChecksumError or UnsupportedError, and LimitError for a picture of more than
    `max_pixels`, before anything else is read.
    """
    return whole(*read_sections(data, max_pixels))


def whole(header: Header, sections: Sequence[Section]) -> LicFile:
    """The file that has all of its sections, as `read_sections` gives them; raises as `build` does."""
    file = build(header, sections)
    if file.low_alpha is not None and file.alpha is None:
        raise FormatError("low bytes of an alpha plane that is not there")
    return file
