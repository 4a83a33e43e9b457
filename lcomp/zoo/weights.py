"""Weights files: safetensors with float networks and the integer tensors that decide the bitstream."""

import hashlib
import zlib
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lcomp.entropy.tables import Table, unpack_tables
from lcomp.errors import ModelError
from lcomp.networks.blocks import place
from lcomp.networks.config import BackboneConfig, ContextConfig
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.exact.context import ContextTables, IntegerContext, IntegerContextLayers
from lcomp.networks.exact.hyper_context import IntegerHyperContext
from lcomp.networks.exact.hyper_synthesis import LAYER_NAMES, IntegerHyperSynthesis, IntegerLayer, IntegerLayers
from lcomp.networks.hyper_context import PARTS
from lcomp.networks.hyperprior import HyperAnalysis
from lcomp.networks.passes import passes
from lcomp.networks.scale import LatentScale
from lcomp.networks.transforms import Analysis, Synthesis
from lcomp.zoo.registry import ModelInfo

EXACT = "exact."
"""Prefix of the tensors that decide the bitstream."""


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


HYPER_CONTEXT_LAYERS = tuple(f"{name}.{part}" for name in ("enter", "leave") for part in range(PARTS - 1))
"""Layers of `lcomp.networks.hyper_context.HyperContext`."""


def integer_layer(tensors: dict[str, Tensor], name: str, shift: int, device: torch.device) -> IntegerLayer:
    """The layer of a name, in float64 on a device."""
    weight, bias = tensors[name + ".weight"], tensors[name + ".bias"]
    return IntegerLayer(weight.double().to(device), bias.double().to(device), shift)


def exact_path(tensors: dict[str, Tensor], device: torch.device) -> IntegerHyperSynthesis:
    """The integer h_s on a device; raises ValueError where sums could exceed 2^53."""
    shifts = tensors[EXACT + "h_s.shifts"].tolist()

    def integers(name: str) -> NDArray[np.int64]:
        return tensors[EXACT + name].numpy().astype(np.int64)

    layers = IntegerLayers(
        *(
            integer_layer(tensors, f"{EXACT}h_s.{name}", shift, device)
            for name, shift in zip(LAYER_NAMES, shifts, strict=True)
        )
    )
    return IntegerHyperSynthesis(
        layers,
        log_deviation=integers("log_deviation"),
        z_log_gain=integers("z_log_gain"),
        z_log_scale=integers("z_log_scale"),
        exp2=integers("exp2"),
    )


def exact_hyper_context(
    tensors: dict[str, Tensor], h_s: IntegerHyperSynthesis, device: torch.device
) -> IntegerHyperContext:
    """The integer h_c on a device; raises ValueError where sums could exceed 2^53."""
    prefix = EXACT + "h_c."
    layers = [
        integer_layer(tensors, prefix + name, shift, device)
        for name, shift in zip(HYPER_CONTEXT_LAYERS, tensors[prefix + "shifts"].tolist(), strict=True)
    ]
    quality = tensors[prefix + "quality"].numpy().astype(np.int64)
    return IntegerHyperContext(h_s, tuple(layers[: PARTS - 1]), tuple(layers[PARTS - 1 :]), quality)


def context_layer_names(config: ContextConfig) -> list[str]:
    """Names of the layers of `lcomp.networks.context.Context`, in the order of `IntegerContextLayers`."""
    count, groups = len(list(passes(config))), len(config.groups)
    later, between = sum(step.part > 0 for step in passes(config)), groups - 1
    return [
        "enter",
        *(f"parameters_of.{number}.enter" for number in range(count)),
        *(f"parameters_of.{number}.leave" for number in range(count)),
        *(f"across.{number}" for number in range(later)),
        *(f"onward.{group}" for group in range(between)),
        *(f"mixers.{group}.enter" for group in range(between)),
        *(f"mixers.{group}.leave" for group in range(between)),
    ]


def exact_context(tensors: dict[str, Tensor], config: ContextConfig, device: torch.device) -> IntegerContext:
    """The integer context model on a device; raises ValueError where sums could exceed 2^53."""
    prefix = EXACT + "context."
    count, groups = len(list(passes(config))), len(config.groups)
    later, between = sum(step.part > 0 for step in passes(config)), groups - 1
    layers = iter(
        integer_layer(tensors, prefix + name, shift, device)
        for name, shift in zip(context_layer_names(config), tensors[prefix + "shifts"].tolist(), strict=True)
    )

    def take(number: int) -> tuple[IntegerLayer, ...]:
        return tuple(next(layers) for _ in range(number))

    def function(name: str) -> Tensor:
        return tensors[prefix + name].double().to(device)

    return IntegerContext(
        config,
        IntegerContextLayers(
            next(layers), take(count), take(count), take(later), take(between), take(between), take(between)
        ),
        ContextTables(
            quality=tensors[prefix + "quality"].numpy().astype(np.int64),
            energy=function("energy"),
            expected=function("expected"),
            sigma=function("sigma"),
            sign_offset=int(tensors[prefix + "sign_offset"]),
        ),
    )


def read_own_tensors(model: ModelInfo) -> dict[str, Tensor]:
    """The tensors of a model's weights file; raises ModelError where it is missing or another one."""
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
    return Weights(networks.eval().requires_grad_(False), h_s, h_c, context, tables)


def read_enhancer(model: ModelInfo, device: torch.device) -> Enhancer:
    """The network of a model's own decoder; raises ModelError as `load_weights` does."""
    assert model.decoder is not None
    if model.fingerprint != model.coding.fingerprint:
        raise ModelError(f"decoder '{model.name}' was made for other weights of '{model.coding.name}'")
    tensors = read_own_tensors(model)
    try:
        with torch.device("meta"):
            network = Enhancer(model.architecture, model.decoder)
        network.load_state_dict(as_floats(tensors), assign=True)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"weights of '{model.name}' are not usable: {model.weights_path}: {error}") from error
    place(network, device)
    return network.eval().requires_grad_(False)
