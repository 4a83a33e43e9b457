"""Export: a trained model becomes a weights file with fp16 networks and the exact integer path."""

import hashlib
import json
import math
from pathlib import Path

import safetensors.torch
import tomlkit
import torch
from torch import Tensor, nn

from lcomp.entropy.tables import gaussian_tables, pack_tables
from lcomp.errors import LcompError
from lcomp.networks.hyperprior import Hyperprior
from lcomp.networks.integer import ACTIVATION_BITS, EXP_BITS, LAYER_NAMES, LOG_BITS, OUTPUT_BITS
from lcomp.weights import EXACT, exact_path, fingerprint
from lcomp.zoo import ModelInfo

WEIGHT_BITS = 12
"""Fractional bits of the integer weights, fewer where a layer's largest weight needs the room of int16."""


def integer_tensors(model: Hyperprior) -> dict[str, Tensor]:
    """The tensors that decide the bitstream: h_s in fixed point, log2 spreads, 2^x and the frequency tables."""
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
        shift = min(WEIGHT_BITS, math.floor(math.log2(32767 / max(float(weight.abs().max()), 1e-9))))
        input_bits = OUTPUT_BITS if name == "expand" else ACTIVATION_BITS
        shifts.append(shift)
        tensors[f"h_s.{name}.weight"] = torch.round(weight * 2.0**shift).to(torch.int16)
        tensors[f"h_s.{name}.bias"] = torch.round(bias * 2.0 ** (shift + input_bits)).to(torch.int32)
    tensors["h_s.shifts"] = torch.tensor(shifts, dtype=torch.int32)

    def logarithms(natural: Tensor) -> Tensor:
        return torch.round(natural.detach().double() * (2**LOG_BITS / octave)).to(torch.int32)

    tensors["log_deviation"] = logarithms(model.scale.std.double().log() + model.scale.log_gain.points)
    tensors["z_log_gain"] = logarithms(model.scale.z_log_gain.points)
    tensors["z_log_scale"] = logarithms(model.z_log_scale.points)
    tensors["exp2"] = torch.tensor([round(2 ** (k / 256 + EXP_BITS)) for k in range(257)], dtype=torch.int32)
    tensors["tables"] = torch.from_numpy(pack_tables(gaussian_tables()))
    return {EXACT + name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


def float_tensors(model: Hyperprior) -> dict[str, Tensor]:
    """The float networks in fp16; statistics and per-quality vectors stay fp32."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name.startswith(("g_a.", "h_a.", "g_s.", "scale.")):
            keep = name.endswith(".points") or name.startswith("scale.")
            tensors[name] = tensor.detach().cpu().contiguous().to(torch.float32 if keep else torch.float16)
    return tensors


def replace_file(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary one beside it."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def export(model: Hyperprior, info: ModelInfo, training: dict[str, str]) -> Path:
    """Write the weights file of `info` and put its digest and fingerprint into the TOML.

    `training` goes into the metadata of the weights file. Raises LcompError for weights that are not finite.
    """
    floats, exact = float_tensors(model), integer_tensors(model)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in floats.values()):
        raise LcompError("the trained weights are not finite")
    exact_path(exact, torch.device("cpu"))  # checks the bounds
    document = tomlkit.parse(info.source.read_text(encoding="utf-8"))
    # one entry only: safetensors writes several in no particular order
    metadata = {"lcomp": json.dumps({"model": info.name, "recipe": document["training"].unwrap(), **training})}
    data = safetensors.torch.save(floats | exact, metadata)
    info.weights_path.parent.mkdir(exist_ok=True)
    replace_file(info.weights_path, data)
    document["weights"]["sha256"] = hashlib.sha256(data).hexdigest()
    document["weights"]["fingerprint"] = f"{fingerprint(exact):08x}"
    replace_file(info.source, tomlkit.dumps(document).encode())
    return info.weights_path
