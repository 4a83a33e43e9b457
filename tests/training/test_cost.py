import math
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.models import TINY_MODEL
from lcomp.encoding.objective import OBJECTIVES
from lcomp.errors import ModelError
from lcomp.evaluation.published import VTM, published_kodak
from lcomp.networks.blocks import lmbda
from lcomp.networks.energy import energies, energy_transform, group_of_latent
from lcomp.networks.rates import gaussian_bits
from lcomp.training.cost import REFERENCE_COST, tamed
from lcomp.training.recipe import Recipe, Stage, read_recipe
from lcomp.zoo.registry import read_model

CPU = torch.device("cpu")


def test_schedule_warms_up_holds_and_decays() -> None:
    recipe = Recipe(10, (Stage(0, 64, 2), Stage(0.5, 128, 1)), 1, 1, 1, 1, 1)
    assert recipe.rate(0.01) == pytest.approx(0.5)
    assert recipe.rate(0.4) == 1
    assert recipe.rate(0.85) == pytest.approx(0.5)
    assert recipe.rate(1.0) == recipe.floor
    assert [recipe.stage(progress).crop for progress in (0, 0.49, 0.5, 1)] == [64, 64, 128, 128]


def test_bad_recipes_are_model_errors(model_file: Path) -> None:
    assert read_recipe(model_file).stages == (Stage(0.0, 64, 2),)
    model_file.write_text(TINY_MODEL.replace("lr_linear", "lr_circular"))
    with pytest.raises(ModelError, match="lr_circular"):
        read_recipe(model_file)
    model_file.write_text(TINY_MODEL.replace("latents", "patents"))
    with pytest.raises(ModelError, match="missing"):
        read_model(model_file)


def test_lmbda_hits_the_published_points() -> None:
    values = lmbda(torch.arange(1.0, 9.0)).tolist()
    for ours, published in zip(values, [0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483, 0.0932, 0.18], strict=True):
        assert ours == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize("metric", ["mse", "ms-ssim"])
def test_costs_are_relative_to_the_lowest_of_vtm(metric: str) -> None:
    [vtm] = [curve for curve in published_kodak() if curve.name == VTM]
    assert vtm.psnr
    assert vtm.ms_ssim
    distortion = 255**2 / 10 ** (np.array(vtm.psnr) / 10) if metric == "mse" else 1 - np.array(vtm.ms_ssim)
    # log-linear between the published points
    places, points = np.linspace(0, len(vtm.bpp) - 1, 1000), np.arange(len(vtm.bpp))
    bpp, distortion = (np.exp(np.interp(places, points, np.log(values))) for values in (vtm.bpp, distortion))
    for cost, worth in zip(
        REFERENCE_COST[metric], OBJECTIVES[metric].lmbda(torch.arange(1.0, 9.0)).tolist(), strict=True
    ):
        assert cost == pytest.approx((bpp + worth * distortion).min(), rel=0.02)


def test_wild_costs_pull_less() -> None:
    wild = 20.0
    cost = torch.tensor([1.0, wild, 2 * wild, 100 * wild], requires_grad=True)
    tame = tamed(cost, wild)
    tame.sum().backward()
    assert cost.grad is not None
    assert tame[:2].tolist() == [1.0, wild]
    assert 5 * wild < tame[3].item() < 6 * wild
    assert torch.allclose(cost.grad, torch.tensor([1, 1, 0.5, 0.01]))


def test_gaussian_bits_sum_to_one() -> None:
    symbols = torch.arange(-60, 61).double()
    for sigma in (0.2, 1.0, 7.3):
        masses = 2 ** -gaussian_bits(symbols, torch.full_like(symbols, sigma))
        assert masses.sum().item() == pytest.approx(1, abs=1e-6)
    # the exact value of one bin
    expected = -math.log2(math.erf(0.5 / math.sqrt(2)))
    assert gaussian_bits(torch.zeros(1).double(), torch.ones(1).double()).item() == pytest.approx(expected)


def test_energy_features_see_only_what_exceeds_the_step(model_file: Path) -> None:
    config = read_model(model_file).architecture
    groups = group_of_latent(40)
    assert groups[:6] == [0, 1, 2, 2, 3, 3]
    assert groups[31:34] == [5, 6, 6]
    deviation = torch.full((1, 24, 1, 1), 3.0)
    loud = energies(torch.full((1, 24, 4, 4), 6.0), deviation)
    assert loud[0, 1:].sub(math.log(2)).abs().max() < 0.02
    quiet = energies(torch.full((1, 24, 4, 4), 1e-3), deviation / 1e5)
    assert quiet[0, 1:].abs().max() < 0.01
    transform = energy_transform(config).flatten(1)
    assert torch.allclose(transform @ transform.T, torch.eye(len(transform)), atol=1e-5)
