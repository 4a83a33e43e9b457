"""The file: its header, sections and tiles."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from second.arithmetic import Integers

MAGIC = b"\xac\x4c\x0d\x0a"
CONSTRICTION, TORCHAC = 129, 130
ALPHA, STORED, LOW_BYTES, LOW_ALPHA = 147, 148, 149, 150
ICC, EXIF, XMP = 16, 17, 18
DEFLATED = {ICC: 151, EXIF: 24, XMP: 25}
PROJECTION, QUALITIES = 27, 154
KNOWN = {ALPHA, STORED, LOW_BYTES, LOW_ALPHA, *DEFLATED, *DEFLATED.values(), PROJECTION, QUALITIES}
"""The sections of which there is one at most."""


class DamagedError(ValueError):
    """What the page does not allow."""


class EndsError(DamagedError):
    """Data that ends too early."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of the coded picture, in pixels."""

    number: int
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class LicFile:
    """A file whose checksums are right; payloads of sections by tag, those of tiles apart."""

    width: int
    height: int
    lossless: bool
    half: bool
    grey: bool
    quality: int
    """In thousandths; the largest error of a lossless picture."""
    model: int
    fingerprint: int
    coder: int | None
    """Tag of the latents' sections."""
    tiles: list[bytes]
    sections: dict[int, bytes]
    cut: bytes | None
    """What a prefix holds of the payload of the tile after these."""

    @property
    def coded_size(self) -> tuple[int, int]:
        """Height and width of the coded picture."""
        return (-(-self.height // 2), -(-self.width // 2)) if self.half else (self.height, self.width)

    @property
    def wraps(self) -> bool:
        """Whether the left and right edge are neighbours."""
        return (
            self.sections.get(PROJECTION) == b"\x01"
            and not self.lossless
            and self.width % (32 if self.half else 16) == 0
        )

    def grid(self) -> list[Tile]:
        """The tiles of the coded picture, row by row."""
        height, width = self.coded_size
        down, across = list(spans(height)), list(spans(width))
        return [
            Tile(row * len(across) + column, top, left, tall, wide)
            for row, (top, tall) in enumerate(down)
            for column, (left, wide) in enumerate(across)
        ]

    def qualities(self) -> Integers:
        """The quality of every block of the coded picture."""
        height, width = self.coded_size
        blocks = -(-height // 64), -(-width // 64)
        if QUALITIES not in self.sections or self.lossless:
            return np.full(blocks, self.quality)
        offsets = np.frombuffer(inflate(self.sections[QUALITIES], blocks[0] * blocks[1]), np.int8)
        if offsets.size != blocks[0] * blocks[1]:
            raise DamagedError("not one quality for every block")
        return np.clip(self.quality + 125 * offsets.astype(np.int64).reshape(blocks), 0, 8000)

    def metadata(self, tag: int) -> bytes | None:
        """ICC profile, EXIF or XMP, in whichever form it is kept."""
        if (deflated := self.sections.get(DEFLATED[tag])) is not None:
            return inflate(deflated, 2**24)
        return self.sections.get(tag)


def spans(size: int) -> Iterator[tuple[int, int]]:
    """Where each tile starts along an axis, and how long it is there."""
    count = -(-size // 1024)
    side = 64 * -(-size // (64 * count))
    for start in range(0, size, side):
        yield start, min(side, size - start)


def inflate(payload: bytes, most: int) -> bytes:
    """A deflate stream that ends with the payload."""
    stream = zlib.decompressobj(-15)
    try:
        data = stream.decompress(payload, most + 1)
    except zlib.error as error:
        raise DamagedError("not a deflate stream") from error
    if not stream.eof or stream.unused_data or len(data) > most:
        raise DamagedError("a deflate stream that does not end where it should")
    return data


class Bytes:
    """What is read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if self.at + count > len(self.data):
            raise EndsError("the data ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        """The next unsigned LEB128, of at most five bytes and without padding."""
        value = 0
        for place in range(5):
            byte = self.take(1)[0]
            value |= (byte & 127) << 7 * place
            if byte < 128:
                if byte == 0 and place:
                    break
                return value
        raise DamagedError("a number that is not written as it should be")

    def check(self, start: int) -> None:
        """The CRC-32 of all bytes from `start` on follows."""
        expected = zlib.crc32(self.data[start : self.at])
        if struct.unpack("<I", self.take(4))[0] != expected:
            raise DamagedError("a checksum is wrong")


def read_sections(source: Bytes, prefix: bool) -> Iterator[tuple[int, bytes, bool]]:
    """Tag and payload of every section, and whether all of that is there; EndsError unless it is a prefix."""
    while source.at < len(source.data):
        start = source.at
        try:
            tag, length = source.take(1)[0], source.varint()
        except EndsError:
            if not prefix:
                raise
            return  # within a tag or length, which says nothing
        end = source.at + length
        if end + 4 > len(source.data) and prefix:
            yield tag, source.data[source.at : end], end <= len(source.data)
            return
        payload = source.take(length)
        source.check(start)
        yield tag, payload, True


def parse(data: bytes, prefix: bool = False) -> LicFile:
    """Read a file, or a prefix of one as far as it goes; DamagedError where the page does not allow it."""
    source = Bytes(data)
    if source.take(4) != MAGIC:
        raise DamagedError("not a .lic file")
    if source.take(1)[0] >> 4 != 0:
        raise DamagedError("of another major version")
    width, height = source.varint(), source.varint()
    (kind,) = struct.unpack("<H", source.take(2))
    model = source.varint()
    (fingerprint,) = struct.unpack("<I", source.take(4))
    source.check(0)
    sections: dict[int, bytes] = {}
    tiles: list[bytes] = []
    coder = cut = None
    for tag, payload, complete in read_sections(source, prefix):
        if tag in (CONSTRICTION, TORCHAC):
            if coder not in (None, tag):
                raise DamagedError("tiles of two coders")
            coder = tag
            if complete:
                tiles.append(payload)
            elif len(payload) > 4:
                cut = payload
        elif tag in sections:
            raise DamagedError(f"section {tag} comes twice")
        elif tag in KNOWN and complete:
            sections[tag] = payload
        elif tag & 128 and tag not in KNOWN:
            raise DamagedError(f"an unknown critical section, {tag}")
    lossless, half = bool(kind >> 15), bool(kind >> 14 & 1)
    file = LicFile(
        width=width,
        height=height,
        lossless=lossless,
        half=half,
        grey=bool(kind >> 13 & 1),
        quality=kind & 0x1FFF,
        model=model,
        fingerprint=fingerprint,
        coder=coder,
        tiles=tiles,
        sections=sections,
        cut=cut,
    )
    check(file, prefix)
    return file


def check(file: LicFile, prefix: bool) -> None:
    """What fields and sections say of each other."""
    if not (1 <= file.width <= 2**24 and 1 <= file.height <= 2**24):
        raise DamagedError("a size beyond the limits")
    if file.quality > (15 if file.lossless else 8000) or (file.lossless and file.half):
        raise DamagedError("kind and quality do not go together")
    stored = file.lossless and file.model == 0
    height, width = file.coded_size
    there, count = len(file.tiles), 0 if stored else len(list(spans(height))) * len(list(spans(width)))
    if there + (file.cut is not None) > count or (there < count and not prefix):
        raise DamagedError("not one section for every tile")
    picture = STORED in file.sections or (stored and prefix)
    if stored != picture or (stored and (file.fingerprint or file.quality)):
        raise DamagedError("half a stored picture")
    if (file.model == 0 and not file.lossless) or (file.lossless and file.coder == TORCHAC):
        raise DamagedError("a model or coder that is not for this kind")
    deep = file.sections.keys() & {LOW_BYTES, LOW_ALPHA}
    if (deep and not file.lossless) or (LOW_ALPHA in deep and ALPHA not in file.sections and not prefix):
        raise DamagedError("low bytes of nothing")
    if QUALITIES in file.sections and file.lossless:
        raise DamagedError("qualities of blocks without losses")
    if any(tag in file.sections and deflated in file.sections for tag, deflated in DEFLATED.items()):
        raise DamagedError("metadata in two forms")
    if any(len(file.sections.get(tag, b"")) > 2**26 for form in DEFLATED.items() for tag in form):
        raise DamagedError("metadata beyond the limits")
