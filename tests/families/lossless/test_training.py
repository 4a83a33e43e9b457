"""Training of the lossless model: what is exported codes pictures."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from helpers.lossless import random_networks
from helpers.models import TINY_LOSSLESS, TINY_MODEL
from helpers.paths import ROOT
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.errors import LcompError, ModelError
from lcomp.families.lossless.description import LosslessInfo
from lcomp.families.lossless.loading import load_lossless
from lcomp.families.lossless.tables import residual_tables
from lcomp.families.lossless.tensors import exact_codec, exact_tensors
from lcomp.families.lossless.training.examples import Variety, gather, varied
from lcomp.families.lossless.training.export import installed_networks
from lcomp.families.lossless.training.recipe import read_lossless
from lcomp.families.lossless.training.run import LosslessRun
from lcomp.families.lossless.training.tables import fit_tables
from lcomp.training.data import Pool, find_pictures
from lcomp.training.run import Setting
from lcomp.training.task import read_task

CPU = torch.device("cpu")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A description of a tiny lossless model that has not been trained."""
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "tiny-lossless.toml"
    path.write_text(TINY_LOSSLESS.replace("batch = 2 ", "batch = 512 "))
    return path


@pytest.fixture(autouse=True)
def _by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes with the steps: a busy machine is no failure."""
    ticks = itertools.count(step=0.2)
    monkeypatch.setattr("lcomp.training.run.time", SimpleNamespace(monotonic=lambda: next(ticks)))


@pytest.mark.slow
def test_train_resumes_exports_and_the_result_codes_pictures(source: Path, pictures: Path, tmp_path: Path) -> None:
    common = ["--data", str(pictures), "--device", "cpu", "--no-compile"]
    arguments = ["train", str(source), "--run", str(tmp_path / "run"), *common]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    info = read_lossless(source)
    assert len(info.sha256) == 64
    codec = load_lossless(info, CPU)
    for image in (noise_image(90, 70), noise_image(200, 180).convert("L")):
        pixels = np.asarray(image)
        encoded = codec.encode(pixels, 0)
        assert np.array_equal(codec.decode(encoded, *pixels.shape[:2], pixels.ndim == 2, 0), pixels)
    # the time is spent: going on trains no further and exports the same tensors
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert read_lossless(source).sha256 == info.sha256
    setting = Setting(read_task(source).recipe, pictures, tmp_path / "run", CPU, compiled=False)
    resumed = LosslessRun(info, setting)
    assert resumed.progress >= 1
    assert resumed.step > 0
    trained, untrained = (
        LosslessRun(info, Setting(read_task(source).recipe, pictures, tmp_path / name, CPU, compiled=False)).validate()
        for name in ("run", "fresh")
    )
    assert trained < untrained
    # the exported weights are as good a start as the run itself
    again = ["train", str(source), "--run", str(tmp_path / "again"), "--from", str(source), *common]
    start_setting = Setting(setting.recipe, pictures, tmp_path / "start", CPU, compiled=False)
    start = LosslessRun(info, start_setting, installed_networks(source, 8))
    assert start.validate() == pytest.approx(trained, rel=0.01)
    assert CliRunner().invoke(app, again).exit_code == 0
    assert read_lossless(source).sha256 != info.sha256


def test_a_start_is_of_the_same_width(source: Path, tmp_path: Path) -> None:
    shipped = ROOT / "models" / "lossless.toml"
    width = read_lossless(shipped).hidden
    assert installed_networks(shipped, width).of(0, 0).middle.in_channels == width
    with pytest.raises(ModelError, match=rf"the networks of 'lossless' are {width} wide, not 8"):
        installed_networks(shipped, 8)
    (tmp_path / "models" / "other.toml").write_text(TINY_MODEL)
    with pytest.raises(ModelError, match="'lossless' is missing"):
        installed_networks(tmp_path / "models" / "other.toml", 8)
    with pytest.raises(ModelError, match=r"weights of 'tiny-lossless' are not installed"):
        installed_networks(source, 8)


@pytest.mark.parametrize(
    ("there", "wrong", "problem"),
    [
        ("share = 0.2", "share = 0.0", "share of them"),
        ("share = 0.2", "share = 1.5", "share of them"),
        ("share = 0.2", "share = nan", "share of them"),
        ("share = 0.2", 'share = "all"', "is no float"),
        ("pictures = 2", "pictures = 0", "1 picture or more"),
        ("pictures = 2", "pictures = 1.5", "is no int"),
        ("pictures = 2", "patterns = 2", "patterns"),
        ("pictures = 2", "", "missing"),
    ],
)
def test_impossible_samples_are_model_errors(source: Path, there: str, wrong: str, problem: str) -> None:
    source.write_text(TINY_LOSSLESS.replace(there, wrong))
    with pytest.raises(ModelError, match=rf"tiny-lossless\.toml: bad \[training\] table: .*{problem}"):
        read_task(source)


@pytest.mark.parametrize(
    ("there", "wrong", "problem"),
    [
        ("hidden = 8", "hidden = 0", "1 or more"),
        ("hidden = 8", 'hidden = "wide"', "wide"),
        ("hidden = 8", "", "'hidden' is missing"),
        ("number = 253", "", "'number' is missing"),
    ],
)
def test_impossible_descriptions_are_model_errors(source: Path, there: str, wrong: str, problem: str) -> None:
    source.write_text(TINY_LOSSLESS.replace(there, wrong))
    with pytest.raises(ModelError, match=rf"tiny-lossless\.toml: .*{problem}"):
        read_task(source)


def test_a_lossless_recipe_needs_samples(source: Path, pictures: Path, tmp_path: Path) -> None:
    source.write_text(TINY_LOSSLESS.replace("[training.samples]\npictures = 2\nshare = 0.2\n", ""))
    task = read_task(source)
    assert isinstance(task.info, LosslessInfo)
    with pytest.raises(ModelError, match=r"needs a table \[training\.samples\]"):
        LosslessRun(task.info, Setting(task.recipe, pictures, tmp_path / "run", CPU, compiled=False))


def test_pictures_that_are_too_small_and_shares_of_nothing_are_errors(pictures: Path, tmp_path: Path) -> None:
    noise_image(60, 70).save(tmp_path / "a.png")
    with pytest.raises(LcompError, match="no picture is large enough for scale 4"):
        gather(Pool.read([tmp_path / "a.png"], CPU), 1, 1.0, 0)
    with pytest.raises(LcompError, match="too few samples"):
        gather(Pool.read(find_pictures(pictures).validation, CPU), 1, 1e-9, 0)


def test_examples_are_a_share_of_all_samples(pictures: Path) -> None:
    pool = Pool.read(find_pictures(pictures).train, CPU)
    gathered = gather(pool, 2, 0.5, 0)
    assert set(gathered.examples) == set(itertools.product(range(3), range(3)))
    for (_, plane), examples in gathered.examples.items():
        assert 0.45 < len(examples.values) / (2 * 140 * 150 / 4) < 0.75
        assert {condition % 5 for condition in examples.conditions.tolist()} == set(range(5))
        assert examples.features.shape[0] == len(examples.values)
        assert plane or examples.values.min() >= 0


def test_varieties_smooth_colours_and_add_grain() -> None:
    random = torch.Generator().manual_seed(0)
    picture = torch.randint(60, 200, (3, 40, 61), generator=random, dtype=torch.uint8)
    made = {variety: varied(picture, variety, torch.Generator().manual_seed(1)) for variety in Variety}
    assert torch.equal(made[Variety.UNCHANGED], picture.permute(1, 2, 0))
    assert {tuple(pixels.shape) for pixels in made.values()} == {(40, 61, 3), (20, 30, 3)}

    def colours(variety: Variety) -> float:
        return made[variety].float().diff(dim=2).std().item()

    assert colours(Variety.SMOOTH_COLOURS) < 0.7 * colours(Variety.HALVED)
    assert not torch.equal(made[Variety.GRAIN], made[Variety.HALVED])
    assert colours(Variety.SMOOTH_COLOURS_AND_GRAIN) == pytest.approx(colours(Variety.SMOOTH_COLOURS), rel=0.1)


def test_fitted_tables_code_their_residuals_in_fewer_bits(pictures: Path) -> None:
    gathered = gather(Pool.read(find_pictures(pictures).train, CPU), 2, 0.5, 0)
    networks = random_networks()
    codecs = [
        exact_codec(exact_tensors(networks, gathered.coefficients, tables), CPU)
        for tables in (residual_tables(), fit_tables(networks, gathered))
    ]
    pixels = np.asarray(noise_image(150, 140, 0))
    plain, fitted = (codec.encode(pixels, 0) for codec in codecs)
    assert len(fitted.stream) < len(plain.stream)
    assert np.array_equal(codecs[1].decode(fitted, 140, 150, False, 0), pixels)
