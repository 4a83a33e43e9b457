"""Convolutions by Winograd's algorithm are those of the definition, or are not used."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import ResidualBlock, quality_weights, take_for_final
from lcomp.networks.exact import winograd
from lcomp.networks.exact.hyper_synthesis import ACTIVATION_MAX, IntegerLayer, convolve, scale_and_clamp
from lcomp.networks.winograd import FEWEST_CHANNELS, STRIP, WinogradBlock
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


def random_block(channels: int, hidden: int | None = None) -> ResidualBlock:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = ResidualBlock(channels, hidden=hidden)
        torch.nn.init.normal_(block.scale.points, std=0.3)
    return block.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def count_uses(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """The shapes that blocks are computed with, as it grows."""
    shapes, compute = [], WinogradBlock.__call__

    def counted(block: WinogradBlock, x: Tensor, scale: Tensor, slope: float) -> Tensor:
        shapes.append(x.shape)
        return compute(block, x, scale, slope)

    monkeypatch.setattr(WinogradBlock, "__call__", counted)
    return shapes


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="made for MKL")
@pytest.mark.parametrize("hidden", [None, 40, 160])
@pytest.mark.parametrize("size", [(48, 32), (37, 4 * STRIP + 3), (90, 61)])
def test_a_block_whose_weights_are_final_does_the_same(
    size: tuple[int, int], hidden: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    uses, block = count_uses(monkeypatch), random_block(FEWEST_CHANNELS, hidden)
    x = torch.randn(1, FEWEST_CHANNELS, *size, generator=torch.Generator().manual_seed(1))
    w = quality_weights(torch.tensor([4.3]))
    with torch.inference_mode():
        for given in (x, x.contiguous(memory_format=torch.channels_last)):
            expected = block(given, w)
            take_for_final(block)
            assert (block(given, w) - expected).abs().max() < 1e-4
            assert uses.pop() == x.shape
            block.winograd = None


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="made for MKL")
def test_blocks_are_computed_directly_where_that_is_faster_or_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    uses, block, narrow = count_uses(monkeypatch), random_block(FEWEST_CHANNELS), random_block(8)
    take_for_final(torch.nn.ModuleList([block, narrow]))
    w = quality_weights(torch.tensor([4.3]))
    of_places = quality_weights(torch.full((1, 48, 32), 4.3))
    x = torch.randn(1, FEWEST_CHANNELS, 48, 32)
    block(x, w)  # a gradient may be wanted
    with torch.inference_mode():
        block(x[:, :, :20], w)
        block(torch.cat([x, x]), w)
        block(x, of_places)
        narrow(x[:, :8], w)
        with torch.autocast("cpu", torch.bfloat16):
            block(x, w)
        assert not uses
        block(x, w)
        assert uses


def test_g_s_is_computed_so_and_g_a_is_not() -> None:
    networks = LoadedModel(model_by_name("hyperprior"), torch.device("cpu")).transforms.networks

    def are_final(network: torch.nn.Module) -> set[bool]:
        return {block.winograd is not None for block in network.modules() if isinstance(block, ResidualBlock)}

    assert are_final(networks.g_s) == {True}
    assert are_final(networks.g_a) == {False}  # so that files stay as they are
