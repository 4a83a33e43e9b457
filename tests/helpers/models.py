"""Tiny untrained models, which are described and exported like real ones."""

import numpy as np
import pytest
import torch

from lcomp.entropy.torchac_coder import load_torchac
from lcomp.errors import UnsupportedError
from lcomp.format.container import Coder
from lcomp.format.tiles import Rectangle
from lcomp.model.transforms import Transforms
from lcomp.networks.config import UpscalerConfig
from lcomp.networks.context import Context
from lcomp.networks.hyperprior import Hyperprior
from lcomp.networks.upscaler import Upscaler
from lcomp.training.joint import count_features
from lcomp.zoo.registry import ModelInfo

SHARES = "shares = { context = 0.95, decoder = 0.1, wild = 20.0 }"

CROPS = """
[training.crops]
plain_low = 0.3
plain_high = 8.0
half_low = 0.3
half_high = 3.5
half_every = 5
rounds = 20

[training.adversarial]
width = 16
rate = 4e-4
care = 0.0
full = 3.0
least = 8.0

[training.adversarial.plain]
error = 0.25
statistics = 2.0
finest = 0.0
structure = 2.0
moments = 1.0
patches = 1.0
patch_drift = 1.0
drift = 0.5
judgement = 0.1

[training.adversarial.half]
error = 0.1
statistics = 2.0
finest = 0.1
structure = 1.0
moments = 1.0
patches = 0.0
patch_drift = 0.0
drift = 1.0
judgement = 0.1
"""

LIGHT_CROPS = """
[training.crops]
plain_low = 0.3
plain_high = 8.0
rounds = 20
renew_every = 2
"""


def recipe(weights: str, more: str = "", crop: int = 64) -> str:
    """The tables of a tiny model that say how it is trained and where its weights are."""
    return f"""
[training]
minutes = 0.05
stages = [{{ start = 0.0, crop = {crop}, batch = 2 }}]
lr_transforms = 1e-3
lr_entropy = 1e-3
lr_linear = 1e-4
lr_vectors = 1e-3
lr_small = 1e-3
table_crops = 16
{more}

[weights]
file = "{weights}"
sha256 = ""
fingerprint = "0"
"""


TINY_MODEL = """
[model]
number = 250
summary = "a tiny untrained model for tests"

[architecture]
channels = 16
blocks = 1
channels_fine = 8
blocks_fine = 1
blocks_synthesis = 2
channels_low = 16
blocks_low = 1
latents = 24
hyper_latents = 8
hyper_channels = 8
hyper_channels_high = 8
hyper_context = 4

[architecture.refinement]
hints = 4
channels = 12
blocks = 1
channels_fine = 8
blocks_fine = 1
""" + recipe("tiny.safetensors", SHARES)

TINY_CONTEXT = """
[model]
number = 251
summary = "a tiny untrained context model for tests"
backbone = "tiny"

[context]
width = 8
groups = [4, 8, 12]
parts = [4, 2, 1]
widest = 6
hidden = 6
""" + recipe("tiny-context.safetensors")

TINY_SR = """
[model]
number = 252
summary = "a tiny untrained decoder for tests"
backbone = "context"

[decoder]
hints = 4
channels = 16
blocks = 2
channels_fine = 8
blocks_fine = 1
noise = 2
""" + recipe("tiny-sr.safetensors", CROPS, crop=128)

TINY_LIGHT = """
[model]
number = 254
summary = "a tiny untrained light decoder for tests"
backbone = "context"

[light]
hidden_low = 8
blocks = 1
hidden = 8
""" + recipe("tiny-light.safetensors", LIGHT_CROPS)

TINY_LOSSLESS = """
[model]
number = 253
summary = "a tiny untrained lossless model for tests"

[lossless]
hidden = 8

[training.samples]
pictures = 2
share = 0.2
""" + recipe("tiny-lossless.safetensors")


def fill_zeros(network: torch.nn.Module, weights: float, biases: float) -> None:
    """Give every tensor that starts at zero random values, so that a mistake in any layer shows."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0, weights if parameter.ndim > 1 else biases)


def random_upscaler() -> Upscaler:
    """A tiny untrained upscaler whose every weight matters."""
    torch.manual_seed(3)
    network = Upscaler(UpscalerConfig(channels=8, blocks=2)).eval().requires_grad_(False)
    fill_zeros(network, 0.1, 0.1)
    return network


def random_model(info: ModelInfo) -> Hyperprior:
    """An untrained model whose every tensor is non-trivial, so that a mistake in any layer shows."""
    torch.manual_seed(1)
    model = Hyperprior(info.architecture).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.any():
                parameter.normal_(0, 0.5 if "h_c" in name else 0.05, generator=generator)
            if name.endswith(".linear"):
                parameter.normal_(0, 16 / 768**0.5, generator=generator)
        model.scale.std.copy_(torch.logspace(0.7, -1, len(model.scale.std)))
        model.scale.log_gain.points.add_(torch.linspace(0, 2.3, 8)[:, None])
    return model


def random_context(info: ModelInfo) -> Context:
    """An untrained context model whose every tensor is non-trivial."""
    assert info.context is not None
    torch.manual_seed(3)
    model = Context(info.architecture, info.context, count_features(info.architecture)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.any():
                parameter.normal_(0, 1 if "mixers" in name else 0.1)
    return model


def synthesize(
    transforms: Transforms, y: torch.Tensor, window: Rectangle, around: Rectangle, quality: int
) -> np.ndarray:
    """Pixels of a window as the backbone's own decoder makes them, of latents whose means are zero."""
    return transforms.synthesize(transforms.mse, torch.cat([y, y, y.abs()], 1), window, around, quality, half=False)


def require_coder(coder: Coder) -> None:
    """Skip the test where a coder cannot be built."""
    if coder is Coder.TORCHAC:
        try:
            load_torchac()
        except UnsupportedError as error:
            pytest.skip(str(error))
