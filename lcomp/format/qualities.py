"""Qualities that differ from block to block: a section of the file, and what they are in an area of the picture.

A block is the square of UNIT pixels that one hyper-latent stands for. Its quality is that of the header plus an offset
in steps of OFFSET_STEP. Needs no torch.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from lcomp.errors import FormatError
from lcomp.format.tiles import UNIT, Grid, Rectangle
from lcomp.types import HYPER_STRIDE, QUALITY_STEPS, Quality

OFFSET_STEP = QUALITY_STEPS // 8
"""Unit of the offsets, in thousandths of a quality."""

HIGHEST = 8 * QUALITY_STEPS

RAW = -15
"""What zlib calls a deflate stream without header and checksum."""

Offsets = NDArray[np.int8]
"""Offsets [h, w] of the blocks of a picture as it is coded, in steps of OFFSET_STEP."""


def blocks(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of the blocks of a picture."""
    return -(-height // UNIT), -(-width // UNIT)


def write_offsets(offsets: Offsets) -> bytes:
    """The payload of the section."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, RAW)
    return deflate.compress(offsets.tobytes()) + deflate.flush()


def read_offsets(payload: bytes, width: int, height: int) -> Offsets:
    """The offsets of a coded picture of so many pixels; raises FormatError for a payload that is none of its size."""
    rows, columns = blocks(width, height)
    inflate = zlib.decompressobj(RAW)
    try:
        offsets = inflate.decompress(payload, rows * columns + 1)
    except zlib.error as error:
        raise FormatError(f"damaged qualities: {error}") from error
    if len(offsets) != rows * columns or not inflate.eof or inflate.unused_data:
        raise FormatError("qualities of another number of blocks")
    return np.frombuffer(offsets, np.int8).reshape(rows, columns)


def with_offsets(quality: int, offsets: Offsets) -> Quality:
    """The quality of every block, from that of the header: 0 to 8, in thousandths."""
    return np.clip(quality + OFFSET_STEP * offsets.astype(np.int64), 0, HIGHEST)


def within_range(quality: int, offsets: Offsets) -> Offsets:
    """The offsets, each as far as it stays between the lowest quality and the highest."""
    return offsets.clip(-(quality // OFFSET_STEP), (HIGHEST - quality) // OFFSET_STEP)


def of_latents(quality: Quality, rows: int | None = None, columns: int | None = None) -> Quality:
    """The quality of every latent, of those of hyper-latents [h, w]: [4h, 4w], or as many rows and columns of them."""
    if isinstance(quality, int):
        return quality
    return quality.repeat(HYPER_STRIDE, 0).repeat(HYPER_STRIDE, 1)[:rows, :columns]


def of_tile(quality: Quality, tile: Rectangle) -> Quality:
    """The quality of every hyper-latent of a tile, of those of the picture."""
    if isinstance(quality, int):
        return quality
    return quality[tile.y // UNIT : -(-tile.bottom // UNIT), tile.x // UNIT : -(-tile.right // UNIT)]


def of_area(quality: Quality, area: Rectangle) -> Quality:
    """The quality of every latent of an area that starts at multiples of STRIDE, of those of the picture."""
    if isinstance(quality, int):
        return quality
    around = area.aligned(UNIT)
    rows, columns = area.latents().within(around.latents())
    whole = of_latents(of_tile(quality, around))
    assert not isinstance(whole, int)
    return whole[rows, columns]


def of_surroundings(quality: Quality, area: Rectangle, grid: Grid) -> Quality:
    """The same of an area that may reach beyond both sides of a picture that wraps."""
    if isinstance(quality, int):
        return quality
    return np.concatenate([np.asarray(of_area(quality, part)) for part, _ in grid.parts(area)], 1)
