"""Rate-distortion optimised quantisation."""

import pytest
import torch

from lcomp.encoding.rdoq import Rdoq, error_weight
from lcomp.model.loaded import LoadedModel
from lcomp.zoo.registry import ModelInfo

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def codec(tiny_info: ModelInfo) -> LoadedModel:
    return LoadedModel(tiny_info, CPU)


def test_rounding_saves_bits_where_they_cost_more_than_the_error(
    codec: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(0)
    residual = torch.randn(1, 24, 6, 7, generator=generator, dtype=torch.double) * 3
    scales = torch.randint(0, 64, residual.shape, generator=generator, dtype=torch.uint8)
    gain = torch.ones(1, 24, 1, 1)
    plain = torch.round(residual) * (scales > 0)
    rdoq = Rdoq(codec.tile.tables, codec.device)
    careful = rdoq.optimised(residual, scales, error_weight(gain, 1e3))
    assert torch.equal(careful, plain)
    greedy = rdoq.optimised(residual, scales, error_weight(gain, 0.0))
    assert set((plain - greedy).abs().unique().tolist()) == {0.0, 1.0}
    assert (greedy.abs() <= plain.abs()).all()
    some = rdoq.optimised(residual, scales, error_weight(gain, 1e-4))
    assert 0 < (some != plain).sum() < (greedy != plain).sum()
    # bits that a change must save, by channel
    least = torch.where(torch.arange(24) < 12, 1e3, 0.0)[None, :, None, None]
    half = rdoq.optimised(residual, scales, error_weight(gain, 0.0), least)
    with monkeypatch.context() as patch:  # as on another device
        patch.setattr("lcomp.encoding.rdoq.worth_a_look", lambda symbols: slice(None))
        assert (rdoq.optimised(residual, scales, error_weight(gain, 1e-4)) == some).all()
    assert torch.equal(half, torch.where(least > 0, plain, greedy))
