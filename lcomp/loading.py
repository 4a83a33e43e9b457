"""Models and decoders on their devices, each loaded once per process."""

import warnings
from functools import cache

import torch

from lcomp import weights
from lcomp.codec import ModelCodec
from lcomp.decoders import Decoder, EnhancedDecoder
from lcomp.errors import LcompError, ModelError
from lcomp.networks.enhancer import Enhancer
from lcomp.tile_codec import log
from lcomp.windows import AUTO
from lcomp.zoo import MSE, ModelInfo, decoder_names, inventive_decoders, model_by_name


@cache
def works(device: torch.device) -> bool:
    """Whether a CUDA device is there and computes: its driver or the device may be too old for this torch.

    Why one does not is shown among the stages only: most machines have none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.cuda.is_available() and bool((torch.ones(1, device=device) + 1).item())
        except RuntimeError as error:
            log.debug("  %s is of no use: %s", device, str(error).partition("\n")[0])
            return False


def choose_device(name: str) -> torch.device:
    """The device called `name`: auto, cpu, cuda or cuda:N; raises LcompError where there is none that works."""
    if name == "auto":
        name = "cuda" if works(torch.device("cuda")) else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise LcompError(f"unknown device '{name}': use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise LcompError(f"device '{name}' is not supported: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        if not works(device):
            raise LcompError(f"device '{name}' does not exist on this machine or does not work with this torch")
        if device.index is None:  # which one that is may change
            return torch.device("cuda", torch.cuda.current_device())
    return device


@cache
def load_model(model: ModelInfo, device: torch.device, precision: str = AUTO) -> ModelCodec:
    """A model without a decoder of its own on a device, loaded once per process."""
    log.debug("  loading %s on %s", model.name, device)
    # whatever mode the caller is in: a search needs gradients
    with torch.inference_mode(False):
        return ModelCodec(model, device, precision)


@cache
def load_enhancer(model: ModelInfo, device: torch.device) -> Enhancer:
    """The network of a model's own decoder on a device, loaded once per process."""
    log.debug("  loading decoder %s on %s", model.name, device)
    with torch.inference_mode(False):
        return weights.load_decoder(model, device)


def load_decoder(name: str, model: ModelInfo, codec: ModelCodec, realism: float | None = None) -> Decoder:
    """The decoder called `name` for the files of a model, whose latents `codec` decodes.

    Raises ModelError where there is none, LcompError for a realism out of range or where it has no meaning.
    """
    transforms = codec.transforms
    decoder = None if name == MSE else model_by_name(name)
    if decoder and decoder.decoder is None:
        raise ModelError(f"'{name}' is no decoder (installed: {', '.join(decoder_names())})")
    if realism is not None and not (decoder and decoder.inventive):
        raise LcompError(f"decoder '{name}' knows no realism, only {' and '.join(inventive_decoders())}")
    if realism is not None and not 0 <= realism <= 1:
        raise LcompError(f"realism {realism} is out of range: use 0 to 1")
    if decoder is None:
        return transforms.mse
    if decoder.lineage[-1] != model.lineage[-1]:
        raise ModelError(f"decoder '{name}' is not for files of '{model.name}'")
    strength = 1.0 if realism is None else realism
    return EnhancedDecoder(transforms.networks, load_enhancer(decoder, codec.device), decoder.architecture, strength)
