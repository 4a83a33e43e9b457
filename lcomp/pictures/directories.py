"""The directories of a TIFF: its pages, previews and masks, and the pictures below a page, which Pillow leaves out."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

BYTE_ORDERS = {b"II": "<", b"MM": ">"}

CLASSIC, BIG = 42, 43
"""The number in the header of an ordinary TIFF, and of one of more than 4 GiB."""

INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""Field types of integers and offsets, as `struct` has them."""

NEW_KIND, OLD_KIND, WIDTH, HEIGHT, PHOTOMETRIC, SUB_DIRECTORIES, DNG_VERSION = 254, 255, 256, 257, 262, 330, 50706
WANTED = (NEW_KIND, OLD_KIND, WIDTH, HEIGHT, PHOTOMETRIC, SUB_DIRECTORIES, DNG_VERSION)

REDUCED, MASK = 1, 4
"""Bits of NewSubfileType: a preview of another picture; which pixels of another picture are transparent."""

OLD_REDUCED = 2
"""SubfileType of previews."""

SENSOR = (32803, 34892)
"""PhotometricInterpretation of camera raw: colour filter array, linear raw."""

MOST_DIRECTORIES, MOST_SUB_DIRECTORIES = 4096, 64
"""Limits on what is looked at: files may hold millions, and pyramids have a dozen."""


class Layout(NamedTuple):
    """How a TIFF stores its numbers."""

    order: str  # of the bytes, as `struct` has it
    big: bool  # whether offsets have 64 bits


class Directory(NamedTuple):
    """What one directory says of its picture."""

    pixels: int
    reduced: bool  # whether it is a preview of another picture
    mask: bool  # whether it is the transparency of another picture
    sensor: bool  # whether its samples are those of a camera's sensor
    sub_directories: tuple[int, ...]  # offsets of the directories below it
    following: int  # offset of the next directory; 0 for none


def unpacked(file: BinaryIO, offset: int, layout: Layout, codes: str) -> tuple[int, ...]:
    """Integers at an offset; raises struct.error where the file ends before."""
    file.seek(offset)
    code = layout.order + codes
    return struct.unpack(code, file.read(struct.calcsize(code)))


def read_directory(file: BinaryIO, offset: int, layout: Layout) -> Directory:
    """The directory at an offset; raises struct.error where the file ends before."""
    small, large, size = ("H", "I", 12) if not layout.big else ("Q", "Q", 20)
    [count] = unpacked(file, offset, layout, small)
    start = offset + struct.calcsize(layout.order + small)
    file.seek(start)
    entries = file.read(count * size) if count < 2**16 else b""
    if len(entries) < count * size:
        raise struct.error("a directory beyond the end of the file")
    found: dict[int, tuple[int, ...]] = {}
    for position in range(0, len(entries), size):
        tag, kind, number = struct.unpack_from(f"{layout.order}HH{large}", entries, position)
        if tag not in WANTED or kind not in INTEGERS:
            continue
        codes = f"{min(number, MOST_SUB_DIRECTORIES)}{INTEGERS[kind]}"
        place = start + position + 4 + struct.calcsize(layout.order + large)
        if number * struct.calcsize(layout.order + INTEGERS[kind]) > struct.calcsize(layout.order + large):
            [place] = struct.unpack_from(layout.order + large, entries, place - start)
        found[tag] = unpacked(file, place, layout, codes)
    [following] = unpacked(file, start + count * size, layout, large)
    kind, old, width, height, photometric = (
        found.get(tag, (0,))[:1] or (0,) for tag in (NEW_KIND, OLD_KIND, WIDTH, HEIGHT, PHOTOMETRIC)
    )
    return Directory(
        width[0] * height[0],
        bool(kind[0] & REDUCED) or old[0] == OLD_REDUCED,
        bool(kind[0] & MASK),
        photometric[0] in SENSOR or DNG_VERSION in found,
        found.get(SUB_DIRECTORIES, ()),
        following,
    )


def layout_of(header: bytes) -> Layout | None:
    """How a TIFF that begins like this stores its numbers; None for anything else."""
    order = BYTE_ORDERS.get(header[:2])
    if order is None or len(header) < 16:
        return None
    [number] = struct.unpack_from(f"{order}H", header, 2)
    return Layout(order, number == BIG) if number in (CLASSIC, BIG) else None


def chain(file: BinaryIO) -> Iterator[Directory]:
    """The directories of a TIFF, page by page, up to one that is damaged; none for other files."""
    file.seek(0)
    header = file.read(16)
    layout = layout_of(header)
    if layout is None:
        return
    offset = struct.unpack_from(layout.order + ("Q" if layout.big else "I"), header, 8 if layout.big else 4)[0]
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < MOST_DIRECTORIES:
        seen.add(offset)
        try:
            directory = read_directory(file, offset, layout)
        except (struct.error, OverflowError):
            return
        yield directory
        offset = directory.following


def below(file: BinaryIO, directory: Directory) -> Iterator[Directory]:
    """The directories below a directory that are not damaged."""
    file.seek(0)
    layout = layout_of(file.read(16))
    for offset in directory.sub_directories:
        try:
            if layout is not None:
                yield read_directory(file, offset, layout)
        except (struct.error, OverflowError):
            continue
