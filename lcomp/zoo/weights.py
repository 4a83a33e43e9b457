"""Weights files: safetensors with float networks and the integer tensors that decide the bitstream.

The latter are described in `lcomp.zoo.layers`, `hyperprior_tensors` and `context_tensors`.
"""

import hashlib
import zlib
from typing import NamedTuple, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from lcomp.entropy.tables import Table, unpack_tables
from lcomp.errors import ModelError
from lcomp.networks.blocks import place, take_for_final
from lcomp.networks.config import BackboneConfig
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.exact.context import IntegerContext
from lcomp.networks.exact.hyper_context import IntegerHyperContext
from lcomp.networks.exact.hyper_synthesis import IntegerHyperSynthesis
from lcomp.networks.hyperprior import HyperAnalysis
from lcomp.networks.light import LightSynthesis
from lcomp.networks.scale import LatentScale
from lcomp.networks.transforms import Analysis, Synthesis
from lcomp.zoo.context_tensors import exact_context
from lcomp.zoo.description import Description
from lcomp.zoo.hyperprior_tensors import exact_hyper_context, exact_path
from lcomp.zoo.layers import EXACT
from lcomp.zoo.registry import ModelInfo

Network = TypeVar("Network", bound=nn.Module)


class Networks(nn.Module):
    """The float networks of a model: everything that may differ by rounding noise between devices."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.scale = LatentScale(config)
        self.g_a = Analysis(config)
        self.h_a = HyperAnalysis(config)
        self.g_s = Synthesis(config)


class Weights(NamedTuple):
    """A loaded model."""

    networks: Networks
    h_s: IntegerHyperSynthesis
    h_c: IntegerHyperContext
    context: IntegerContext | None
    tables: tuple[Table, ...]


def fingerprint(tensors: dict[str, Tensor]) -> int:
    """CRC-32 over name, type, shape and bytes of every exact tensor, in alphabetical order."""
    crc = 0
    for name in sorted(name for name in tensors if name.startswith(EXACT)):
        tensor = tensors[name]
        crc = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), crc)
        crc = zlib.crc32(tensor.contiguous().numpy().astype(tensor.numpy().dtype.newbyteorder("<")).tobytes(), crc)
    return crc


def read_own_tensors(model: Description) -> dict[str, Tensor]:
    """The tensors of a model's weights file; raises ModelError where it is missing, another one or malformed."""
    if model.obstacle:
        raise ModelError(model.obstacle)
    path = model.weights_path
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"weights of '{model.name}' cannot be read: {path}: {error.strerror}") from error
    if digest != model.sha256:
        raise ModelError(f"weights of '{model.name}' are not the ones its description names: {path}")
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load_file(path)  # memory-mapped
    except safetensors.SafetensorError as error:
        raise ModelError(f"weights of '{model.name}' are not usable: {path}: {error}") from error
    return tensors


def read_tensors(model: ModelInfo) -> dict[str, Tensor]:
    """The tensors of a model's weights file and of its backbone's; raises ModelError as `read_own_tensors` does."""
    tensors = read_own_tensors(model)
    return tensors if model.backbone is None else read_tensors(model.backbone) | tensors


def as_floats(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the float networks in fp32, convolutions channels last; raises ValueError where one is not finite."""
    floats = {
        name: tensor.to(
            torch.float32, memory_format=torch.channels_last if tensor.ndim == 4 else torch.preserve_format, copy=True
        )
        for name, tensor in tensors.items()
    }
    if not all(bool(torch.isfinite(tensor).all()) for tensor in floats.values()):
        raise ValueError("they are not finite")
    return floats


def load_weights(model: ModelInfo, device: torch.device) -> Weights:
    """Load and verify the weights of a model; raises ModelError where they are missing or not the right ones."""
    tensors = read_tensors(model)
    try:
        with torch.device("meta"):
            networks = Networks(model.architecture)
        floats = {name: tensor for name, tensor in tensors.items() if not name.startswith(EXACT)}
        networks.load_state_dict(as_floats(floats), assign=True)
        tables = unpack_tables(tensors[EXACT + "tables"].numpy())
        h_s = exact_path(tensors, device)
        h_c = exact_hyper_context(tensors, h_s, device)
        context = exact_context(tensors, model.context, device) if model.context else None
    except (KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ModelError(f"weights of '{model.name}' are not usable: {model.weights_path}: {error}") from error
    if fingerprint(tensors) != model.fingerprint:
        raise ModelError(f"weights of '{model.name}' do not match the fingerprint of its description")
    place(networks, device)
    take_for_final(networks.g_s)  # g_a is not: its rounding noise would change files
    return Weights(networks.eval().requires_grad_(False), h_s, h_c, context, tables)


def read_enhancer(model: ModelInfo, device: torch.device) -> Enhancer:
    """The post-filter of a model's own decoder; raises ModelError as `load_weights` does."""
    check_backbone(model)
    assert model.decoder is not None
    with torch.device("meta"):
        network = Enhancer(model.architecture, model.decoder)
    return with_own_weights(network, model, device)


def read_light(model: ModelInfo, device: torch.device) -> LightSynthesis:
    """The light g_s of a model's own decoder; raises ModelError as `load_weights` does."""
    check_backbone(model)
    assert model.light is not None
    with torch.device("meta"):
        network = LightSynthesis(model.architecture, model.light)
    return with_own_weights(network, model, device)


def check_backbone(decoder: ModelInfo) -> None:
    """Raise ModelError for a decoder that was made for other weights of the model that it adds to."""
    if decoder.fingerprint != decoder.coding.fingerprint:
        raise ModelError(f"decoder '{decoder.name}' was made for other weights of '{decoder.coding.name}'")


def with_own_weights(network: Network, model: Description, device: torch.device) -> Network:
    """A network with all that its model's weights file holds; raises ModelError where that is not usable."""
    tensors = read_own_tensors(model)
    try:
        network.load_state_dict(as_floats(tensors), assign=True)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"weights of '{model.name}' are not usable: {model.weights_path}: {error}") from error
    place(network, device)
    return network.eval().requires_grad_(False)


def half_precision(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Float networks in fp16; latent statistics and per-quality vectors stay in fp32."""
    return {
        name: tensor.detach()
        .cpu()
        .contiguous()
        .to(torch.float32 if name.endswith(".points") or name.startswith("scale.") else torch.float16)
        for name, tensor in tensors.items()
    }
