"""Export: a trained model becomes a weights file with fp16 networks and the exact integer path."""

import contextlib
import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path

import safetensors.torch
import tomlkit
import torch
from torch import Tensor, nn

from lcomp.entropy.tables import SCALE_MIN, SCALES, STEPS_PER_OCTAVE, Table, pack_tables
from lcomp.errors import LcompError
from lcomp.files import replacing, write_all
from lcomp.networks.context import FLOOR, SIGN_OFFSET, Context
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.exact.context import ENERGY_ENTRIES, SIGMA_BITS
from lcomp.networks.exact.hyper_synthesis import ACTIVATION_BITS, EXP_BITS, LAYER_NAMES, LOG_BITS, OUTPUT_BITS
from lcomp.networks.hyperprior import Hyperprior
from lcomp.zoo.registry import ModelInfo
from lcomp.zoo.weights import (
    EXACT,
    HYPER_CONTEXT_LAYERS,
    context_layer_names,
    exact_context,
    exact_hyper_context,
    exact_path,
    fingerprint,
    read_tensors,
)

WEIGHT_BITS = 12
"""Fractional bits of the integer weights, fewer where a layer's largest weight needs the room of int16."""


def integer_weight(weight: Tensor) -> tuple[Tensor, int]:
    """A weight as int16 with as many fractional bits as fit, WEIGHT_BITS at most."""
    shift = min(WEIGHT_BITS, math.floor(math.log2(32767 / max(float(weight.abs().max()), 1e-9))))
    return torch.round(weight * 2.0**shift).to(torch.int16), shift


def activations(value: Tensor) -> Tensor:
    """Values of a hidden layer as integers, ACTIVATION_BITS."""
    return torch.round(value.detach().double() * 2.0**ACTIVATION_BITS).to(torch.int32)


def integer_layers(model: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    """Convolutions of a network whose inputs have ACTIVATION_BITS in fixed point, and the bits of their weights."""
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


def integer_tensors(model: Hyperprior, tables: tuple[Table, ...]) -> dict[str, Tensor]:
    """The tensors that decide the bitstream: h_s and h_c in fixed point, log2 spreads, 2^x and the frequency tables."""
    tensors: dict[str, Tensor] = {}
    shifts = []
    octave = math.log(2)
    for name in LAYER_NAMES:
        layer: nn.Conv2d = getattr(model.h_s, name)
        assert layer.bias is not None
        weight, bias = layer.weight.detach().double().clone(), layer.bias.detach().double().clone()
        if name in ("leave", "expand"):
            # the log-scale half is natural in training, in octaves here
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
        return torch.round(natural.detach().double() * (2**LOG_BITS / octave)).to(torch.int32)

    tensors["log_deviation"] = logarithms(model.scale.std.double().log() + model.scale.log_gain.points)
    tensors["z_log_gain"] = logarithms(model.scale.z_log_gain.points)
    tensors["z_log_scale"] = logarithms(model.z_log_scale.points)
    tensors["exp2"] = torch.tensor([round(2 ** (k / 256 + EXP_BITS)) for k in range(257)], dtype=torch.int32)
    tensors["tables"] = torch.from_numpy(pack_tables(tables))
    return {EXACT + name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


def integer_context_tensors(model: Context, tables: tuple[Table, ...]) -> dict[str, Tensor]:
    """The context network in fixed point, its integer functions, and frequency tables in place of the backbone's."""
    tensors = integer_layers(model, context_layer_names(model.config))
    magnitude = torch.arange(ENERGY_ENTRIES, dtype=torch.float64)
    sigma = SCALE_MIN * 2.0 ** (torch.arange(SCALES, dtype=torch.float64) / STEPS_PER_OCTAVE)
    tensors["quality"] = activations(model.quality.points)
    tensors["energy"] = activations(0.5 * torch.log2(magnitude.square() + FLOOR))
    tensors["expected"] = activations(0.5 * torch.log2(sigma.square() + FLOOR))
    tensors["sigma"] = torch.round(sigma * 2.0**SIGMA_BITS).to(torch.int32)
    tensors["sign_offset"] = activations(torch.tensor(SIGN_OFFSET))
    named = {f"{EXACT}context.{name}": tensor.cpu().contiguous() for name, tensor in tensors.items()}
    return named | {f"{EXACT}tables": torch.from_numpy(pack_tables(tables))}


def half_precision(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Float networks in fp16; statistics and per-quality vectors stay fp32."""
    return {
        name: tensor.detach()
        .cpu()
        .contiguous()
        .to(torch.float32 if name.endswith(".points") or name.startswith("scale.") else torch.float16)
        for name, tensor in tensors.items()
    }


def replace_files(contents: dict[Path, bytes]) -> None:
    """Write several files, each of which takes its place only when all are written."""
    with contextlib.ExitStack() as stack:
        for path, data in contents.items():
            write_all(stack.enter_context(replacing(path)), data)


def export(model: Hyperprior, info: ModelInfo, training: dict[str, str], tables: tuple[Table, ...]) -> Path:
    """Write the weights file of a backbone with its hyperprior.

    `training` goes into the metadata of the file. Raises LcompError for weights that are not finite.
    """
    wanted = ("g_a.", "h_a.", "g_s.", "scale.")
    floats = half_precision({name: tensor for name, tensor in model.state_dict().items() if name.startswith(wanted)})
    exact = integer_tensors(model, tables)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in floats.values()):
        raise LcompError("the trained weights are not finite")
    exact_hyper_context(exact, exact_path(exact, torch.device("cpu")), torch.device("cpu"))  # checks the bounds
    return write_weights(info, floats | exact, fingerprint(exact), training)


def export_context(model: Context, info: ModelInfo, training: dict[str, str], tables: tuple[Table, ...]) -> Path:
    """Write the weights file of a context model, which needs that of its backbone beside it.

    `training` goes into the metadata of the file. Raises LcompError for weights that are not finite.
    """
    assert info.backbone is not None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values()):
        raise LcompError("the trained weights are not finite")
    exact = integer_context_tensors(model, tables)
    exact_context(exact, model.config, torch.device("cpu"))  # checks the bounds
    return write_weights(info, exact, fingerprint(read_tensors(info.backbone) | exact), training)


def export_decoder(model: Enhancer, info: ModelInfo, training: dict[str, str]) -> Path:
    """Write the weights file of a decoder, which needs those of its backbone and context model beside it.

    `training` goes into the metadata of the file. Raises LcompError for weights that are not finite.
    """
    floats = half_precision(model.state_dict())
    if not all(bool(torch.isfinite(tensor).all()) for tensor in floats.values()):
        raise LcompError("the trained weights are not finite")
    return write_weights(info, floats, info.coding.fingerprint, training)


def write_weights(info: ModelInfo, tensors: dict[str, Tensor], mark: int, training: dict[str, str]) -> Path:
    """Write a weights file and put its digest and the fingerprint `mark` into the TOML."""
    document = tomlkit.parse(info.source.read_text(encoding="utf-8"))
    # one entry only: safetensors writes several in no particular order
    metadata = {"lcomp": json.dumps({"model": info.name, "recipe": document["training"].unwrap(), **training})}
    data = safetensors.torch.save(tensors, metadata)
    document["weights"]["sha256"] = hashlib.sha256(data).hexdigest()
    document["weights"]["fingerprint"] = f"{mark:08x}"
    replace_files({info.weights_path: data, info.source: tomlkit.dumps(document).encode()})
    return info.weights_path
