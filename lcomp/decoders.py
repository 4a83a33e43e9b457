"""The decoders: what makes pixels of decoded latents. The file does not depend on which one is used."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lcomp.networks.config import PATCH, STRIDE, BackboneConfig
from lcomp.networks.enhancer import FINE, Enhancer, Evidence, grain, upscale
from lcomp.networks.integer import EntropyParameters
from lcomp.tile_codec import dequantise
from lcomp.tiles import Rectangle
from lcomp.weights import Networks

UPSCALE_REACH = 2
"""Pixels beyond its own place that decide a pixel of a picture at twice its size."""


def pixels_of_cells(cells: int, fine: int = 0) -> int:
    """Pixels, a multiple of STRIDE, that so many cells at 1/8 and `fine` ones at 1/4 of the resolution reach."""
    return -(-(cells * STRIDE // 2 + fine * FINE + UPSCALE_REACH) // STRIDE) * STRIDE


def margin(config: BackboneConfig) -> int:
    """Pixels, a multiple of STRIDE, that g_a and g_s see beyond a window that starts at a multiple of STRIDE.

    Two 3x3 convolutions per block, at 1/16 and at 1/8 resolution, and one more 3x3 at 1/8 (`down` in g_a, `leave` in
    g_s).
    """
    return pixels_of_cells(4 * config.blocks_low + 2 * max(config.blocks, config.blocks_synthesis) + 1)


class Decoder(ABC):
    """Makes pixels of latents."""

    margin: int  # pixels of the coded picture, a multiple of STRIDE, that it sees beyond a window
    channels: int  # of what it needs to know

    @abstractmethod
    def gather(self, symbols: Tensor, parameters: EntropyParameters) -> Tensor:
        """What it needs to know [1, channels, h, w], of the symbols [1, M, h, w] and what they were coded with."""

    @abstractmethod
    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """A place of the coded picture [1, 3, 16h, 16w], nominally in [-1, 1], at quality weights w [1, 9].

        Twice as high and wide where the picture was coded at `half` its size.
        """


class MseDecoder(Decoder):
    """The g_s that was trained with the backbone; enlarges by cubic interpolation."""

    def __init__(self, networks: Networks, config: BackboneConfig) -> None:
        self.networks, self.margin, self.channels = networks, margin(config), config.latents

    def gather(self, symbols: Tensor, parameters: EntropyParameters) -> Tensor:
        """y_hat."""
        return dequantise(symbols, parameters.mean)

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """See `Decoder.synthesize`."""
        x_hat: Tensor = self.networks.g_s(known, w, self.networks.scale)
        return upscale(x_hat) if half else x_hat


class EnhancedDecoder(Decoder):
    """The same g_s and a network that adds to its picture, and is told the scales of the symbols too.

    `strength` is how much of what is added is shown, 0 to 1.
    """

    def __init__(self, networks: Networks, network: Enhancer, config: BackboneConfig, strength: float) -> None:
        self.networks, self.network, self.strength = networks, network, strength
        self.channels = 3 * config.latents
        own = network.config
        self.margin = pixels_of_cells(
            4 * config.blocks_low + 2 * config.blocks_synthesis + 2 * own.blocks + 1, fine=2 * own.blocks_fine + 2
        )

    def gather(self, symbols: Tensor, parameters: EntropyParameters) -> Tensor:
        """y_hat, the symbols and their scales."""
        return torch.cat([dequantise(symbols, parameters.mean), symbols.float(), parameters.scales.float()], 1)

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool) -> Tensor:
        """See `Decoder.synthesize`."""
        rows, columns = (side * STRIDE // PATCH for side in known.shape[2:])
        top, left = place.y // PATCH, place.x // PATCH
        noise = grain(self.network.config.noise, top, left, rows, columns, known.device)
        evidence = Evidence(*known.chunk(3, 1))
        enhanced = self.network(self.networks.g_s, evidence, noise, w, self.networks.scale, half)
        return enhanced.x_hat + self.strength * enhanced.added
