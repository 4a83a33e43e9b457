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
from lcomp.networks.config import BackboneConfig
from lcomp.networks.hyperprior import HyperAnalysis
from lcomp.networks.integer import LAYER_NAMES, IntegerHyperSynthesis, IntegerLayer, IntegerLayers
from lcomp.networks.transforms import Analysis, LatentScale, Synthesis
from lcomp.zoo import ModelInfo

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
    tables: tuple[Table, ...]


def fingerprint(tensors: dict[str, Tensor]) -> int:
    """CRC-32 over name, type, shape and bytes of every exact tensor, in alphabetical order."""
    crc = 0
    for name in sorted(name for name in tensors if name.startswith(EXACT)):
        tensor = tensors[name]
        crc = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), crc)
        crc = zlib.crc32(tensor.contiguous().numpy().astype(tensor.numpy().dtype.newbyteorder("<")).tobytes(), crc)
    return crc


def exact_path(tensors: dict[str, Tensor], device: torch.device) -> IntegerHyperSynthesis:
    """The integer h_s on a device; raises ValueError where sums could exceed 2^53."""
    shifts = tensors[EXACT + "h_s.shifts"].tolist()

    def layer(name: str, shift: int) -> IntegerLayer:
        weight, bias = tensors[f"{EXACT}h_s.{name}.weight"], tensors[f"{EXACT}h_s.{name}.bias"]
        return IntegerLayer(weight.double().to(device), bias.double().to(device), shift)

    def integers(name: str) -> NDArray[np.int64]:
        return tensors[EXACT + name].numpy().astype(np.int64)

    layers = IntegerLayers(*(layer(name, shift) for name, shift in zip(LAYER_NAMES, shifts, strict=True)))
    return IntegerHyperSynthesis(
        layers,
        log_deviation=integers("log_deviation"),
        z_log_gain=integers("z_log_gain"),
        z_log_scale=integers("z_log_scale"),
        exp2=integers("exp2"),
    )


def load_weights(model: ModelInfo, device: torch.device) -> Weights:
    """Load and verify the weights of a model; raises ModelError where they are missing or not the right ones."""
    path = model.weights_path
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"weights of '{model.name}' cannot be read: {path}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise ModelError(f"weights of '{model.name}' are not the ones its description names: {path}")
    try:
        tensors = safetensors.torch.load(data)
        with torch.device("meta"):
            networks = Networks(model.architecture)
        floats = {name: tensor.float() for name, tensor in tensors.items() if not name.startswith(EXACT)}
        networks.load_state_dict(floats, assign=True)
        tables = unpack_tables(tensors[EXACT + "tables"].numpy())
        h_s = exact_path(tensors, device)
    except (safetensors.SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"weights of '{model.name}' are not usable: {path}: {error}") from error
    if fingerprint(tensors) != model.fingerprint:
        raise ModelError(f"weights of '{model.name}' do not match the fingerprint of its description: {path}")
    place(networks, device)
    return Weights(networks.eval().requires_grad_(False), h_s, tables)
