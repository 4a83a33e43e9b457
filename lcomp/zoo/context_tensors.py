"""The exact tensors of a context model: written from the float network, read, and restored to it."""

import numpy as np
import torch
from torch import Tensor

from lcomp.entropy.tables import SCALE_MIN, SCALES, STEPS_PER_OCTAVE, Table, pack_tables
from lcomp.networks.config import ContextConfig
from lcomp.networks.context import FLOOR, SIGN_OFFSET, Context
from lcomp.networks.exact.context import ENERGY_ENTRIES, SIGMA_BITS, ContextTables, IntegerContext, IntegerContextLayers
from lcomp.networks.exact.hyper_synthesis import ACTIVATION_BITS, IntegerLayer
from lcomp.networks.passes import passes
from lcomp.zoo.layers import EXACT, activations, integer_layer, integer_layers, restore_layers


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


def integer_context_tensors(model: Context, tables: tuple[Table, ...]) -> dict[str, Tensor]:
    """The context network in fixed point, its lookup tables, and frequency tables that replace the backbone's."""
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


@torch.no_grad()
def restore_context(model: Context, tensors: dict[str, Tensor]) -> None:
    """Restore a float context model from the exact tensors of its weights file."""
    prefix = EXACT + "context."
    restore_layers(model, context_layer_names(model.config), tensors, prefix)
    model.quality.points.copy_(tensors[prefix + "quality"].double() / 2**ACTIVATION_BITS)
