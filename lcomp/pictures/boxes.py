"""Boxes of AVIF, HEIC and JPEG 2000 files (ISO BMFF): colours and depth of the picture, what else is in the file."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lcomp.pictures.colours import Cicp

MOST_BOXES = 4096
"""Limit on the boxes that are looked at in one box."""

BRANDED, JPEG2000 = b"ftyp", b"\0\0\0\x0cjP  \r\n\x87\n"

CODESTREAM, FIRST_DEPTH = b"\xff\x4f\xff\x51", 42
"""How JPEG 2000 without boxes begins, and where it has the depth of its first component, minus one."""

VIDEO = b"mpvd"
"""Box of the video of a motion photo."""

GAIN_MAPS = frozenset({b"tmap"})
"""Types of the items that apply a gain map."""


class Box(NamedTuple):
    """A box, and where its payload begins and ends."""

    kind: bytes
    begin: int
    end: int


@dataclass(frozen=True)
class Boxes:
    """What the boxes of a file say."""

    cicp: Cicp | None = None
    profile: bytes | None = None
    bits: int = 8  # of samples
    has_video: bool = False
    has_gain_map: bool = False


def boxes(data: bytes, begin: int, end: int) -> Iterator[Box]:
    """The boxes of a piece of a file, as far as they are whole."""
    for _ in range(MOST_BOXES):
        if begin + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, begin)
        head = 8
        if size == 1 and begin + 16 <= end:
            (size,), head = struct.unpack_from(">Q", data, begin + 8), 16
        behind = end if size == 0 else begin + size
        if (size and size < head) or behind > end:
            return
        yield Box(kind, begin + head, behind)
        begin = behind


def children(data: bytes, parent: Box, kind: bytes, head: int = 0) -> list[Box]:
    """The boxes of a kind in another one, behind its `head` bytes of fields."""
    return [box for box in boxes(data, parent.begin + head, parent.end) if box.kind == kind]


def integer(data: bytes, box: Box, at: int, size: int) -> int:
    """A big-endian integer of a box; raises IndexError beyond its end."""
    if box.begin + at + size > box.end:
        raise IndexError("a box ends too early")
    return int.from_bytes(data[box.begin + at : box.begin + at + size], "big")


def properties_of(data: bytes, table: Box, item: int) -> list[int]:
    """Numbers, from 1, of the properties that an `ipma` box gives to an item; raises IndexError."""
    version, wide = integer(data, table, 0, 1), integer(data, table, 3, 1) & 1
    size, each = (4 if version else 2), (2 if wide else 1)
    at = 8
    for _ in range(min(integer(data, table, 4, 4), MOST_BOXES)):
        number, count = integer(data, table, at, size), integer(data, table, at + size, 1)
        at += size + 1
        if number == item:
            # the highest bit says whether the property is essential
            return [integer(data, table, at + each * n, each) & (1 << 8 * each - 1) - 1 for n in range(count)]
        at += each * count
    return []


def colours_of(data: bytes, colours: list[Box]) -> tuple[Cicp | None, bytes | None]:
    """Code points and ICC profile in some `colr` boxes; raises IndexError."""
    cicp, profile = None, None
    for box in colours:
        kind = data[box.begin : box.begin + 4]
        if kind == b"nclx":
            cicp = cicp or Cicp(integer(data, box, 4, 2), integer(data, box, 6, 2))
        elif kind in (b"prof", b"rICC"):
            profile = profile or data[box.begin + 4 : box.end]
    return cicp, profile


def of_items(data: bytes, meta: Box, has_video: bool) -> Boxes:
    """What the `meta` box of AVIF and HEIC says of the primary item; raises IndexError."""
    main = children(data, meta, b"pitm", 4)
    item = integer(data, main[0], 4, 4 if integer(data, main[0], 0, 1) else 2) if main else 0
    kinds = set()
    for table in children(data, meta, b"iinf", 4):
        head = 8 if integer(data, table, 0, 1) else 6
        for entry in children(data, table, b"infe", head):
            version = integer(data, entry, 0, 1)
            if version >= 2:
                at = entry.begin + (8 if version == 2 else 10)
                kinds.add(data[at : at + 4])
    described: list[Box] = []
    for holder in children(data, meta, b"iprp", 4):
        for store in children(data, holder, b"ipco"):
            stored = list(boxes(data, store.begin, store.end))
            for table in children(data, holder, b"ipma"):
                numbers = properties_of(data, table, item)
                described += [stored[number - 1] for number in numbers if 0 < number <= len(stored)]
    cicp, profile = colours_of(data, [box for box in described if box.kind == b"colr"])
    bits = max((integer(data, box, 5, 1) for box in described if box.kind == b"pixi"), default=8)
    return Boxes(cicp, profile, bits, has_video, bool(kinds & GAIN_MAPS))


def of_jpeg2000(data: bytes, header: Box) -> Boxes:
    """What the `jp2h` box of JPEG 2000 says: the depth, and an ICC profile, which is either restricted or any."""
    # the highest bit is for signed samples, and all of them where components differ
    bits = max((1 + (integer(data, box, 10, 1) & 127) for box in children(data, header, b"ihdr")), default=8)
    for box in children(data, header, b"colr"):
        if integer(data, box, 0, 1) in (2, 3):
            return Boxes(profile=data[box.begin + 3 : box.end], bits=bits)
    return Boxes(bits=bits)


def read_boxes(data: bytes) -> Boxes:
    """What the boxes of a file say; nothing where it has none, or they are damaged."""
    if data.startswith(CODESTREAM) and len(data) > FIRST_DEPTH:
        return Boxes(bits=1 + (data[FIRST_DEPTH] & 127))
    if data[4:8] != BRANDED and not data.startswith(JPEG2000):
        return Boxes()
    found = {box.kind: box for box in boxes(data, 0, len(data))}
    try:
        if b"jp2h" in found:
            return of_jpeg2000(data, found[b"jp2h"])
        if b"meta" in found:
            return of_items(data, found[b"meta"], VIDEO in found)
    except IndexError:
        pass
    return Boxes(has_video=VIDEO in found)
