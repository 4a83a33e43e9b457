"""From the streams of a file to the pixels of an area, window by window."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lcomp.decoding.canvas import LatentCanvas
from lcomp.errors import FormatError
from lcomp.format.container import Coder, Encoded, LicFile
from lcomp.format.qualities import of_surroundings, of_tile
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.decoders import Decoder
from lcomp.model.loaded import DecodeTile, LoadedModel
from lcomp.model.prefix import decode_prefix
from lcomp.model.steps import telling
from lcomp.model.transforms import surroundings
from lcomp.types import Pixels, Progress, Quality

WINDOW = 2
"""Tiles per side of the windows that g_s runs in: more memory, less halo."""


DECODING = 0.2
"""Share of the time that the tiles take, before windows are synthesised of them."""


class Decoded(NamedTuple):
    """A decoded picture or part of one."""

    pixels: Pixels
    lost: tuple[Rectangle, ...]  # tiles that were filled in
    cut: tuple[Rectangle, ...] = ()  # tiles of which the beginning is shown

    def doubled(self) -> "Decoded":
        """With the places in a picture of twice the size than the one that was coded."""
        lost, cut = (tuple(tile.doubled() for tile in tiles) for tiles in (self.lost, self.cut))
        return Decoded(self.pixels, lost, cut)


def decode_tiles(
    model: LoadedModel,
    tiles: Sequence[Encoded | None],
    quality: Quality,
    grid: Grid,
    coder: Coder,
    area: Rectangle,
    salvage: bool = False,
    progress: Progress | None = None,
    decoder: Decoder | None = None,
    half: bool = False,
) -> Decoded:
    """Decode an area of the coded picture, and only the tiles that it needs; lost ones, which are None, are filled in.

    Encoded -- TileCodec.decode, Decoder.gather --> LatentCanvas -- Transforms.synthesize --> pixels

    The quality is one in thousandths, or one for every block of the picture.

    `decoder` makes the pixels, by default the backbone's own; how many, `Decoder.shown` says. Raises as
    `TileCodec.decode` does, unless `salvage` asks for damaged tiles to be filled in.
    """
    decoder = decoder or model.transforms.mse

    def decode_tile(number: int) -> Tensor | None:
        encoded, tile = tiles[number], grid.rectangle(number)
        here = of_tile(quality, tile)
        try:
            if encoded is None:
                return None
            if encoded.cut:
                cut.append(tile)
                return decoder.gather(*decode_prefix(model.tile, encoded, here, tile.height, tile.width, coder))
            return decoder.gather(*model.tile.decode(encoded, here, tile.height, tile.width, coder, number))
        except FormatError:
            if not salvage:
                raise
            return None

    needed = len(grid.touching(surroundings(area, grid.picture, decoder.halo)))
    whole, ready, done = area.width * area.height, 0, 0

    def tell(window: int = 0, synthesised: float = 0.0) -> None:
        if progress:
            share = DECODING * min(ready / needed, 1) + (1 - DECODING) * (done + synthesised * window) / whole
            progress(whole if done == whole else round(share * whole), whole)

    def decode_each(work: DecodeTile, numbers: Iterable[int]) -> Iterator[Tensor | None]:
        nonlocal ready
        for latents in model.map_tiles(work, numbers):
            ready += 1
            tell()
            yield latents

    cut: list[Rectangle] = []
    model.watch.start()
    blank = torch.zeros(1, decoder.channels, 1, 1, device=model.device)
    canvas = LatentCanvas(grid, model.on_stream(decode_tile), blank, decode_each)
    target = decoder.shown(area, half)
    pixels = np.empty((target.height, target.width, 3), np.uint8)
    for window in grid.windows(area, WINDOW):
        around = surroundings(window, grid.picture, decoder.halo, grid.wraps)
        canvas.forget(around, area.wide)
        known, size = canvas.area(around), window.width * window.height
        here = of_surroundings(quality, around, grid)
        with telling(model.transforms.networks.g_s, partial(tell, size)):
            part = model.transforms.synthesize(decoder, known, window, around, here, half)
        model.watch.lap("synthesis")
        rows, columns = decoder.shown(window, half).within(target)
        pixels[rows, columns] = part
        done += size
        tell()
    model.watch.report()
    return Decoded(pixels, tuple(grid.rectangle(number) for number in sorted(canvas.lost)), tuple(cut))


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
    quality, grid, half = file.quality, file.grid, file.header.half
    coded = halved(area) if half else area
    assert file.coder is not None, "a stored picture has no latents"
    decoded = decode_tiles(model, file.tiles, quality, grid, file.coder, coded, salvage, progress, decoder, half)
    if not half:
        return decoded
    return decoded.doubled()._replace(pixels=decoded.pixels[area.within(coded.doubled())])
