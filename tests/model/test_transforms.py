from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.models import random_model, synthesize
from helpers.pictures import noise_image
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.decoders import whole_strides
from lcomp.model.transforms import Transforms, surroundings
from lcomp.networks.halo import Halo
from lcomp.networks.refinement import Evidence
from lcomp.networks.transforms import Analysis, Synthesis
from lcomp.types import STRIDE
from lcomp.zoo.registry import ModelInfo, model_by_name
from lcomp.zoo.weights import load_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def transforms(tiny_info: ModelInfo) -> Transforms:
    exact = Transforms(load_weights(tiny_info, CPU).networks, tiny_info.architecture, CPU)
    exact.bf16 = False
    return exact


def analyse(transforms: Transforms, pixels: np.ndarray, window: Rectangle, quality: int) -> torch.Tensor:
    """Latents of a window, computed with its surroundings."""
    around = surroundings(window, Rectangle(0, 0, *pixels.shape[1::-1]), transforms.halo)
    halo = Halo.of(window, around)
    rows, columns = window.latents().within(halo.seen(0).around(window).latents())
    return transforms.latents(transforms.signal(pixels, around), quality, halo)[..., rows, columns]


def test_margins() -> None:
    shipped = model_by_name("hyperprior").architecture
    with torch.device("meta"):
        # g_a: 4 * 16 for `low`, 12 * 8 and 8 for `high`, 5 * 4 at 1/4
        assert Analysis(shipped).reach == 4 * 16 + 13 * 8 + 5 * 4
        # g_s: 4 * 16 for `low`, 14 * 8 and 12 * 8 for `high` and the refinement, 8 * 4 at 1/4
        assert Synthesis(shipped).reach() == 4 * 16 + 26 * 8 + 8 * 4


@pytest.mark.parametrize("size", [(330, 215), (64, 200), (17, 300), (1, 1)])
def test_windows_give_what_one_piece_gives(transforms: Transforms, size: tuple[int, int]) -> None:
    grid = Grid(*size, tile=64)
    pixels = np.asarray(noise_image(*size))
    for quality in (1000, 6500):
        y = analyse(transforms, pixels, grid.picture, quality)
        whole = synthesize(transforms, y, grid.picture, grid.picture, quality).astype(int)
        latents = grid.picture.latents()
        for tiles in (1, 2):
            for window in grid.windows(grid.picture, tiles):
                rows, columns = window.latents().within(latents)
                part = analyse(transforms, pixels, window, quality)
                assert (part - y[..., rows, columns]).abs().max() < 1e-3
                around = surroundings(window, grid.picture, transforms.mse.halo)
                rows, columns = around.latents().within(latents)
                seen = synthesize(transforms, y[..., rows, columns], window, around, quality)
                assert np.abs(whole[window.within(grid.picture)] - seen).max() <= 1


def reach(change: torch.Tensor) -> int:
    """Rows between the first and the last that changed."""
    rows = torch.nonzero(change.flatten(0, 1).abs().amax((0, 2)))
    return int(rows.max() - rows.min()) + 1


def test_the_margin_is_the_receptive_field(tiny_info: ModelInfo) -> None:
    # a gradient reaches exactly as far as the receptive field, however small its influence;
    # with two blocks at 1/4, what is rounded up to latents is less than one
    refinement = replace(tiny_info.architecture.refinement, blocks_fine=2)
    deeper = replace(tiny_info.architecture, blocks_fine=2, refinement=refinement)
    model = random_model(replace(tiny_info, architecture=replace(deeper, blocks=8)))
    see = whole_strides(model.g_a.reach)
    w = torch.eye(9)[4:5]
    size = 4 * see + STRIDE
    x = torch.randn(1, 3, size, size, requires_grad=True)
    model.g_a(x, w, model.scale)[..., 2 * see // STRIDE, 2 * see // STRIDE].sum().backward()
    assert x.grad is not None
    assert see - STRIDE < (reach(x.grad) - STRIDE) / 2 <= see
    see = whole_strides(model.g_s.reach())
    size = 4 * see + STRIDE
    y = torch.randn(1, tiny_info.architecture.latents, size // STRIDE, size // STRIDE, requires_grad=True)
    out = model.g_s(Evidence(y, y, y.abs()), w, model.scale).x_hat
    out[..., 2 * see : 2 * see + STRIDE, 2 * see : 2 * see + STRIDE].sum().backward()
    assert y.grad is not None
    assert reach(y.grad) == 2 * see // STRIDE + 1


def test_an_unaligned_window_is_enough(transforms: Transforms) -> None:
    picture = Rectangle(0, 0, 200, 200)
    pixels = np.asarray(noise_image(200, 200))
    y = analyse(transforms, pixels, picture, 4000)
    whole = synthesize(transforms, y, picture, picture, 4000).astype(int)
    window = Rectangle(83, 101, 9, 40)
    around = surroundings(window, picture, transforms.mse.halo)
    rows, columns = around.latents().within(picture.latents())
    part = synthesize(transforms, y[..., rows, columns], window, around, 4000)
    assert np.abs(whole[window.within(picture)] - part).max() <= 1
