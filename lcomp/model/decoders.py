"""The decoders: networks that make pixels of decoded latents. The file does not depend on which one is used."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lcomp.format.tiles import Rectangle
from lcomp.model.tile_codec import dequantise
from lcomp.networks.config import PATCH, BackboneConfig
from lcomp.networks.enhancer import DOUBLED, UPSCALE_REACH, Enhancer, grain, upscale
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.networks.halo import NO_HALO, Halo, Reach
from lcomp.networks.light import LightSynthesis
from lcomp.networks.refinement import Evidence
from lcomp.types import STRIDE
from lcomp.zoo.weights import Networks


def whole_strides(pixels: int) -> int:
    """Pixels rounded up to a multiple of STRIDE."""
    return -(-pixels // STRIDE) * STRIDE


def full_size(x_hat: Tensor, half: bool, halo: Halo) -> Tensor:
    """A picture [B, 3, H, W] held for upscaling, which it gets where it was coded at half size, without its halo."""
    shown, stride = (upscale(x_hat), DOUBLED) if half else (x_hat, 1)
    return halo.crop(shown, stride, 0, UPSCALE_REACH)


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
    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool, halo: Halo = NO_HALO) -> Tensor:
        """Pixels [1, 3, 16h, 16w] of a place of the coded picture, nominally in [-1, 1], at quality weights w [1, 9].

        These may be [1, 9, h, w]. Twice as high and wide where the picture was coded at `half` its size. Of a `halo`,
        which is part of the place, only `halo.seen(0)` is left.
        """


class MseDecoder(Decoder):
    """The backbone's own g_s; pictures coded at half size are upscaled by bicubic interpolation."""

    def __init__(self, networks: Networks, config: BackboneConfig) -> None:
        super().__init__(networks, config.latents)
        self.halo = whole_strides(networks.g_s.reach(Reach(UPSCALE_REACH)))

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool, halo: Halo = NO_HALO) -> Tensor:
        """See `Decoder.synthesize`."""
        painted = self.networks.g_s(self.evidence(known), w, self.networks.scale, halo, Reach(UPSCALE_REACH))
        return full_size(painted.x_hat, half, halo)


class LightDecoder(Decoder):
    """A light g_s of its own; pictures coded at half size are upscaled by bicubic interpolation."""

    def __init__(self, networks: Networks, network: LightSynthesis, config: BackboneConfig) -> None:
        super().__init__(networks, config.latents)
        self.network, self.halo = network, whole_strides(network.reach(UPSCALE_REACH))

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool, halo: Halo = NO_HALO) -> Tensor:
        """See `Decoder.synthesize`."""
        x_hat = self.network(self.evidence(known), w, self.networks.scale, halo, UPSCALE_REACH)
        return full_size(x_hat, half, halo)


class EnhancedDecoder(Decoder):
    """The backbone's g_s and a post-filter.

    `strength`, 0 to 1, scales what the post-filter adds: the realism of `gan`.
    """

    def __init__(self, networks: Networks, network: Enhancer, config: BackboneConfig, strength: float) -> None:
        super().__init__(networks, config.latents)
        self.network, self.strength = network, strength
        self.halo = whole_strides(network.reach(networks.g_s))

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool, halo: Halo = NO_HALO) -> Tensor:
        """See `Decoder.synthesize`."""
        rows, columns = (side * STRIDE // PATCH for side in known.shape[2:])
        top, left = place.y // PATCH, place.x // PATCH
        noise = grain(self.network.config.noise, top, left, rows, columns, known.device)
        enhanced = self.network(self.networks.g_s, self.evidence(known), noise, w, self.networks.scale, half, halo)
        return enhanced.x_hat + self.strength * enhanced.added
