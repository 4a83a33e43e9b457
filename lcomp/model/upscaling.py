"""The upscaler on a device, and the decoder of pictures coded at half size that ends in it."""

import time
from functools import cache

import torch
from torch import Tensor

from lcomp.format.tiles import Rectangle
from lcomp.log import log
from lcomp.model.decoders import Decoder, MseDecoder, whole_strides
from lcomp.model.loaded import LoadedModel
from lcomp.networks.enhancer import DOUBLED
from lcomp.networks.halo import NO_HALO, Halo, Reach
from lcomp.networks.upscaler import Upscaler
from lcomp.types import STRIDE
from lcomp.zoo.upscalers import UpscalerInfo, installed_upscaler
from lcomp.zoo.weights import with_own_weights


def read_upscaler(info: UpscalerInfo, device: torch.device) -> Upscaler:
    """The network of an upscaler; raises ModelError where its weights are missing or not the right ones."""
    with torch.device("meta"):
        network = Upscaler(info.config)
    return with_own_weights(network, info, device)


@cache
def load_upscaler(device: torch.device) -> Upscaler:
    """The installed upscaler on a device, loaded once per process; raises as `read_upscaler` does."""
    started, info = time.perf_counter(), installed_upscaler()
    with torch.inference_mode(False):
        network = read_upscaler(info, device)
    log.debug("  loading %s on %s %.3f s", info.name, device, time.perf_counter() - started)
    return network


class UpscalingDecoder(Decoder):
    """The backbone's own g_s, whose pictures of half the size the upscaler doubles."""

    def __init__(self, mse: MseDecoder, network: Upscaler, visual: bool) -> None:
        self.networks, self.channels = mse.networks, mse.channels
        self.network, self.visual = network, visual
        self.halo = whole_strides(self.networks.g_s.reach(Reach(network.reach)))

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool, halo: Halo = NO_HALO) -> Tensor:
        """See `Decoder.synthesize`."""
        assert half, "a picture of full size needs no upscaler"
        seen = self.network.reach
        x_hat = self.networks.g_s(self.evidence(known), w, self.networks.scale, halo, Reach(seen)).x_hat
        doubled = self.network(x_hat.float().clamp(-1, 1), halo.crop(w, STRIDE, seen), self.visual)
        return halo.crop(doubled, DOUBLED, 0, seen)


def upscaling_decoder(codec: LoadedModel) -> UpscalingDecoder:
    """The decoder of pictures that a model coded at half size."""
    return UpscalingDecoder(codec.transforms.mse, load_upscaler(codec.device), codec.info.visual)
