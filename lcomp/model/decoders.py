"""The decoders: networks that make pixels of decoded latents. The file does not depend on which one is used."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lcomp.format.tiles import Rectangle
from lcomp.model.tile_codec import dequantise
from lcomp.networks.config import PATCH, BackboneConfig, LightConfig, RefinementConfig
from lcomp.networks.enhancer import CELLS, Enhancer, grain, upscale
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.networks.light import LightSynthesis
from lcomp.networks.refinement import FINE, Evidence
from lcomp.types import STRIDE
from lcomp.zoo.weights import Networks

UPSCALE_REACH = 2
"""Support of the bicubic upscaling on each side, in pixels of the smaller picture."""


def whole_strides(pixels: int) -> int:
    """Pixels rounded up to a multiple of STRIDE."""
    return -(-pixels // STRIDE) * STRIDE


def whole_latents(pixels: int) -> int:
    """Receptive field of networks in pixels, plus that of the upscaling, rounded up to whole latents."""
    return whole_strides(pixels + UPSCALE_REACH)


def reach(config: BackboneConfig, *refinements: RefinementConfig) -> int:
    """Halo in pixels, a multiple of STRIDE, of g_s and post-filters, for windows that start at a multiple of STRIDE.

    A block is two 3x3 convolutions; there is one more before and after the blocks at 1/4, and one ends the draft.
    """
    features = 2 * STRIDE * config.blocks_low + 2 * PATCH * config.blocks_synthesis
    picture = features + PATCH
    for stage in (config.refinement, *refinements):
        features += 2 * PATCH * stage.blocks
        picture = max(picture, features) + FINE * (2 * stage.blocks_fine + 2)
        if stage.noise:
            picture += (CELLS + 1) * PATCH  # `without_lattice`
    return whole_latents(picture)


def light_halo(config: BackboneConfig, light: LightConfig) -> int:
    """Halo in pixels, a multiple of STRIDE, of a light g_s."""
    return whole_latents(2 * STRIDE * config.blocks_low + 2 * PATCH * light.blocks + PATCH)


class Decoder(ABC):
    """Makes pixels of decoded latents, window by window."""

    factor = 1  # how many times smaller its pictures are than what was coded
    halo: int  # its receptive field beyond a window, in pixels of the coded picture, a multiple of STRIDE

    def __init__(self, networks: Networks, latents: int) -> None:
        self.networks, self.channels = networks, 3 * latents

    def gather(self, symbols: Tensor, parameters: EntropyParameters) -> Tensor:
        """Pack symbols [1, M, h, w] and their entropy parameters into the decoder's input [1, channels, h, w]."""
        return torch.cat(Evidence(dequantise(symbols, parameters.mean), symbols.float(), parameters.scales.float()), 1)

    def evidence(self, known: Tensor) -> Evidence:
        """Unpack what `gather` packed [1, channels, h, w]."""
        return Evidence(*known.chunk(3, 1))

    def shown(self, place: Rectangle, half: bool) -> Rectangle:
        """Where a place of the coded picture is in the decoder's, which has twice the size if coded at `half` size."""
        return (place.doubled() if half else place).reduced(self.factor)

    @abstractmethod
    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """Pixels [1, 3, 16h, 16w] of a place of the coded picture, nominally in [-1, 1], at quality weights w [1, 9].

        These may be [1, 9, h, w]. Twice as high and wide where the picture was coded at `half` its size.
        """


class MseDecoder(Decoder):
    """The backbone's own g_s; pictures coded at half size are upscaled by bicubic interpolation."""

    def __init__(self, networks: Networks, config: BackboneConfig) -> None:
        super().__init__(networks, config.latents)
        self.halo = reach(config)

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """See `Decoder.synthesize`."""
        x_hat: Tensor = self.networks.g_s(self.evidence(known), w, self.networks.scale).x_hat
        return upscale(x_hat) if half else x_hat


class LightDecoder(Decoder):
    """A light g_s of its own; pictures coded at half size are upscaled by bicubic interpolation."""

    def __init__(self, networks: Networks, network: LightSynthesis, config: BackboneConfig) -> None:
        super().__init__(networks, config.latents)
        self.network, self.halo = network, light_halo(config, network.config)

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """See `Decoder.synthesize`."""
        x_hat: Tensor = self.network(self.evidence(known), w, self.networks.scale)
        return upscale(x_hat) if half else x_hat


class EnhancedDecoder(Decoder):
    """The backbone's g_s and a post-filter.

    `strength`, 0 to 1, scales what the post-filter adds: the realism of `gan`.
    """

    def __init__(self, networks: Networks, network: Enhancer, config: BackboneConfig, strength: float) -> None:
        super().__init__(networks, config.latents)
        self.network, self.strength = network, strength
        self.halo = reach(config, network.config)

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """See `Decoder.synthesize`."""
        rows, columns = (side * STRIDE // PATCH for side in known.shape[2:])
        top, left = place.y // PATCH, place.x // PATCH
        noise = grain(self.network.config.noise, top, left, rows, columns, known.device)
        enhanced = self.network(self.networks.g_s, self.evidence(known), noise, w, self.networks.scale, half)
        return enhanced.x_hat + self.strength * enhanced.added
