"""Integer networks follow those that were trained, and their arithmetic is exact."""

import math

import numpy as np
import pytest
import torch

from helpers.models import random_model
from lcomp.entropy.tables import SCALE_MIN, STEPS_PER_OCTAVE
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import quality_weights
from lcomp.networks.exact.hyper_synthesis import LOG_BITS, LOG_SCALE_MIN, EntropyParameters, interpolate
from lcomp.networks.rates import bounded, gaussian_bits
from lcomp.zoo.registry import ModelInfo

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def codec(tiny_info: ModelInfo) -> LoadedModel:
    return LoadedModel(tiny_info, CPU)


def test_exact_path_follows_the_float_path(codec: LoadedModel, tiny_info: ModelInfo) -> None:
    model = random_model(tiny_info)
    z = torch.randint(-6, 7, (1, 8, 5, 4), generator=torch.Generator().manual_seed(0)).double()
    for quality in (1000, 2500, 6789, 8000):
        w = quality_weights(torch.tensor([quality / 1000]))
        with torch.no_grad():
            hints = model.hints(z.float(), w)
        mean, sigma = hints.mean, bounded(hints.log_scale / math.log(2)).exp2()
        exact = codec.tile.h_s(64 * z, quality).entropy_parameters()
        deviation = model.scale.deviation(w)
        assert ((exact.mean / 64 - mean).abs() / (deviation + 1)).max() < 0.02
        index = (torch.log2(sigma / SCALE_MIN) * STEPS_PER_OCTAVE).clamp(0, 63)
        assert (exact.scales - index)[sigma > 1.1 * SCALE_MIN].abs().max() < 0.75


def test_exact_parts_of_z_follow_the_float_path(codec: LoadedModel, tiny_info: ModelInfo) -> None:
    model = random_model(tiny_info)
    symbols = torch.randint(-2, 3, (1, 8, 35), generator=torch.Generator().manual_seed(0))
    for quality in (1000, 4321, 8000):
        scales = torch.empty_like(symbols)

        def code(places: torch.Tensor, parameters: EntropyParameters, scales: torch.Tensor = scales) -> torch.Tensor:
            scales[:, :, places] = parameters.scales.long()
            return symbols[:, :, places]

        exact = codec.tile.h_c(5, 7, quality, code)
        assert torch.equal(exact, exact.round())
        z = exact.float() / 64  # its symbols are these
        with torch.no_grad():
            coded = model.code_z(z, quality_weights(torch.tensor([quality / 1000])))
        assert (coded.z_hat - z).abs().max() < 0.02
        # not for want of shifts
        assert (z.flatten(2) - symbols).abs().max() > 0.1
        bits = gaussian_bits(symbols.float(), SCALE_MIN * (scales / STEPS_PER_OCTAVE).exp2()).sum()
        assert coded.bits.item() == pytest.approx(bits.item(), rel=0.01)
        plain = gaussian_bits(symbols.float(), SCALE_MIN * (scales[:, :, :1] / STEPS_PER_OCTAVE).exp2()).sum()
        assert coded.bits.item() != pytest.approx(plain.item(), rel=0.01)


def test_fixed_point_constants() -> None:
    assert round(np.log2(SCALE_MIN) * 2**LOG_BITS) == LOG_SCALE_MIN
    points = np.array([[0, -7], [10, 8], [20, 9]])
    assert interpolate(points, 1500).tolist() == [5, 1]
    assert interpolate(points, 2000).tolist() == [10, 8]
    assert interpolate(points, 1001).tolist() == [0, -7]
    of_blocks = interpolate(points, np.array([[1500, 2000, 300]]))
    assert of_blocks.tolist() == [[[5, 10, 0]], [[1, 8, -7]]]


def test_integer_powers_of_two(codec: LoadedModel) -> None:
    logarithm = np.arange(-(10 << LOG_BITS), 10 << LOG_BITS, 4099)
    powers = codec.tile.h_s.power_of_two(logarithm, 8)
    assert np.abs(powers - 2.0 ** (logarithm / 2**LOG_BITS + 8)).max() <= 0.5 + 2**18 * 1e-5
    assert (codec.tile.h_s.power_of_two(np.array([30 << LOG_BITS]), 8) == 2**38).all()
