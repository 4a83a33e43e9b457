"""Going on from smaller trained models."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from lcomp.errors import LcompError
from lcomp.networks.blocks import quality_weights
from lcomp.networks.config import BackboneConfig, RefinementConfig
from lcomp.networks.context import Base, Context
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.hyperprior import Hyperprior
from lcomp.networks.refinement import Evidence
from lcomp.training.data import Pool, find_pictures, to_signal
from lcomp.training.grow import copy_decoder, grow, grow_context
from lcomp.training.joint import count_features
from lcomp.training.start import start_from_components
from lcomp.zoo.registry import ModelInfo, read_model


def synthesize(model: Hyperprior, y_hat: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Pictures of latents whose means are zero."""
    return model.g_s(Evidence(y_hat, y_hat, y_hat.abs()), w, model.scale).x_hat


def test_a_grown_model_computes_what_the_smaller_one_does(model_file: Path, pictures: Path) -> None:
    pool, random = Pool(find_pictures(pictures).train, torch.device("cpu")), np.random.default_rng(0)
    torch.manual_seed(0)
    # whole groups of energies, whole frequencies
    config = dataclasses.replace(read_model(model_file).architecture, latents=32, hyper_latents=6)
    small = Hyperprior(config).eval()
    start_from_components(small, pool, random)
    torch.nn.init.normal_(small.g_s.draft.leave.weight, 0, 0.001)
    torch.nn.init.normal_(small.h_s.leave.weight, 0, 0.01)
    for parameter in small.h_c.leave.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)
    model = Hyperprior(dataclasses.replace(config, latents=64, hyper_latents=7)).eval()
    grow(model, small, pool, random)
    x, w = to_signal(pool.crops(2, 64, random)), quality_weights(torch.tensor([2.0, 8.0]))
    with torch.no_grad():
        y, y_small = model.g_a(x, w, model.scale), small.g_a(x, w, small.scale)
        assert torch.allclose(y[:, :32], y_small, atol=1e-4)
        without = torch.cat([y_small, torch.zeros_like(y[:, 32:])], 1)
        x_small = synthesize(small, y_small, w)
        assert torch.allclose(synthesize(model, without, w), x_small, atol=1e-4)
        # the added latents carry what was left over
        assert (synthesize(model, y, w) - x).square().mean() < 0.99 * (x_small - x).square().mean()
        # of the same latents: logarithms of energies magnify rounding
        y[:, :32] = y_small
        z, z_small = model.h_a(y, w, model.scale), small.h_a(y_small, w, small.scale)
        ours, theirs = model.h_s(z, w, model.scale), small.h_s(z_small, w, small.scale)
        assert torch.allclose(ours.mean[:, :32], theirs.mean, atol=1e-3)
        assert torch.allclose(ours.log_scale[:, :32], theirs.log_scale, atol=1e-3)
        z = 5 * torch.randn(2, 7, 3, 4)  # six features of the first frequency, and one more
        coded, expected = model.code_z(z, w), small.code_z(z[:, :6], w)
        assert torch.allclose(coded.z_hat[:, :6], expected.z_hat, atol=1e-3)
        assert not torch.allclose(expected.z_hat, expected.z_hat.round())  # parts are predicted
    deeper = Hyperprior(dataclasses.replace(config, blocks=2, blocks_synthesis=4, blocks_low=3)).eval()
    grow(deeper, small, pool, random)
    with torch.no_grad():
        assert torch.equal(synthesize(deeper, y_small, w), x_small)
        assert torch.equal(deeper.g_a(x, w, deeper.scale), y_small)
    with pytest.raises(LcompError, match="cannot lose"):
        grow(small, deeper, pool, random)
    with pytest.raises(LcompError, match="axis of 64 cannot shrink to 32"):
        grow(small, model, pool, random)
    wider = Hyperprior(dataclasses.replace(config, channels=24))
    with pytest.raises(LcompError, match="cannot grow"):
        grow(wider, small, pool, random)


def test_a_context_model_split_further_computes_what_it_did(context_info: ModelInfo) -> None:
    assert context_info.context is not None
    config, features = context_info.architecture, count_features(context_info.architecture)
    small = Context(config, dataclasses.replace(context_info.context, parts=(2, 2, 1)), features).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in small.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1, generator=generator)
    model = Context(config, context_info.context, features).eval()  # parts 4, 2, 1
    grow_context(model, small)
    base = Base(
        torch.randn(1, features, 6, 8, generator=generator),
        2 * torch.randn(1, config.latents, 6, 8, generator=generator),
        torch.randn(1, config.latents, 6, 8, generator=generator),
    )
    w, weight = quality_weights(torch.tensor([3.0])), torch.ones(1, config.latents, 1, 1)
    with torch.no_grad():
        before, after = small.refine(base, w, weight), model.refine(base, w, weight)
    assert torch.allclose(before.residual, after.residual, atol=1e-5)
    assert torch.allclose(before.log_scale, after.log_scale, atol=1e-5)
    with pytest.raises(LcompError, match="two parts to four"):
        grow_context(small, model)


def test_a_decoder_starts_from_one_of_its_size_only(sr_info: ModelInfo) -> None:
    assert sr_info.decoder is not None

    def decoder(config: RefinementConfig, architecture: BackboneConfig = sr_info.architecture) -> Enhancer:
        return Enhancer(architecture, config)

    model, small = decoder(sr_info.decoder), decoder(sr_info.decoder)
    copy_decoder(model, small)
    assert torch.equal(model.refinement.hints.weight, small.refinement.hints.weight)
    with pytest.raises(LcompError, match="of its own size"):
        copy_decoder(model, decoder(dataclasses.replace(sr_info.decoder, blocks=1)))
