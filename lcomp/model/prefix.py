"""The latents of a tile of which only the beginning has arrived: what is certain, and the means of what is not.

Channel groups are coded from coarse to fine, so that a prefix of a stream is a coarser picture.
"""

import torch
from torch import Tensor

from lcomp.entropy.grouping import Order
from lcomp.entropy.prefix import LatentPrefix
from lcomp.errors import FormatError
from lcomp.format.container import Coder, Encoded
from lcomp.format.tiles import Rectangle
from lcomp.model.tile_codec import Latents, TileCodec, side_tables
from lcomp.networks.exact.context import Places
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.networks.passes import Pass
from lcomp.types import Quality

MOST_BYTES = 4
"""Bytes that a symbol takes at most: 16 bits, and as many again for an escape."""


def read_known(decoder: LatentPrefix, tables: Tensor) -> tuple[Tensor, Tensor]:
    """The next symbols (int16) for their tables (uint8) of the same shape, and which are known; others are zero."""
    order = Order(tables.flatten())
    arranged = decoder.decode(order.counts.cpu().numpy())
    symbols, known = (order.restore(torch.from_numpy(each).to(tables.device)).view(tables.shape) for each in arranged)
    return symbols, known


@torch.inference_mode()
def decode_prefix(
    codec: TileCodec, encoded: Encoded, quality: Quality, height: int, width: int, coder: Coder
) -> Latents:
    """The latents of a tile that is `cut`, which has the given size in pixels.

    What is not known counts as symbols of scale 0: zero, and not coded. Entropy parameters go on from there, so that
    later means follow from what is known. Raises FormatError where bytes are left over, which no prefix has.
    """
    tile = Rectangle(0, 0, width, height).latents()
    if len(encoded.stream) > MOST_BYTES * tile.width * tile.height * (
        codec.h_s.log_deviation.shape[1] + codec.h_c.channels
    ):
        raise FormatError("more entropy-coded data than a tile can have")
    entropy = codec.coder(coder)
    decoder = LatentPrefix(entropy.tables, entropy.backend.prefix_decoder(encoded.stream))

    def code_side(places: Tensor, parameters: EntropyParameters) -> Tensor:
        symbols, _ = read_known(decoder, side_tables(parameters.scales))
        return symbols

    side = codec.run_side(tile.height, tile.width, quality, code_side)
    symbols = torch.empty(side.hyper.mean.flatten(2).shape, dtype=torch.int16, device=codec.device)

    def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
        decoded, known = read_known(decoder, parameters.scales)
        # in place, for the context of later passes: a zero of a large scale would tell them of a flat area
        parameters.scales.mul_(known)
        symbols[:, step.first : step.last, places] = decoded
        return decoded

    parameters = codec.run_passes(side.hyper, quality, code)
    decoder.finish()
    return Latents(symbols.view(parameters.mean.shape), parameters)
