"""The upscaler's training: its crops and a whole tiny run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from helpers.models import TINY_CONTEXT, TINY_MODEL, recipe
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.errors import LcompError, ModelError
from lcomp.families.upscaler.training import TRAINER, read_info
from lcomp.model.loaded import LoadedModel
from lcomp.model.upscaling import read_upscaler
from lcomp.training.data import Pool
from lcomp.training.small_crops import Small, SmallCrops, SmallStore, make_small
from lcomp.training.task import make_run, read_task, setting_of
from lcomp.zoo.registry import ModelInfo

CPU = torch.device("cpu")

SMALL = """
[training.small]
mse = "context"
visual = "context"
low = 0.2
middle = 2.0
high = 8.0
low_share = 0.5
clean_share = 0.25
side = 128
rounds = 2
fresh = 1
visual_every = 2
hyperprior = 0.5
"""

TINY_UPSCALER = """
[model]
number = 0
summary = "a tiny upscaler for tests"

[upscaler]
channels = 8
blocks = 1
""" + recipe("tiny-upscaler.safetensors", SMALL)

CROPS = SmallCrops("context", "context", 0.2, 2.0, 8.0, 0.5, 0.25, 128, 2, 1, 2, 0.0)


@pytest.fixture
def pool() -> Pool:
    pixels = np.asarray(noise_image(160, 150)).copy()
    return Pool([torch.from_numpy(pixels).permute(2, 0, 1).contiguous()], CPU)


def test_qualities_are_mostly_those_of_half_size() -> None:
    found = [CROPS.quality((place + 0.5) / 100) for place in range(100)]
    assert sum(quality is None for quality in found) == 25
    coded = [quality for quality in found if quality is not None]
    assert coded == sorted(coded)
    assert sum(quality < CROPS.middle for quality in coded) == 50
    assert 0.2 <= coded[0] < 0.3
    assert 7.5 < coded[-1] < 8


def test_squares_of_both_sizes_show_the_same(pool: Pool) -> None:
    rows, columns = torch.meshgrid(torch.arange(0, 128), torch.arange(0, 128), indexing="ij")
    x = torch.stack([rows, columns, 127 - rows])[None].to(torch.uint8)
    both = Small(x[:, :, ::2, ::2], x, torch.zeros(1, 9))
    squares = [both.cut(16, 32, 64, turn) for turn in range(8)]
    for square in squares:
        assert square.x.shape == (1, 3, 64, 64)
        assert (square.x[:, :, ::2, ::2].int() - square.decoded).abs().max() <= 1
    assert len({square.x.numpy().tobytes() for square in squares}) == 8
    assert squares[0].x[0, :2, 0, 0].tolist() == [16, 32]


def test_crops_are_what_the_codec_makes_of_halves(pool: Pool, context_info: ModelInfo) -> None:
    codec, x = LoadedModel(context_info, CPU), pool.pictures[0][None, :, :128, :128]
    clean, coded = make_small(codec, x, None), make_small(codec, x, 3.0)
    assert clean.decoded.shape == coded.decoded.shape == (1, 3, 64, 64)
    assert not clean.w.any()
    assert coded.w[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert not torch.equal(clean.decoded, coded.decoded)
    store = SmallStore(pool, lambda: codec, np.random.default_rng(1), 2, CROPS)
    kept = list(store.kept)
    store.renew()
    assert [one is other for one, other in zip(kept, store.kept, strict=True)] == [False, True, True, True]
    drawn = store.draw(64)
    assert drawn.x.shape == (2, 3, 64, 64)
    assert drawn.w[0].any()


@pytest.fixture
def source(context_info: ModelInfo, tmp_path: Path) -> Path:
    """The TOML of a tiny upscaler beside the models that its recipe names."""
    shutil.copytree(context_info.source.parent.parent, tmp_path / "zoo")
    for name, text in (("tiny", TINY_MODEL), ("context", TINY_CONTEXT)):
        assert text.split("[weights]")[0] in (tmp_path / "zoo" / "models" / f"{name}.toml").read_text()
    source = tmp_path / "zoo" / "models" / "upscaler.toml"
    source.write_text(TINY_UPSCALER)
    return source


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        noise_image(150, 140, number).save(folder / f"{number}.png")
    return folder


def test_it_trains_is_exported_and_starts_again(source: Path, pictures: Path, tmp_path: Path) -> None:
    arguments = ["train", str(source), "--data", str(pictures), "--run", str(tmp_path / "run"), "--device", "cpu"]
    result = CliRunner().invoke(app, [*arguments, "--no-compile"])
    assert result.exit_code == 0, result.output
    network = read_upscaler(read_info(source), CPU)
    assert network.leave.weight.any()
    task = read_task(source)
    setting = setting_of(task, pictures, tmp_path / "again", "cpu", False, 2**20)
    again = TRAINER.start(task, setting, source)
    assert torch.equal(again.model.leave.weight, network.leave.weight)


def test_a_recipe_needs_its_crops(source: Path, pictures: Path, tmp_path: Path) -> None:
    source.write_text(TINY_UPSCALER.replace(SMALL, ""))
    task = read_task(source)
    with pytest.raises(ModelError, match=r"\[training.small\]"):
        make_run(task, setting_of(task, pictures, tmp_path / "run", "cpu", False, 2**20), None)
    source.write_text(TINY_UPSCALER.replace("side = 128", "side = 100"))
    with pytest.raises(ModelError, match="multiple of 64"):
        read_task(source)
    source.write_text(TINY_UPSCALER.replace("crop = 64", "crop = 192"))
    task = read_task(source)
    with pytest.raises(LcompError, match="larger than the coded ones"):
        make_run(task, setting_of(task, pictures, tmp_path / "run", "cpu", False, 2**20), None)
