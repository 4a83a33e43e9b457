"""Models and decoders on their devices, each loaded once per process."""

import time
from functools import cache

import torch

from lcomp.errors import LcompError, ModelError
from lcomp.log import log
from lcomp.model.decoders import Decoder, EnhancedDecoder, LightDecoder
from lcomp.model.forking import keep_forks_from_hanging
from lcomp.model.loaded import LoadedModel
from lcomp.model.upscaling import upscaling_decoder
from lcomp.networks.blocks import take_for_final
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.light import LightSynthesis
from lcomp.options import AUTO, MSE, SR
from lcomp.zoo import weights
from lcomp.zoo.registry import ModelInfo, decoders_by_name, inventive_decoders


@cache
def load_model(model: ModelInfo, device: torch.device, precision: str = AUTO) -> LoadedModel:
    """A model without a decoder of its own on a device, loaded once per process."""
    started = time.perf_counter()
    keep_forks_from_hanging()
    # outside the caller's inference mode: tensors made in it cannot take part in the autograd of a search
    with torch.inference_mode(False):
        loaded = LoadedModel(model, device, precision)
    log.debug("  loading %s on %s %.3f s", model.name, device, time.perf_counter() - started)
    return loaded


@cache
def load_own_network(model: ModelInfo, device: torch.device) -> Enhancer | LightSynthesis:
    """The network of a model's own decoder on a device, loaded once per process."""
    log.debug("  loading decoder %s on %s", model.name, device)
    with torch.inference_mode(False):
        network = weights.read_light(model, device) if model.light else weights.read_enhancer(model, device)
    take_for_final(network)
    return network


def load_decoder(
    name: str, model: ModelInfo, codec: LoadedModel, realism: float | None = None, half: bool = False
) -> Decoder:
    """The decoder called `name` for the files of a model, coded at `half` size or not, whose latents `codec` decodes.

    Raises ModelError where there is none, LcompError for a realism out of range or where it has no meaning.
    """
    transforms = codec.transforms
    found = [] if name == MSE else decoders_by_name(name)
    if realism is not None and not any(decoder.inventive for decoder in found):
        raise LcompError(f"decoder '{name}' knows no realism, only {' and '.join(inventive_decoders())}")
    if realism is not None and not 0 <= realism <= 1:
        raise LcompError(f"realism {realism} is out of range: use 0 to 1")
    if half and name == SR:
        return upscaling_decoder(codec)
    if name == MSE:
        return transforms.mse
    decoder = next((decoder for decoder in found if decoder.lineage[-1] == model.lineage[-1]), None)
    if decoder is None:
        raise ModelError(f"decoder '{name}' is not for files of '{model.name}'")
    network = load_own_network(decoder, codec.device)
    if isinstance(network, LightSynthesis):
        return LightDecoder(transforms.networks, network, decoder.architecture)
    strength = 1.0 if realism is None else realism
    return EnhancedDecoder(transforms.networks, network, decoder.architecture, strength)
