"""Range coding of one picture's latents: the default coder against torchac's int16 path.

    pip install '.[torchac]' && python benchmarks/coder.py

Both code the same symbols with the same tables; torchac is given one CDF row per symbol, as its interface asks for.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timing import median_seconds

from lcomp.encoding.streams import encode_tiles
from lcomp.entropy.grouping import Order
from lcomp.entropy.latents import SymbolGroup
from lcomp.entropy.tables import SCALES
from lcomp.entropy.torchac_coder import cumulative_row, load_torchac
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid
from lcomp.model.loaded import LoadedModel
from lcomp.model.tile_codec import read_symbols, side_tables
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.pictures.reading import to_picture
from lcomp.zoo.registry import model_by_name

PHOTO = Path(__file__).parent.parent / "tests" / "data" / "kodim05.png"
RADIUS = 120
"""Symbols of larger magnitude are clamped for both, so that torchac's rows stay small."""


def main() -> None:
    codec = LoadedModel(model_by_name("hyperprior"), torch.device("cpu"))
    pixels = to_picture(Image.open(PHOTO)).pixels
    quality = 4000
    [encoded] = encode_tiles(codec, pixels, quality, Grid(*pixels.shape[1::-1]), Coder.CONSTRICTION)
    rows, columns = -(-pixels.shape[0] // 16), -(-pixels.shape[1] // 16)
    coder = codec.tile.coder(Coder.CONSTRICTION)
    decoder = coder.decoder(encoded.stream)

    def code(places: torch.Tensor, parameters: EntropyParameters) -> torch.Tensor:
        return read_symbols(decoder, side_tables(parameters.scales))

    hyper = codec.tile.run_side(rows, columns, quality, code).hyper
    tables = hyper.entropy_parameters().scales.flatten()
    symbols = read_symbols(decoder, tables).clamp(-RADIUS, RADIUS)

    def encode() -> bytes:
        order = Order(tables)
        return coder.encode([SymbolGroup(order.arrange(symbols).numpy(), order.counts.numpy())])

    stream = encode()
    ours_encode = median_seconds(encode)
    ours_decode = median_seconds(lambda: read_symbols(coder.decoder(stream), tables))

    # one row per symbol: every table cut or padded to the symbols -RADIUS .. RADIUS
    torchac = load_torchac()
    table = torch.stack([centred_row(codec, index) for index in range(SCALES)])
    coded = tables.nonzero()[:, 0]
    bins, index = symbols[coded] + RADIUS, tables[coded].long()
    theirs_encode = median_seconds(lambda: torchac.encode_int16_normalized_cdf(table[index], bins))
    reference = torchac.encode_int16_normalized_cdf(table[index], bins)
    theirs_decode = median_seconds(lambda: torchac.decode_int16_normalized_cdf(table[index], reference))

    count = len(symbols) / 1e6
    print(f"{len(symbols)} symbols, {len(coded)} of them coded; million symbols per second, median of 5 runs")
    print(f"lcomp (constriction)  encode {count / ours_encode:6.1f}  decode {count / ours_decode:6.1f}")
    print(f"torchac int16         encode {count / theirs_encode:6.1f}  decode {count / theirs_decode:6.1f}")
    print(f"encode {theirs_encode / ours_encode:.1f}x, decode {theirs_decode / ours_decode:.1f}x faster")


def centred_row(codec: LoadedModel, index: int) -> torch.Tensor:
    """CDF row of a table over the symbols -RADIUS .. RADIUS, what lies outside given to the ends."""
    table = codec.tile.tables[index]
    frequencies = np.ones(2 * RADIUS + 1, np.int64)
    inner = min(table.radius, RADIUS)
    middle = table.frequencies[table.radius - inner : table.radius + inner + 1]
    frequencies[RADIUS - inner : RADIUS + inner + 1] = middle
    frequencies[RADIUS] += 2**16 - frequencies.sum()
    return cumulative_row(frequencies)


if __name__ == "__main__":
    main()
