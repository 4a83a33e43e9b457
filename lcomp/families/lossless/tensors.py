"""The tensors of the lossless family in a weights file: written from float networks, and read as exact ones."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lcomp.entropy.latents import LatentCoder, coder_tables
from lcomp.entropy.range_coder import RangeCoder
from lcomp.entropy.tables import Table, pack_tables, unpack_tables
from lcomp.families.lossless.exact import IntegerLinear, IntegerNetwork
from lcomp.families.lossless.features import ENTRIES, Compander, companding_table, count_features
from lcomp.families.lossless.lattice import BANDS, SCALES, PyramidPass
from lcomp.families.lossless.mode import CONDITIONS
from lcomp.families.lossless.network import ACTIVATION_STEPS, LARGEST, OUTPUTS, PLANES, WEIGHT_STEPS, LosslessNetworks
from lcomp.families.lossless.parameters import SCALES as SCALE_CLASSES
from lcomp.families.lossless.parameters import TABLES, scale_table
from lcomp.families.lossless.passes import PassModel
from lcomp.families.lossless.prediction import count_taps
from lcomp.families.lossless.tile import LosslessCodec
from lcomp.zoo.layers import EXACT

Coefficients = dict[PyramidPass, Tensor]
"""The coefficients (int16 [K]) that come with the weights."""


def all_passes() -> Iterator[PyramidPass]:
    """Every pass over a large tile, by scale, band and plane."""
    return (
        PyramidPass(scale, band, plane) for scale in range(SCALES) for band in range(BANDS) for plane in range(PLANES)
    )


def exact_tensors(
    networks: LosslessNetworks, coefficients: Coefficients, tables: tuple[Table, ...]
) -> dict[str, Tensor]:
    """What a weights file holds."""
    tensors = {
        "companding": companding_table(),
        "scales": scale_table(),
        "coefficients": torch.cat([coefficients[step] for step in all_passes()]),
        "tables": torch.from_numpy(pack_tables(tables)),
    }
    for band in range(BANDS):
        for plane in range(PLANES):
            network = networks.of(band, plane)
            for name, extra in (("enter", network.conditions), ("middle", None), ("leave", None)):
                layer = network.get_submodule(name)
                assert isinstance(layer, nn.Conv2d)
                assert layer.bias is not None
                weight = (layer.weight.detach()[:, :, 0, 0] * WEIGHT_STEPS).round().clamp(-LARGEST, LARGEST)
                bias = layer.bias.detach() + (0 if extra is None else extra.detach())
                key = f"{band}.{plane}.{name}"
                tensors[f"{key}.weight"] = weight.to(torch.int8)
                tensors[f"{key}.bias"] = (bias * WEIGHT_STEPS * ACTIVATION_STEPS).round().to(torch.int32)
    return {EXACT + name: tensor.contiguous() for name, tensor in tensors.items()}


def exact_layer(tensors: dict[str, Tensor], key: str, device: torch.device) -> IntegerLinear:
    """The layer called `key`; raises KeyError where it is missing and ValueError where its sums could be inexact."""
    weight, bias = tensors[f"{EXACT}{key}.weight"], tensors[f"{EXACT}{key}.bias"]
    if weight.dtype != torch.int8 or bias.dtype != torch.int32:
        raise ValueError("weights of another type")
    return IntegerLinear(weight.float().to(device), bias.float().to(device))


def exact_network(tensors: dict[str, Tensor], band: int, plane: int, device: torch.device) -> IntegerNetwork:
    """The network of a band and plane; raises KeyError or ValueError for tensors that are missing or do not fit."""
    enter, middle, leave = (
        exact_layer(tensors, f"{band}.{plane}.{name}", device) for name in ("enter", "middle", "leave")
    )
    inputs, hidden = count_features(plane), len(middle.weight)
    shapes = ((hidden, inputs), (hidden, hidden), (OUTPUTS, hidden + inputs))
    if tuple(tuple(layer.weight.shape) for layer in (enter, middle, leave)) != shapes:
        raise ValueError("weights of another shape")
    if [tuple(layer.bias.shape) for layer in (enter, middle, leave)] != [(CONDITIONS, hidden), (hidden,), (OUTPUTS,)]:
        raise ValueError("biases of another shape")
    return IntegerNetwork(enter, middle, leave)


def exact_coefficients(packed: Tensor, device: torch.device) -> Coefficients:
    """The coefficients of all passes from those in a row; raises ValueError where they are too few or too many."""
    sizes = [count_taps(step.plane) for step in all_passes()]
    if packed.dtype != torch.int16 or packed.shape != (sum(sizes),):
        raise ValueError("coefficients of another number")
    return dict(zip(all_passes(), torch.split(packed.to(device), sizes), strict=True))


def exact_codec(tensors: dict[str, Tensor], device: torch.device) -> LosslessCodec:
    """The codec of a weights file on a device; raises KeyError or ValueError for tensors that do not fit."""
    companding, scales = tensors[EXACT + "companding"], tensors[EXACT + "scales"]
    if companding.shape != (ENTRIES,) or companding.dtype != torch.int8 or companding.min() < 0:
        raise ValueError("a companding table of another size")
    if scales.shape != (SCALE_CLASSES,) or scales.dtype != torch.int32 or scales.min() < 0:
        raise ValueError("scales of another number")
    networks = tuple(
        tuple(exact_network(tensors, band, plane, device) for plane in range(PLANES)) for band in range(BANDS)
    )
    coefficients = exact_coefficients(tensors[EXACT + "coefficients"], device)
    tables = unpack_tables(tensors[EXACT + "tables"].numpy(), TABLES)
    model = PassModel(networks, coefficients, Compander(companding.to(device)), scales.to(device))
    return LosslessCodec(model, LatentCoder(tables, RangeCoder(coder_tables(tables))), device)


@torch.no_grad()
def restore(networks: LosslessNetworks, tensors: dict[str, Tensor]) -> None:
    """Set float networks to the values of their integer form; raises KeyError where a tensor is missing."""
    for band in range(BANDS):
        for plane in range(PLANES):
            network = networks.of(band, plane)
            for name in ("enter", "middle", "leave"):
                layer = network.get_submodule(name)
                assert isinstance(layer, nn.Conv2d)
                assert layer.bias is not None
                weight, bias = (tensors[f"{EXACT}{band}.{plane}.{name}.{kind}"].double() for kind in ("weight", "bias"))
                layer.weight.copy_(weight[:, :, None, None] / WEIGHT_STEPS)
                bias /= WEIGHT_STEPS * ACTIVATION_STEPS
                if name == "enter":
                    network.conditions.copy_(bias)
                    layer.bias.zero_()
                else:
                    layer.bias.copy_(bias)
