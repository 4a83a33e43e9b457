"""From the streams of a lossless file to the pixels of an area, tile by tile."""

import numpy as np

from lcomp.decoding.area import Decoded
from lcomp.errors import ChecksumError, FormatError
from lcomp.families.lossless.tile import LosslessCodec
from lcomp.format.container import LicFile, Mode
from lcomp.format.tiles import Rectangle
from lcomp.types import Pixels, Progress

GREY = 128
"""What lost tiles are filled with."""


def decode_lossless(
    codec: LosslessCodec, file: LicFile, area: Rectangle, salvage: bool = False, progress: Progress | None = None
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
            if encoded is None:
                raise ChecksumError(f"tile {tile} is lost")
            decoded = codec.decode(encoded, tile.height, tile.width, grey, number)
            pixels[shared.within(area)] = decoded[shared.within(tile)]
        except FormatError:
            if not salvage:
                raise
            lost.append(tile)
        done += shared.width * shared.height
        if progress:
            progress(done, area.width * area.height)
    return Decoded(pixels, tuple(lost))
