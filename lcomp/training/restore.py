"""The inverse of export: installed weights as float networks that training can go on from.

What was rounded for the file stays rounded: 12 bits of the entropy networks, fp16 of the others.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from lcomp.errors import ModelError
from lcomp.networks.context import Context
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.exact.hyper_synthesis import ACTIVATION_BITS, LAYER_NAMES, LOG_BITS, OUTPUT_BITS
from lcomp.networks.hyperprior import Hyperprior
from lcomp.training.joint import Family
from lcomp.training.recipe import read_task
from lcomp.zoo.registry import read_model
from lcomp.zoo.weights import EXACT, HYPER_CONTEXT_LAYERS, context_layer_names, read_enhancer, read_tensors

CPU = torch.device("cpu")


@torch.no_grad()
def restore_layer(layer: nn.Conv2d, weight: Tensor, bias: Tensor, shift: int, input_bits: int) -> None:
    """Set a convolution to what its integer form computes."""
    assert layer.bias is not None
    layer.weight.copy_(weight.double() / 2.0**shift)
    layer.bias.copy_(bias.double() / 2.0 ** (shift + input_bits))


def restore_layers(model: nn.Module, names: Iterable[str], tensors: dict[str, Tensor], prefix: str) -> None:
    """Set convolutions whose inputs have ACTIVATION_BITS; the inverse of `export.integer_layers`."""
    for name, shift in zip(names, tensors[prefix + "shifts"].tolist(), strict=True):
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        restore_layer(layer, tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"], shift, ACTIVATION_BITS)


@torch.no_grad()
def restore_hyperprior(model: Hyperprior, tensors: dict[str, Tensor]) -> None:
    """Set the backbone to the tensors of its weights file."""
    floats = {name: tensor.float() for name, tensor in tensors.items() if not name.startswith(EXACT)}
    missing, unexpected = model.load_state_dict(floats, strict=False)
    if unexpected or any(not name.startswith(("h_s.", "h_c.", "z_log_scale.")) for name in missing):
        raise ValueError(f"missing {missing}, not known {unexpected}")
    for name, shift in zip(LAYER_NAMES, tensors[EXACT + "h_s.shifts"].tolist(), strict=True):
        layer: nn.Conv2d = getattr(model.h_s, name)
        weight, bias = tensors[f"{EXACT}h_s.{name}.weight"], tensors[f"{EXACT}h_s.{name}.bias"]
        restore_layer(layer, weight, bias, shift, OUTPUT_BITS if name == "expand" else ACTIVATION_BITS)
        if name in ("leave", "expand"):
            # the log-scale half is in octaves in the file, natural in training
            assert layer.bias is not None
            layer.weight[len(layer.weight) // 2 :] *= math.log(2)
            layer.bias[len(layer.bias) // 2 :] *= math.log(2)
    restore_layers(model.h_c, HYPER_CONTEXT_LAYERS, tensors, EXACT + "h_c.")
    model.h_c.quality.points.copy_(tensors[EXACT + "h_c.quality"].double() / 2**ACTIVATION_BITS)
    model.z_log_scale.points.copy_(tensors[EXACT + "z_log_scale"].double() * (math.log(2) / 2**LOG_BITS))


@torch.no_grad()
def restore_context(model: Context, tensors: dict[str, Tensor]) -> None:
    """Set a context model to the tensors of its weights file."""
    prefix = EXACT + "context."
    restore_layers(model, context_layer_names(model.config), tensors, prefix)
    model.quality.points.copy_(tensors[prefix + "quality"].double() / 2**ACTIVATION_BITS)


def installed_family(path: Path) -> Family:
    """The installed backbone that a TOML describes, with the context model and the decoder that its recipe names.

    Raises ModelError where one is missing.
    """
    task = read_task(path)
    info, beside, viewer = task.info, task.beside, task.viewer
    if info.backbone:
        raise ModelError(f"'{info.name}' is no backbone: start from '{info.lineage[-1].name}'")
    family = Family(info.architecture, beside.context if beside else None, viewer.decoder if viewer else None)
    try:
        restore_hyperprior(family.backbone, read_tensors(info))
        if beside and family.context:
            restore_context(family.context, read_tensors(beside))
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"the weights of '{info.name}' do not fit its description: {error}") from error
    if viewer and family.enhancer:
        family.enhancer.load_state_dict(read_enhancer(viewer, CPU).state_dict())
    return family.eval()


def installed_texture(path: Path) -> Enhancer:
    """The installed decoder that a TOML describes; raises ModelError where it is none that invents detail."""
    info = read_model(path)
    if not info.inventive:
        raise ModelError(f"'{info.name}' does not invent detail: start from a model that does")
    return read_enhancer(info, CPU)
