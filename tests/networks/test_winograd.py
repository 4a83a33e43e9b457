"""Exact convolutions by Winograd's algorithm are those of the definition, or are not used."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lcomp.model.loaded import LoadedModel
from lcomp.networks.exact import winograd
from lcomp.networks.exact.hyper_synthesis import ACTIVATION_MAX, IntegerLayer, convolve, scale_and_clamp
from lcomp.zoo.registry import model_by_name


def by_definition(value: Tensor, weight: Tensor) -> Tensor:
    """The convolution in int64."""
    _, _, height, width = value.shape
    padded = np.pad(value[0].numpy().astype(np.int64), ((0, 0), (1, 1), (1, 1)))
    kernel = weight.numpy().astype(np.int64)
    taps = (
        np.tensordot(kernel[:, :, row, column], padded[:, row : row + height, column : column + width], 1)
        for row in range(3)
        for column in range(3)
    )
    return torch.from_numpy(sum(taps, np.int64(0)))[None].double()


@pytest.mark.parametrize("size", [(32, 32), (33, 38), (35, 41), (1, 1024)])
def test_it_is_the_convolution(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    value = torch.randint(-ACTIVATION_MAX, ACTIVATION_MAX + 1, (1, 5, *size), generator=generator).double()
    weight = torch.randint(-(2**12), 2**12, (7, 5, 3, 3), generator=generator).double()
    transformed = winograd.transformed(weight, ACTIVATION_MAX)
    assert transformed is not None
    expected = by_definition(value, weight)
    assert torch.equal(winograd.convolve(value, transformed).round(), expected)
    # and this is what a layer does
    assert winograd.worthwhile(value)
    layer = IntegerLayer(weight, torch.arange(7).double(), 12)
    scale_and_clamp(expected, 8, layer, 8, ACTIVATION_MAX)
    assert torch.equal(convolve(value, 8, layer, 8, ACTIVATION_MAX), expected)


def test_it_is_not_used_where_sums_might_be_inexact() -> None:
    weight = torch.full((4, 192, 3, 3), 2.0**15)
    assert winograd.transformed(weight.double() / 256, ACTIVATION_MAX) is not None
    assert winograd.transformed(weight.double(), ACTIVATION_MAX) is None
    assert winograd.transformed(weight[:, :, :1, :1].double(), 1) is None


def test_extremes_of_the_shipped_layers_stay_exact() -> None:
    shipped = LoadedModel(model_by_name("autoregressive"), torch.device("cpu"))
    assert shipped.tile.context is not None
    layers = shipped.tile.context.layers
    for layer in (*layers.mixers_enter, *layers.onward[:3], shipped.tile.h_s.layers.middle):
        assert layer.transformed is not None
        # the signs of one output's weights in the middle, the worst case of a direct sum
        kernel = layer.weight[0].sign().tile(1, 11, 11)[None, :, :32, :32] * ACTIVATION_MAX
        few = IntegerLayer(layer.weight[:1], layer.bias[:1], layer.shift)
        total = by_definition(kernel, few.weight)
        scale_and_clamp(total, 8, few, 8, 2**40)
        assert torch.equal(convolve(kernel, 8, few, 8, 2**40), total)
