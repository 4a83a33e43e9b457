"""What models are tuned for: the distortions, what they are worth, and the search that keeps them small."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from lcomp.decoding.area import decode_tiles
from lcomp.encoding.distortion import psnr
from lcomp.encoding.objective import MS_SSIM_SIDE, OBJECTIVES
from lcomp.encoding.streams import encode_tiles
from lcomp.evaluation.metrics.metric import Pair
from lcomp.evaluation.metrics.ms_ssim import MultiScaleSsim
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid
from lcomp.model.loaded import LoadedModel
from lcomp.types import Pixels
from lcomp.zoo.registry import METRICS, model_by_name

CPU = torch.device("cpu")


def signal(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.fixture(scope="module")
def pair(photo: Image.Image) -> tuple[Pixels, Pixels]:
    """A photograph and what JPEG at a low quality would make of it, roughly."""
    photo = photo.convert("RGB").resize((200, 180))
    return np.asarray(photo), np.asarray(photo.resize((50, 45)).resize(photo.size))


def test_there_is_an_aim_for_every_metric() -> None:
    assert set(OBJECTIVES) == set(METRICS)


def test_distortions_are_those_that_are_measured(pair: tuple[Pixels, Pixels]) -> None:
    original, ours = pair
    error = OBJECTIVES["mse"].distortion(signal(ours), signal(original))
    assert error.shape == (1,)
    assert 10 * np.log10(255**2 / error.item()) == pytest.approx(psnr(ours, original), abs=1e-3)
    assert 1 - OBJECTIVES["ms-ssim"].distortion(signal(ours), signal(original)).item() == pytest.approx(
        MultiScaleSsim().measure(Pair(ours, original)), abs=1e-4
    )


def test_ms_ssim_of_small_pictures(pair: tuple[Pixels, Pixels]) -> None:
    original, ours = (signal(pixels[: MS_SSIM_SIDE - 1, :40]) for pixels in pair)
    aim = OBJECTIVES["ms-ssim"]
    assert 0.01 < aim.distortion(ours, original).item() < 1
    assert aim.distortion(original, original).item() == pytest.approx(0, abs=1e-5)


def test_every_step_is_worth_the_same_to_ms_ssim() -> None:
    gain, q = torch.rand(2, 5, 1, 1), torch.tensor([1.0, 8.0])
    assert len(OBJECTIVES["ms-ssim"].error_weight(gain, q).unique()) == 1
    assert len(OBJECTIVES["mse"].error_weight(gain, q).unique()) == 10


@pytest.mark.slow
def test_a_search_keeps_small_what_the_model_is_tuned_for(photo: Image.Image) -> None:
    pixels = np.asarray(photo.convert("RGB"))[:, :192]
    pixels = np.concatenate([pixels, pixels[::-1]])[:192]
    grid, worth = Grid(192, 192), OBJECTIVES["ms-ssim"].lmbda(torch.tensor(3.0)).item()
    codec = LoadedModel(model_by_name("hyperprior"), CPU)
    codec.info = replace(codec.info, metric="ms-ssim")

    def cost(effort: int) -> float:
        [encoded] = tiles = encode_tiles(codec, pixels, 3000, grid, Coder.CONSTRICTION, effort)
        decoded = decode_tiles(codec, tiles, 3000, grid, Coder.CONSTRICTION, grid.picture).pixels
        similarity = MultiScaleSsim().measure(Pair(decoded, pixels))
        return 8 * len(encoded.stream) / 192**2 + worth * (1 - similarity)

    assert cost(5) < 0.98 * cost(1)
