"""Going on from installed weights."""

from pathlib import Path

import pytest
import torch

from helpers.models import random_context, random_model
from lcomp.errors import ModelError
from lcomp.networks.blocks import quality_weights
from lcomp.networks.context import Base
from lcomp.networks.refinement import Evidence
from lcomp.training.restore import installed_backbone
from lcomp.zoo.registry import ModelInfo
from lcomp.zoo.weights import read_enhancer


@pytest.fixture
def source(sr_info: ModelInfo) -> Path:
    """The TOML of an installed backbone whose recipe names a context model and a decoder."""
    path = sr_info.source.with_name("models.toml")
    text = sr_info.lineage[-1].source.read_text()
    path.write_text(text.replace("[training]", '[training]\ncontext = "context"\ndecoder = "tiny-sr"'))
    return path


def test_restored_networks_compute_what_was_exported(source: Path, sr_info: ModelInfo) -> None:
    models = installed_backbone(source)
    backbone, context = random_model(sr_info.lineage[-1]), random_context(sr_info.lineage[1])
    assert models.context is not None
    assert models.enhancer is not None
    w = quality_weights(torch.tensor([1.0, 6.3]))
    x = torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    z = torch.randint(-4, 5, (2, 8, 2, 3), generator=torch.Generator().manual_seed(1)).float()
    with torch.no_grad():
        y, expected = (model.g_a(x, w, model.scale) for model in (models.backbone, backbone))
        assert torch.allclose(y, expected, atol=0.05)
        y_hat = torch.round(expected)
        evidence = Evidence(y_hat, y_hat, y_hat.abs())
        pictures = [model.g_s(evidence, w, model.scale).x_hat for model in (models.backbone, backbone)]
        assert (pictures[0] - pictures[1]).abs().max() < 0.01 * pictures[1].abs().max()
        hints, wanted = models.backbone.hints(z, w), backbone.hints(z, w)
        assert torch.allclose(hints.log_scale, wanted.log_scale, atol=0.01)
        assert ((hints.mean - wanted.mean) / wanted.log_scale.exp()).abs().max() < 0.01
        assert torch.allclose(models.backbone.z_log_scale(w), backbone.z_log_scale(w), atol=1e-4)
        coded, expected = models.backbone.code_z(z, w), backbone.code_z(z, w)
        assert torch.allclose(coded.z_hat, expected.z_hat, atol=0.01)
        assert torch.allclose(coded.bits, expected.bits, rtol=1e-3)
        base = Base(torch.cat([hints.hidden, hints.energies], 1), hints.mean * 3, hints.log_scale)
        weight = torch.full((2, 24, 1, 1), 1e9)
        installed = read_enhancer(sr_info, torch.device("cpu"))
        assert torch.equal(models.enhancer.refinement.hints.weight, installed.refinement.hints.weight)
        one, other = (model(base, w, weight) for model in (models.context, context))
        assert torch.allclose(one, other, rtol=1e-3)


def test_only_a_backbone_can_be_restored(source: Path, sr_info: ModelInfo) -> None:
    with pytest.raises(ModelError, match="no backbone: start from 'tiny'"):
        installed_backbone(sr_info.source)
    text = source.read_text()
    for there, wrong in (("hyper_channels = 8", "hyper_channels = 12"), ("\nblocks = 1", "\nblocks = 2")):
        assert there in text
        source.write_text(text.replace(there, wrong))
        with pytest.raises(ModelError, match="do not fit"):
            installed_backbone(source)
