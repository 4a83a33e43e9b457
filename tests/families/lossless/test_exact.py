"""The integer networks: those that were trained, the same however they are computed, and bounded."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from helpers.lossless import random_networks, random_tensors
from lcomp.families.lossless.exact import EXACT_LIMIT, LARGEST, WEIGHT_BITS, IntegerLinear, IntegerNetwork
from lcomp.families.lossless.features import count_features
from lcomp.families.lossless.lattice import BANDS
from lcomp.families.lossless.mode import CONDITIONS
from lcomp.families.lossless.network import ACTIVATION_STEPS, PLANES, WEIGHT_STEPS, LosslessNetworks
from lcomp.families.lossless.parameters import OUTPUT_BITS
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.tensors import exact_codec, exact_network, restore
from lcomp.zoo.layers import EXACT

CPU = torch.device("cpu")
PASSES = [(band, plane) for band in range(BANDS) for plane in range(PLANES)]


def random_features(plane: int, count: int = 5000, extreme: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(plane)
    size = count_features(plane), count
    if extreme:
        return (torch.randint(0, 2, size, generator=generator) * 2 * LARGEST - LARGEST).float()
    return torch.randint(-LARGEST, LARGEST + 1, size, generator=generator).float()


def plain(tensors: dict[str, Tensor], band: int, plane: int, features: Tensor, condition: int) -> NDArray[np.int64]:
    """The same network in 64-bit integers, as docs/FORMAT.md says it."""

    def layer(name: str, values: NDArray[np.int64]) -> NDArray[np.int64]:
        weight, bias = (tensors[f"{EXACT}{band}.{plane}.{name}.{kind}"].numpy() for kind in ("weight", "bias"))
        bias = bias[condition] if name == "enter" else bias
        total: NDArray[np.int64] = weight.astype(np.int64) @ values + bias.astype(np.int64)[:, None]
        return total

    def activation(total: NDArray[np.int64]) -> NDArray[np.int64]:
        positive, negative = (total + 32) >> 6, (total + 256) >> 9
        return np.where(total > 0, positive, negative).clip(-127, 127)

    x = features.numpy().astype(np.int64)
    h = activation(layer("middle", activation(layer("enter", x))))
    return layer("leave", np.concatenate([h, x]))


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize(("band", "plane"), PASSES)
def test_it_is_plain_integer_arithmetic(band: int, plane: int, extreme: bool) -> None:
    tensors, features = random_tensors(), random_features(plane, extreme=extreme)
    network, scratch = exact_network(tensors, band, plane, CPU), Scratch()
    for condition in range(0, CONDITIONS, 7):
        expected = plain(tensors, band, plane, features, condition)
        assert np.array_equal(network(features, condition, scratch).numpy(), expected)
    assert np.array_equal(network(features.T.contiguous().T, condition, scratch).numpy(), expected)
    assert np.array_equal(network(features[:, 7:8], condition, scratch).numpy(), expected[:, 7:8])
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert np.array_equal(network(features, condition, Scratch()).numpy(), expected)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_reduced_precision_of_products_changes_nothing(precision: str) -> None:
    network, features = exact_network(random_tensors(), 1, 2, CPU), random_features(2)
    expected = network(features, 0, Scratch())
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        assert torch.equal(network(features, 0, Scratch()), expected)
    finally:
        torch.set_float32_matmul_precision(before)


@torch.no_grad()
@pytest.mark.parametrize(("band", "plane"), PASSES)
def test_it_is_the_network_that_was_trained(band: int, plane: int) -> None:
    steps, trained, restored = WEIGHT_STEPS * ACTIVATION_STEPS, random_networks(), LosslessNetworks(8)
    restore(restored, random_tensors())
    assert steps == 1 << OUTPUT_BITS
    features, network = random_features(plane, 500), exact_network(random_tensors(), band, plane, CPU)
    for condition in range(CONDITIONS):
        found, places = network(features, condition, Scratch()) / steps, torch.full((500,), condition)
        assert torch.allclose(found, restored.of(band, plane)(features.T, places).T, atol=1e-4)
        # the biases of what was trained are not rounded: here and there an activation is another
        difference = found - trained.of(band, plane)(features.T, places).T
        assert difference.abs().mean() < 0.01 * found.abs().mean()


def layer(outputs: int, inputs: int, weight: float = LARGEST, bias: float = 0) -> IntegerLinear:
    return IntegerLinear(torch.full((outputs, inputs), float(weight)), torch.full((outputs,), float(bias)))


def test_sums_that_could_be_inexact_are_refused() -> None:
    widest = (EXACT_LIMIT - 1) // LARGEST**2
    layer(4, widest)
    for wrong in ((4, widest + 1), (4, 10, 128), (4, 10, -128), (4, 10, 1, EXACT_LIMIT), (1, 1, float("nan"))):
        with pytest.raises(ValueError, match="may exceed"):
            layer(*wrong)
    edge = EXACT_LIMIT - 1 - 10 * LARGEST
    with pytest.raises(ValueError, match="may exceed"):
        layer(4, 10, 1, -edge - 1)
    layer(4, 10, 1, edge)


def test_the_largest_sums_are_exact() -> None:
    hidden, inputs = 500, 20
    large = EXACT_LIMIT - 1 - inputs * LARGEST**2
    enter = layer(hidden, inputs, LARGEST, large)
    enter = replace(enter, bias=torch.stack([enter.bias, -enter.bias]))
    middle = layer(hidden, hidden, 1, 31 - hidden * LARGEST)
    network = IntegerNetwork(enter, middle, layer(3, hidden + inputs, 1, EXACT_LIMIT - 1 - LARGEST * (hidden + inputs)))
    features = torch.full((inputs, 2), float(LARGEST))
    # 31 steps of weights are no half of a step of activations, 32 are
    assert (network(features, 0, Scratch()) == EXACT_LIMIT - 1 - LARGEST * hidden).all()
    features[0] = LARGEST - 1
    assert (network(features, 0, Scratch()) == EXACT_LIMIT - 2 - LARGEST * hidden).all()
    assert 1 << WEIGHT_BITS == WEIGHT_STEPS


@pytest.mark.parametrize("name", sorted(random_tensors()))
def test_tensors_that_do_not_fit_are_refused(name: str) -> None:
    tensors = random_tensors()
    good = tensors[name]
    shorter, longer, flat = good[:-1], torch.cat([good, good[:1]]), good[0]
    other = good.to(torch.int64) if name != f"{EXACT}tables" else good.int() + 1
    for wrong in (shorter, longer, flat, other):
        with pytest.raises((ValueError, TypeError, IndexError, RuntimeError)):
            exact_codec(tensors | {name: wrong}, CPU)
    with pytest.raises(KeyError):
        exact_codec({other: tensor for other, tensor in tensors.items() if other != name}, CPU)
