"""From the streams of a file to the pixels of an area, window by window."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lcomp.decoding.canvas import LatentCanvas
from lcomp.errors import ChecksumError, FormatError
from lcomp.format.container import Coder, Encoded, LicFile
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.decoders import Decoder
from lcomp.model.loaded import LoadedModel
from lcomp.model.transforms import surroundings
from lcomp.types import Pixels, Progress

WINDOW = 2
"""Tiles per side of the windows that g_s runs in: more memory, less halo."""


class Decoded(NamedTuple):
    """A decoded picture or part of one."""

    pixels: Pixels
    lost: tuple[Rectangle, ...]  # tiles that were filled in


def decode_tiles(
    model: LoadedModel,
    tiles: Sequence[Encoded | None],
    quality: int,
    grid: Grid,
    coder: Coder,
    area: Rectangle,
    salvage: bool = False,
    progress: Progress | None = None,
    decoder: Decoder | None = None,
    half: bool = False,
) -> Decoded:
    """Decode an area of the coded picture, and only the tiles that it needs; None stands for a tile that is lost.

    Encoded -- TileCodec.decode, Decoder.gather --> LatentCanvas -- Transforms.synthesize --> pixels

    `decoder` makes the pixels, by default the backbone's own. A picture coded at `half` size has twice as many rows and
    columns as the area. Raises as `TileCodec.decode` does, unless `salvage` asks for damaged tiles to be filled in.
    """
    decoder = decoder or model.transforms.mse

    def decode_tile(number: int) -> Tensor | None:
        encoded, tile = tiles[number], grid.rectangle(number)
        try:
            if encoded is None:
                raise ChecksumError(f"tile {tile} is lost")
            return decoder.gather(*model.tile.decode(encoded, quality, tile.height, tile.width, coder, number))
        except FormatError:
            if not salvage:
                raise
            return None

    model.watch.start()
    blank = torch.zeros(1, decoder.channels, 1, 1, device=model.device)
    canvas = LatentCanvas(grid, model.on_stream(decode_tile), blank, model.map_tiles)
    target = area.doubled() if half else area
    pixels = np.empty((target.height, target.width, 3), np.uint8)
    done = 0
    for window in grid.windows(area, WINDOW):
        around = surroundings(window, grid.picture, decoder.halo)
        canvas.forget(around, area.wide)
        part = model.transforms.synthesize(decoder, canvas.area(around), window, around, quality, half)
        model.watch.lap("synthesis")
        rows, columns = (window.doubled() if half else window).within(target)
        pixels[rows, columns] = part
        done += window.width * window.height
        if progress:
            progress(done, area.width * area.height)
    model.watch.report()
    return Decoded(pixels, tuple(grid.rectangle(number) for number in sorted(canvas.lost)))


def halved(area: Rectangle) -> Rectangle:
    """The smallest area of the picture at half size that covers an area of the picture."""
    x, y = area.x // 2, area.y // 2
    return Rectangle(x, y, -(-area.right // 2) - x, -(-area.bottom // 2) - y)


def decode_area(
    model: LoadedModel,
    file: LicFile,
    area: Rectangle,
    decoder: Decoder,
    salvage: bool = False,
    progress: Progress | None = None,
) -> Decoded:
    """Decode an area of a picture, at whatever size it was coded; raises as `decode_tiles` does."""
    quality, grid, half = file.header.quality, file.header.grid, file.header.half
    coded = halved(area) if half else area
    assert file.coder is not None, "a stored picture has no latents"
    decoded = decode_tiles(model, file.tiles, quality, grid, file.coder, coded, salvage, progress, decoder, half)
    if not half:
        return decoded
    return Decoded(decoded.pixels[area.within(coded.doubled())], tuple(tile.doubled() for tile in decoded.lost))
