"""Decoders of reduced size: pictures made smaller than they were coded, without the networks of full size.

At 1/2 and 1/4 they average what the draft makes, without the refinement. At 1/8 and 1/16 they apply the draft's linear
path alone, whose kernels are averaged once: its pixels cost next to nothing.
"""

from torch import Tensor
from torch.nn import functional as F

from lcomp.format.tiles import Rectangle
from lcomp.model.decoders import Decoder, whole_latents
from lcomp.model.tile_codec import dequantise
from lcomp.model.transforms import Transforms
from lcomp.networks.config import PATCH, BackboneConfig
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.types import STRIDE
from lcomp.zoo.weights import Networks

COARSE = 8
"""From this factor on, pictures are made by the linear path."""


class ReducedDecoder(Decoder):
    """What the reduced sizes have in common: y_hat is all that they see."""

    def __init__(self, networks: Networks, latents: int, factor: int, halo: int) -> None:
        super().__init__(networks, latents)
        self.channels, self.factor, self.halo = latents, factor, halo

    def gather(self, symbols: Tensor, parameters: EntropyParameters) -> Tensor:
        """The dequantised latents [1, M, h, w]."""
        return dequantise(symbols, parameters.mean)


class DraftDecoder(ReducedDecoder):
    """The draft, averaged over squares of `factor` pixels."""

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """Pixels [1, 3, 16h/factor, 16w/factor] of a place, nominally in [-1, 1]."""
        return F.avg_pool2d(self.networks.g_s.draft(known, w, self.networks.scale).x_hat, self.factor)


class LinearDecoder(ReducedDecoder):
    """The linear path, at 1/factor of the size."""

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """Pixels [1, 3, 16h/factor, 16w/factor] of a place, nominally in [-1, 1]."""
        pixels: Tensor = self.networks.g_s.draft.preview(known, w, self.networks.scale, self.factor)
        return pixels


def draft_halo(config: BackboneConfig) -> int:
    """Receptive field of the draft in pixels, a multiple of STRIDE."""
    return whole_latents(2 * STRIDE * config.blocks_low + 2 * PATCH * config.blocks_synthesis + PATCH)


def reduced_decoder(transforms: Transforms, config: BackboneConfig, factor: int) -> Decoder:
    """The decoder of pictures `factor` times smaller than they were coded: 1, 2, 4, 8 or 16."""
    if factor == 1:
        return transforms.mse
    if factor >= COARSE:
        return LinearDecoder(transforms.networks, config.latents, factor, 0)
    return DraftDecoder(transforms.networks, config.latents, factor, draft_halo(config))
