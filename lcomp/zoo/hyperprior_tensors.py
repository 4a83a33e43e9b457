"""The exact tensors of a backbone, h_s and h_c: written from the float networks, read, and restored to them."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lcomp.entropy.tables import Table, pack_tables
from lcomp.networks.exact.hyper_context import IntegerHyperContext
from lcomp.networks.exact.hyper_synthesis import (
    ACTIVATION_BITS,
    EXP_BITS,
    LAYER_NAMES,
    LOG_BITS,
    LOG_RANGE,
    OUTPUT_BITS,
    IntegerHyperSynthesis,
    IntegerLayers,
)
from lcomp.networks.hyper_context import PARTS
from lcomp.networks.hyperprior import Hyperprior
from lcomp.zoo.layers import (
    EXACT,
    activations,
    integer_layer,
    integer_layers,
    integer_weight,
    restore_layer,
    restore_layers,
)

HYPER_CONTEXT_LAYERS = tuple(f"{name}.{part}" for name in ("enter", "leave") for part in range(PARTS - 1))
"""Layers of `lcomp.networks.hyper_context.HyperContext`."""


def integer_tensors(model: Hyperprior, tables: tuple[Table, ...]) -> dict[str, Tensor]:
    """The tensors that decide the bitstream: h_s and h_c in fixed point, log2 gains and scales, 2^x, and tables."""
    tensors: dict[str, Tensor] = {}
    shifts = []
    octave = math.log(2)
    for name in LAYER_NAMES:
        layer: nn.Conv2d = getattr(model.h_s, name)
        assert layer.bias is not None
        weight, bias = layer.weight.detach().double().clone(), layer.bias.detach().double().clone()
        if name in ("leave", "expand"):
            # the log-scale half is in natural logarithms in training, in octaves (log2) in the file
            weight[len(weight) // 2 :] /= octave
            bias[len(bias) // 2 :] /= octave
        input_bits = OUTPUT_BITS if name == "expand" else ACTIVATION_BITS
        tensors[f"h_s.{name}.weight"], shift = integer_weight(weight)
        shifts.append(shift)
        tensors[f"h_s.{name}.bias"] = torch.round(bias * 2.0 ** (shift + input_bits)).to(torch.int32)
    tensors["h_s.shifts"] = torch.tensor(shifts, dtype=torch.int32)
    tensors |= {f"h_c.{name}": tensor for name, tensor in integer_layers(model.h_c, HYPER_CONTEXT_LAYERS).items()}
    tensors["h_c.quality"] = activations(model.h_c.quality.points)

    def logarithms(natural: Tensor) -> Tensor:
        # what is clamped is a deviation of less than a millionth of a step: such symbols are zero and not coded
        stored = torch.round(natural.detach().double() * (2**LOG_BITS / octave))
        return stored.clamp(-LOG_RANGE, LOG_RANGE).to(torch.int32)

    tensors["log_deviation"] = logarithms(model.scale.std.double().log() + model.scale.log_gain.points)
    tensors["z_log_gain"] = logarithms(model.scale.z_log_gain.points)
    tensors["z_log_scale"] = logarithms(model.z_log_scale.points)
    tensors["exp2"] = torch.tensor([round(2 ** (k / 256 + EXP_BITS)) for k in range(257)], dtype=torch.int32)
    tensors["tables"] = torch.from_numpy(pack_tables(tables))
    return {EXACT + name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


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


@torch.no_grad()
def restore_hyperprior(model: Hyperprior, tensors: dict[str, Tensor]) -> None:
    """Restore a float backbone from its weights file; raises ValueError where tensors are missing or unknown."""
    floats = {name: tensor.float() for name, tensor in tensors.items() if not name.startswith(EXACT)}
    missing, unexpected = model.load_state_dict(floats, strict=False)
    if unexpected or any(not name.startswith(("h_s.", "h_c.", "z_log_scale.")) for name in missing):
        raise ValueError(f"missing {missing}, not known {unexpected}")
    for name, shift in zip(LAYER_NAMES, tensors[EXACT + "h_s.shifts"].tolist(), strict=True):
        layer: nn.Conv2d = getattr(model.h_s, name)
        weight, bias = tensors[f"{EXACT}h_s.{name}.weight"], tensors[f"{EXACT}h_s.{name}.bias"]
        restore_layer(layer, weight, bias, shift, OUTPUT_BITS if name == "expand" else ACTIVATION_BITS)
        if name in ("leave", "expand"):
            # the log-scale half is in octaves (log2) in the file, in natural logarithms in training
            assert layer.bias is not None
            layer.weight[len(layer.weight) // 2 :] *= math.log(2)
            layer.bias[len(layer.bias) // 2 :] *= math.log(2)
    restore_layers(model.h_c, HYPER_CONTEXT_LAYERS, tensors, EXACT + "h_c.")
    model.h_c.quality.points.copy_(tensors[EXACT + "h_c.quality"].double() / 2**ACTIVATION_BITS)
    model.z_log_scale.points.copy_(tensors[EXACT + "z_log_scale"].double() * (math.log(2) / 2**LOG_BITS))
