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

NO_DEVICE = "this torch knows of no GPU"
"""Why there is no CUDA device on most machines."""


def first_line(text: object) -> str:
    """The first line of a message."""
    return str(text).partition("\n")[0]


@cache
def trouble(device: torch.device) -> str | None:
    """Why a CUDA device cannot be used, None where it can: its driver or itself may be too old for this torch."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            if torch.cuda.is_available():
                torch.ones(1, device=device).add(1).item()
                return None
        except torch.OutOfMemoryError:
            return None  # it may have memory again; if not, the work will say so
        except (RuntimeError, torch.cuda.DeferredCudaCallError) as error:
            return first_line(error)
    return first_line(told[0].message) if told else NO_DEVICE


def choose_device(name: str) -> torch.device:
    """The device called `name`: auto, cpu, cuda or cuda:N; raises LcompError where there is none that works."""
    if name == "auto":
        reason = trouble(torch.device("cuda"))
        if reason not in (None, NO_DEVICE):
            log.debug("  the GPU cannot be used: %s", reason)
        name = "cpu" if reason else "cuda"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise LcompError(f"unknown device '{name}': use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise LcompError(f"device '{name}' is not supported: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        reason = trouble(device)
        if reason:
            raise LcompError(f"device '{name}' does not exist or cannot be used: {reason}")
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
