"""The decoders: what makes pixels of decoded latents. The file does not depend on which one is used."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lcomp.format.tiles import Rectangle
from lcomp.model.tile_codec import dequantise
from lcomp.networks.config import PATCH, BackboneConfig, RefinementConfig
from lcomp.networks.enhancer import CELLS, Enhancer, grain, upscale
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.networks.refinement import FINE, Evidence
from lcomp.types import STRIDE
from lcomp.zoo.weights import Networks

UPSCALE_REACH = 2
"""Pixels beyond its own place that decide a pixel of a picture at twice its size."""


def whole_latents(pixels: int) -> int:
    """Pixels of the networks' reach and of what may enlarge their picture, rounded up to whole latents."""
    return -(-(pixels + UPSCALE_REACH) // STRIDE) * STRIDE


def reach(config: BackboneConfig, *refinements: RefinementConfig) -> int:
    """Pixels, a multiple of STRIDE, that g_s and further refinements see beyond a window at a multiple of STRIDE.

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


def halo(config: BackboneConfig) -> int:
    """Pixels, a multiple of STRIDE, that g_a and g_s see beyond a window that starts at a multiple of STRIDE."""
    features = 2 * STRIDE * config.blocks_low + 2 * PATCH * config.blocks + PATCH
    return max(whole_latents(features + FINE * (2 * config.blocks_fine + 1)), reach(config))


class Decoder(ABC):
    """Makes pixels of latents."""

    halo: int  # pixels of the coded picture, a multiple of STRIDE, that it sees beyond a window

    def __init__(self, networks: Networks, latents: int) -> None:
        self.networks, self.channels = networks, 3 * latents

    def gather(self, symbols: Tensor, parameters: EntropyParameters) -> Tensor:
        """What it needs to know [1, channels, h, w], of the symbols [1, M, h, w] and what they were coded with."""
        return torch.cat(Evidence(dequantise(symbols, parameters.mean), symbols.float(), parameters.scales.float()), 1)

    def evidence(self, known: Tensor) -> Evidence:
        """What was gathered [1, channels, h, w], apart again."""
        return Evidence(*known.chunk(3, 1))

    @abstractmethod
    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """A place of the coded picture [1, 3, 16h, 16w], nominally in [-1, 1], at quality weights w [1, 9].

        Twice as high and wide where the picture was coded at `half` its size.
        """


class MseDecoder(Decoder):
    """The g_s that was trained with the backbone; enlarges by cubic interpolation."""

    def __init__(self, networks: Networks, config: BackboneConfig) -> None:
        super().__init__(networks, config.latents)
        self.halo = halo(config)

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """See `Decoder.synthesize`."""
        x_hat: Tensor = self.networks.g_s(self.evidence(known), w, self.networks.scale).x_hat
        return upscale(x_hat) if half else x_hat


class EnhancedDecoder(Decoder):
    """The same g_s and a network that adds to its picture.

    `strength` is how much of what is added is shown, 0 to 1.
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
