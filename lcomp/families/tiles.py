"""Pictures of tiles that know nothing of each other: from pixels to streams and back, tile by tile."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lcomp.decoding.area import Decoded
from lcomp.errors import FormatError
from lcomp.format.container import Encoded, LicFile, Mode
from lcomp.format.tiles import Grid, Rectangle
from lcomp.types import Pixels, Progress

EncodeTile = Callable[[NDArray[np.uint8], int], Encoded]
"""Codes the pixels of a tile, [h, w, 3] or [h, w] of a grey picture; the other argument is the tile's number."""

ReadTile = Callable[[Encoded, Rectangle, int], NDArray[np.uint8]]
"""Inverse of it: what was coded, the place of the tile, its number; raises FormatError for damage."""

GREY = 128
"""What lost tiles are filled with."""


def encode_tilewise(
    encode_tile: EncodeTile, pixels: NDArray[np.uint8], grid: Grid, progress: Progress | None = None
) -> tuple[Encoded, ...]:
    """Encode a picture [H, W, 3] or [H, W], one tile after the other."""
    tiles, done = [], 0
    for number in range(grid.count):
        tile = grid.rectangle(number)
        tiles.append(encode_tile(pixels[tile.within(grid.picture)], number))
        done += tile.width * tile.height
        if progress:
            progress(done, grid.width * grid.height)
    return tuple(tiles)


def decode_tilewise(
    read_tile: ReadTile, file: LicFile, area: Rectangle, salvage: bool = False, progress: Progress | None = None
) -> Decoded:
    """Decode an area of a picture, and only the tiles that it needs; raises FormatError or ChecksumError for damage.

    With `salvage`, damaged tiles are filled with grey instead.
    """
    grey, grid = file.header.mode is Mode.L, file.grid
    pixels: Pixels = np.full((area.height, area.width) if grey else (area.height, area.width, 3), GREY, np.uint8)
    lost = []
    done = 0
    for number in grid.touching(area):
        tile, encoded = grid.rectangle(number), file.tiles[number]
        shared = tile.shared(area)
        assert shared is not None
        try:
            if encoded is None or encoded.cut:
                lost.append(tile)
            else:
                pixels[shared.within(area)] = read_tile(encoded, tile, number)[shared.within(tile)]
        except FormatError:
            if not salvage:
                raise
            lost.append(tile)
        done += shared.width * shared.height
        if progress:
            progress(done, area.width * area.height)
    return Decoded(pixels, tuple(lost))
