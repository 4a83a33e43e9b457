"""From the pixels of a picture to one entropy-coded stream per tile."""

from itertools import repeat

from lcomp.encoding.symbol_search import SymbolSearch
from lcomp.format.container import Coder, Encoded
from lcomp.format.tiles import Grid
from lcomp.model.decoders import Decoder
from lcomp.model.loaded import LoadedModel
from lcomp.options import DEFAULT_EFFORT
from lcomp.types import Pixels, Progress, Quality

WINDOW = 2
"""Tiles per side of the windows that g_a runs in: more memory, less halo."""

SEARCH_WINDOW = 1
"""The same where symbols are searched for: backpropagation keeps the activations of every pixel."""


def encode_tiles(
    model: LoadedModel,
    pixels: Pixels,
    quality: Quality,
    grid: Grid,
    coder: Coder,
    effort: int = DEFAULT_EFFORT,
    progress: Progress | None = None,
    decoder: Decoder | None = None,
) -> tuple[Encoded, ...]:
    """Encode a picture [H, W, 3] at a quality in thousandths, or of every block, and an effort of 0 .. 9.

    One stream per tile:

    pixels -- Transforms.latents --> y -- SymbolSearch.choose --> symbols -- TileCodec.send, encode --> Encoded

    `decoder` is the one that a search optimises for, by default the backbone's own.
    """
    model.watch.start()
    search = SymbolSearch(model, effort, decoder)
    streams: dict[int, Encoded] = {}
    done = 0
    for window in grid.windows(grid.picture, SEARCH_WINDOW if search.level.rounds else WINDOW):

        def report(share: float, done: int = done, area: int = window.width * window.height) -> None:
            if progress:
                progress(done + round(share * area), grid.width * grid.height)

        numbers = grid.touching(window)
        choices = search.choose(pixels, grid, window, quality, report)
        coded = model.map_tiles(model.tile.encode, map(model.tile.send, choices), repeat(coder), numbers)
        streams.update(zip(numbers, coded, strict=True))
        done += window.width * window.height
    model.watch.report()
    return tuple(streams[number] for number in range(grid.count))
