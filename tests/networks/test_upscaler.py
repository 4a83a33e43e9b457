"""The upscaler: what it sees, and what it starts from."""

import pytest
import torch

from helpers.models import random_upscaler
from lcomp.networks.blocks import quality_weights
from lcomp.networks.config import UpscalerConfig
from lcomp.networks.enhancer import upscale
from lcomp.networks.upscaler import CELL, Upscaler

SIDE = 64


@pytest.fixture(scope="module")
def network() -> Upscaler:
    """One whose every weight matters."""
    return random_upscaler()


def noise() -> torch.Tensor:
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(4)) * 2 - 1


def weights(q: float) -> torch.Tensor:
    return quality_weights(torch.tensor([float(q)]))


def test_it_starts_from_interpolation() -> None:
    network = Upscaler(UpscalerConfig(channels=8, blocks=2))
    assert torch.equal(network(noise(), weights(4), visual=False), upscale(noise()))


def test_it_sees_as_far_as_it_says(network: Upscaler) -> None:
    x, other = noise(), noise()
    other[..., SIDE // 2, SIDE // 2] += 1
    changed = (network(x, weights(2), visual=True) - network(other, weights(2), visual=True)).abs().amax((0, 1)) > 1e-7
    rows = changed.any(1).nonzero().flatten() // 2
    assert network.reach - 1 <= SIDE // 2 - rows.min() <= network.reach
    assert network.reach - 1 <= rows.max() - SIDE // 2 - (CELL - 1) <= network.reach


def test_it_knows_quality_and_purpose(network: Upscaler) -> None:
    shown = [
        network(noise(), w, visual)
        for w in (weights(0), weights(1), weights(6.5), torch.zeros(1, 9))
        for visual in (False, True)
    ]
    for number, one in enumerate(shown):
        assert all((one - other).abs().max() > 1e-3 for other in shown[:number])


def test_qualities_may_differ_by_place(network: Upscaler) -> None:
    w = weights(1)[:, :, None, None].repeat(1, 1, SIDE // 16, SIDE // 16)
    assert torch.allclose(network(noise(), w, visual=False), network(noise(), weights(1), visual=False), atol=1e-5)
    w[..., 2:] = weights(7)[:, :, None, None]
    left = slice(0, SIDE - 2 * network.reach)
    mixed = network(noise(), w, visual=False)
    assert torch.allclose(mixed[..., left], network(noise(), weights(1), visual=False)[..., left], atol=1e-5)
    assert not torch.allclose(mixed, network(noise(), weights(1), visual=False), atol=1e-3)
