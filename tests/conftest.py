"""Shared fixtures: a real photograph and a tiny untrained model that is exported like a real one."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

# before torch is imported, and for the processes that tests start: networks this small gain nothing from a second
# thread, and threads that wait for each other all but stand still where the processors are busy
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a shell starts background jobs with interrupts ignored, and the processes that tests interrupt would inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from helpers.command import lcomp
from helpers.models import TINY_CONTEXT, TINY_LIGHT, TINY_MODEL, TINY_SR, fill_zeros, random_context, random_model
from helpers.paths import DATA
from helpers.pictures import noise_image
from lcomp.entropy.tables import gaussian_tables
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.light import LightSynthesis
from lcomp.training.export import export, export_context, export_decoder
from lcomp.zoo.registry import ModelInfo, read_model

torch.set_num_threads(1)

# a busy machine is no failure
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Without pytest-xdist everything runs in one process: the options in pyproject.toml mean nothing then."""
    if not pluginmanager.hasplugin("xdist"):
        parser.addoption("--numprocesses", help="ignored: pytest-xdist is not installed")
        parser.addoption("--dist", help="ignored: pytest-xdist is not installed")


@pytest.fixture(autouse=True)
def _log_left_as_it_was() -> Iterator[None]:
    """What a command does to the library's log does not reach the next test."""
    log = logging.getLogger("lcomp")
    handlers, filters, propagate, level = log.handlers[:], log.filters[:], log.propagate, log.level
    yield
    log.handlers[:], log.filters[:], log.propagate = handlers, filters, propagate
    log.setLevel(level)


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A 200x136 cut of a Kodak photograph: both sides are not multiples of the stride."""
    with Image.open(DATA / "kodim23.png") as image:
        return image.crop((120, 80, 320, 216))


@pytest.fixture(scope="session")
def tiny_info(tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    """Description of an exported tiny model."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "models").mkdir()
    source = folder / "models" / "tiny.toml"
    source.write_text(TINY_MODEL)
    info = read_model(source)
    export(random_model(info), info, {}, gaussian_tables())
    return read_model(source)


@pytest.fixture(scope="session")
def context_info(tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    """Description of an exported tiny context model, its backbone beside it."""
    folder = tmp_path_factory.mktemp("zoo") / "models"
    folder.mkdir()
    for name, text in (("tiny", TINY_MODEL), ("context", TINY_CONTEXT)):
        (folder / f"{name}.toml").write_text(text)
    backbone = read_model(folder / "tiny.toml")
    export(random_model(backbone), backbone, {}, gaussian_tables())
    info = read_model(folder / "context.toml")
    export_context(random_context(info), info, {}, gaussian_tables())
    return read_model(folder / "context.toml")


def export_tiny(network: Enhancer | LightSynthesis, info: ModelInfo) -> ModelInfo:
    """The description of a decoder whose network is exported, with random values for what starts at zero."""
    fill_zeros(network, 0.05, 0.01)
    export_decoder(network, info, {})
    return read_model(info.source)


@pytest.fixture(scope="session")
def sr_info(context_info: ModelInfo) -> ModelInfo:
    """Description of an exported tiny decoder for the tiny context model."""
    source = context_info.source.with_name("tiny-sr.toml")
    source.write_text(TINY_SR)
    info = read_model(source)
    assert info.decoder is not None
    torch.manual_seed(4)
    return export_tiny(Enhancer(info.architecture, info.decoder), info)


@pytest.fixture(scope="session")
def light_info(context_info: ModelInfo) -> ModelInfo:
    """Description of an exported tiny light decoder for the tiny context model."""
    source = context_info.source.with_name("tiny-light.toml")
    source.write_text(TINY_LIGHT)
    info = read_model(source)
    assert info.light is not None
    torch.manual_seed(5)
    return export_tiny(LightSynthesis(info.architecture, info.light), info)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, photo: Image.Image) -> Path:
    """A folder with photo.png and photo.lic."""
    path = tmp_path_factory.mktemp("cli")
    photo.save(path / "photo.png")
    result = lcomp("encode", path / "photo.png")
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with large.png of 1100x1060 pixels with alpha, large.lic of 2x2 tiles, and its decoded whole.png."""
    path = tmp_path_factory.mktemp("large")
    image = noise_image(1100, 1060, noise=3)
    rows, columns = np.mgrid[:1060, :1100]
    image.putalpha(Image.fromarray(np.clip((rows + columns) // 4 - 100, 0, 255).astype(np.uint8)))
    image.save(path / "large.png", compress_level=1)
    assert lcomp("encode", path / "large.png", "-q", "2").returncode == 0
    assert lcomp("decode", path / "large.lic", "-o", path / "whole.png").returncode == 0
    return path


@pytest.fixture(scope="session")
def mixed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good pictures, a tiny one in grey, and a corrupt one."""
    path = tmp_path_factory.mktemp("pictures")
    noise_image(176, 164, 1).save(path / "a.png")
    noise_image(162, 170, 2).save(path / "b.png")
    noise_image(20, 20, 3).convert("L").save(path / "tiny.png")
    data = (path / "a.png").read_bytes()
    (path / "corrupt.png").write_bytes(data[: len(data) // 2])
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six small pictures, two of them held out by an index."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "images").mkdir()
    rows = ["file,split"]
    for number in range(6):
        noise_image(300, 280, number, noise=3).save(folder / "images" / f"{number}.png")
        rows.append(f"{number}.png,{'val' if number < 2 else 'train'}")
    (folder / "index.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A description of the tiny model that has not been trained."""
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "tiny.toml"
    path.write_text(TINY_MODEL)
    return path
