"""Decoders of reduced size: pictures made smaller than they were coded, without the networks of full size.

At 1/2 and 1/4 they average what the draft makes, without the refinement. At 1/8 and 1/16 they apply the draft's linear
path alone, whose kernels are averaged once: its pixels cost next to nothing.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.format.tiles import Rectangle
from lcomp.model.decoders import Decoder, whole_strides
from lcomp.model.tile_codec import dequantise
from lcomp.model.transforms import Transforms
from lcomp.networks.config import BackboneConfig
from lcomp.networks.exact.hyper_synthesis import MEAN_BITS, EntropyParameters
from lcomp.networks.halo import NO_HALO, Halo
from lcomp.types import STRIDE, Quality
from lcomp.zoo.weights import Networks

COARSE = 8
"""From this factor on, pictures are made by the linear path."""


class DraftDecoder(Decoder):
    """The draft, averaged over squares of `factor` pixels."""

    def __init__(self, networks: Networks, config: BackboneConfig, factor: int) -> None:
        super().__init__(networks, config.latents)
        self.channels, self.factor = config.latents, factor
        self.halo = whole_strides(networks.g_s.draft.reach())

    def gather(self, symbols: Tensor, parameters: EntropyParameters) -> Tensor:
        """The dequantised latents [1, M, h, w], which are all that the draft sees."""
        return dequantise(symbols, parameters.mean)

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool, halo: Halo = NO_HALO) -> Tensor:
        """Pixels [1, 3, 16h/factor, 16w/factor] of a place, nominally in [-1, 1]."""
        return F.avg_pool2d(self.networks.g_s.draft(known, w, self.networks.scale, halo).x_hat, self.factor)


class LinearDecoder(Decoder):
    """The linear path, at 1/factor of the size."""

    def __init__(self, networks: Networks, config: BackboneConfig, factor: int, w: Tensor) -> None:
        """`w` [1, 9] are the weights of the picture's quality."""
        super().__init__(networks, config.latents)
        self.factor, self.halo = factor, 0
        self.matrix = networks.g_s.draft.averaged_path(w, networks.scale, factor)
        self.channels = len(self.matrix)

    def gather(self, symbols: Tensor, parameters: EntropyParameters) -> Tensor:
        """The pixels of every latent [1, 3 (16/factor)^2, h, w], which are much fewer than the latents."""
        # float32 holds these integers exactly, in half the memory
        y_hat = parameters.mean.float().mul_(2.0**-MEAN_BITS).add_(symbols)
        return F.conv2d(y_hat, self.matrix[:, :, None, None])

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool, halo: Halo = NO_HALO) -> Tensor:
        """Pixels [1, 3, 16h/factor, 16w/factor] of a place, nominally in [-1, 1]."""
        return F.pixel_shuffle(known, STRIDE // self.factor)


@torch.inference_mode()
def reduced_decoder(transforms: Transforms, config: BackboneConfig, factor: int, quality: Quality) -> Decoder:
    """The decoder of pictures `factor` times smaller than they were coded: 1, 2, 4, 8 or 16; quality in thousandths.

    Where qualities differ within the picture, no single matrix is its linear path.
    """
    if factor == 1:
        return transforms.mse
    if factor >= COARSE and isinstance(quality, int):
        return LinearDecoder(transforms.networks, config, factor, transforms.quality_weights(quality))
    return DraftDecoder(transforms.networks, config, factor)
