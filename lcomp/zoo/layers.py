"""Convolutions of the entropy networks in a weights file: written, read as exact layers, restored as float ones.

Restoring does not undo the rounding of the file: weights keep 12 fractional bits.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lcomp.networks.exact.hyper_synthesis import ACTIVATION_BITS, IntegerLayer

EXACT = "exact."
"""Prefix of the tensors that decide the bitstream."""

WEIGHT_BITS = 12
"""Fractional bits of the integer weights; fewer where a layer's largest weight would overflow int16."""


def integer_weight(weight: Tensor) -> tuple[Tensor, int]:
    """A weight as int16, and its fractional bits: as many as fit, WEIGHT_BITS at most."""
    shift = min(WEIGHT_BITS, math.floor(math.log2(32767 / max(float(weight.abs().max()), 1e-9))))
    return torch.round(weight * 2.0**shift).to(torch.int16), shift


def activations(value: Tensor) -> Tensor:
    """Values at the precision of hidden layers, as integers, ACTIVATION_BITS."""
    return torch.round(value.detach().double() * 2.0**ACTIVATION_BITS).to(torch.int32)


def integer_layers(model: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    """A network's convolutions in fixed point, for inputs of ACTIVATION_BITS, and the `shifts` of their weights."""
    tensors: dict[str, Tensor] = {}
    shifts = []
    for name in names:
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        assert layer.bias is not None
        tensors[f"{name}.weight"], shift = integer_weight(layer.weight.detach().double())
        bias = layer.bias.detach().double() * 2.0 ** (shift + ACTIVATION_BITS)
        tensors[f"{name}.bias"] = torch.round(bias).to(torch.int32)
        shifts.append(shift)
    tensors["shifts"] = torch.tensor(shifts, dtype=torch.int32)
    return tensors


def integer_layer(tensors: dict[str, Tensor], name: str, shift: int, device: torch.device) -> IntegerLayer:
    """The exact layer called `name`, its integers in float64 on a device."""
    weight, bias = tensors[name + ".weight"], tensors[name + ".bias"]
    return IntegerLayer(weight.double().to(device), bias.double().to(device), shift)


@torch.no_grad()
def restore_layer(layer: nn.Conv2d, weight: Tensor, bias: Tensor, shift: int, input_bits: int) -> None:
    """Set a float convolution to the values of its integer form."""
    assert layer.bias is not None
    layer.weight.copy_(weight.double() / 2.0**shift)
    layer.bias.copy_(bias.double() / 2.0 ** (shift + input_bits))


def restore_layers(model: nn.Module, names: Iterable[str], tensors: dict[str, Tensor], prefix: str) -> None:
    """Restore float convolutions for inputs of ACTIVATION_BITS: the inverse of `integer_layers`, but for rounding."""
    for name, shift in zip(names, tensors[prefix + "shifts"].tolist(), strict=True):
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        restore_layer(layer, tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"], shift, ACTIVATION_BITS)
