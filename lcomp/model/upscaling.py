"""The upscaler on a device, and the decoder of pictures coded at half size that ends in it."""

import time
from functools import cache

import torch
from torch import Tensor

from lcomp.errors import ModelError
from lcomp.log import log
from lcomp.model.decoders import Decoder, MseDecoder
from lcomp.networks.blocks import place
from lcomp.networks.upscaler import Upscaler
from lcomp.types import STRIDE
from lcomp.zoo.upscalers import UpscalerInfo, installed_upscaler
from lcomp.zoo.weights import as_floats, read_own_tensors


def read_upscaler(info: UpscalerInfo, device: torch.device) -> Upscaler:
    """The network of an upscaler; raises ModelError where its weights are missing or not the right ones."""
    tensors = read_own_tensors(info)
    try:
        with torch.device("meta"):
            network = Upscaler(info.config)
        network.load_state_dict(as_floats(tensors), assign=True)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"weights of '{info.name}' are not usable: {info.weights_path}: {error}") from error
    place(network, device)
    return network.eval().requires_grad_(False)


@cache
def load_upscaler(device: torch.device) -> Upscaler:
    """The installed upscaler on a device, loaded once per process; raises as `read_upscaler` does."""
    started, info = time.perf_counter(), installed_upscaler()
    with torch.inference_mode(False):
        network = read_upscaler(info, device)
    log.debug("  loading %s on %s %.3f s", info.name, device, time.perf_counter() - started)
    return network
