"""Pixels to entropy-coded latents and back, for one model on one device."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lcomp.aim import AIMS
from lcomp.container import Coder, Encoded
from lcomp.decoders import Decoder
from lcomp.effort import DEFAULT_EFFORT, Effort
from lcomp.errors import ChecksumError, FormatError
from lcomp.mosaic import DecodeTile, Mosaic
from lcomp.rounding import Rounding
from lcomp.tile_codec import TileCodec
from lcomp.tiles import Grid, Rectangle
from lcomp.weights import load_weights
from lcomp.windows import AUTO, Pixels, Transforms, surroundings
from lcomp.zoo import ModelInfo

log = logging.getLogger("lcomp")

Progress = Callable[[int, int], None]
"""Told how many pixels of how many are done."""

Run = Callable[..., Iterable[Any]]
"""Like `map`, though it may start with everything at once, in other threads."""

WINDOW = 2
"""Tiles per side of the windows that g_a and g_s run in: more memory, less margin."""

SEARCH_WINDOW = 1
"""The same for a search, where a gradient needs what was computed of every pixel."""


class Decoded(NamedTuple):
    """A decoded picture or part of one."""

    pixels: Pixels
    lost: tuple[Rectangle, ...]  # tiles that were filled in


class ModelCodec:
    """A loaded model that turns pictures into streams and back.

    pixels -- Transforms.latents --> y -- Effort.choose --> symbols -- TileCodec.send, encode --> Encoded, one per tile
    Encoded -- TileCodec.decode, Decoder.gather, tile by tile --> Mosaic -- Transforms.synthesize --> pixels
    """

    def __init__(self, model: ModelInfo, device: torch.device, precision: str = AUTO) -> None:
        """Load a model that has no decoder of its own."""
        self.model, self.device = model, device
        weights = load_weights(model, device)
        self.transforms = Transforms(weights.networks, model.architecture, device, precision)
        self.tile = TileCodec(weights, device)
        self.rounding = Rounding(weights.tables, device)
        self.watch = self.tile.watch
        # two tiles at once on another device: it computes one while the other is coded on the CPU
        self.executor = None
        if device.type == "cuda":
            # else they would start on the first device, and take memory there
            self.executor = ThreadPoolExecutor(2, initializer=torch.cuda.set_device, initargs=(device,))

    @property
    def run(self) -> Run:
        """How tiles are done; one after the other where the time of each stage is to be logged."""
        if self.executor is None or log.isEnabledFor(logging.DEBUG):
            return map
        return self.executor.map

    def here(self, work: DecodeTile) -> DecodeTile:
        """The same for any thread: on the CUDA stream of this one."""
        if self.device.type != "cuda":
            return work
        stream = torch.cuda.current_stream(self.device)

        def in_stream(number: int) -> Tensor | None:
            with torch.cuda.stream(stream):
                return work(number)

        return in_stream

    def encode(
        self,
        pixels: Pixels,
        quality: int,
        grid: Grid,
        coder: Coder,
        effort: int = DEFAULT_EFFORT,
        progress: Progress | None = None,
        decoder: Decoder | None = None,
    ) -> tuple[Encoded, ...]:
        """Encode a picture [H, W, 3] at a quality in thousandths and an effort of 0 .. 9, one stream per tile.

        `decoder` is the one that a search works for, by default the backbone's own.
        """
        self.watch.start()
        search = self.search(effort, decoder)
        streams: dict[int, Encoded] = {}
        done = 0
        for window in grid.windows(grid.picture, SEARCH_WINDOW if search.level.rounds else WINDOW):

            def report(share: float, done: int = done, area: int = window.width * window.height) -> None:
                if progress:
                    progress(done + round(share * area), grid.width * grid.height)

            numbers = grid.touching(window)
            choices = search.choose(pixels, window, [grid.rectangle(number) for number in numbers], quality, report)
            coded = self.run(self.tile.encode, map(self.tile.send, choices), repeat(coder), numbers)
            streams.update(zip(numbers, coded, strict=True))
            done += window.width * window.height
        self.watch.report()
        return tuple(streams[number] for number in range(grid.count))

    def search(self, effort: int, decoder: Decoder | None = None) -> Effort:
        """What chooses the symbols at an effort of 0 .. 9, for what `decoder` makes of them."""
        return Effort(effort, self.transforms, self.tile, self.rounding, AIMS[self.model.metric], decoder)

    def decode(
        self,
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
        """Decode an area of a picture, and only the tiles that it needs; None stands for a tile that is lost.

        `decoder` makes the pixels, by default the backbone's own. What was coded at `half` its size has twice as many
        rows and columns as the area.

        Raises as `TileCodec.decode` does, unless `salvage` asks for damaged tiles to be filled in.
        """
        decoder = decoder or self.transforms.mse

        def decode_tile(number: int) -> Tensor | None:
            encoded, tile = tiles[number], grid.rectangle(number)
            try:
                if encoded is None:
                    raise ChecksumError(f"tile {tile} is lost")
                return decoder.gather(*self.tile.decode(encoded, quality, tile.height, tile.width, coder, number))
            except FormatError:
                if not salvage:
                    raise
                return None

        self.watch.start()
        blank = torch.zeros(1, decoder.channels, 1, 1, device=self.device)
        mosaic = Mosaic(grid, self.here(decode_tile), blank, self.run)
        target = area.doubled() if half else area
        pixels = np.empty((target.height, target.width, 3), np.uint8)
        done = 0
        for window in grid.windows(area, WINDOW):
            around = surroundings(window, grid.picture, decoder.margin)
            mosaic.forget(around, area.wide)
            part = self.transforms.synthesize(decoder, mosaic.area(around), window, around, quality, half)
            self.watch.lap("synthesis")
            rows, columns = (window.doubled() if half else window).within(target)
            pixels[rows, columns] = part
            done += window.width * window.height
            if progress:
                progress(done, area.width * area.height)
        self.watch.report()
        return Decoded(pixels, tuple(grid.rectangle(number) for number in sorted(mosaic.lost)))
