"""Shared fixtures: a real photograph and a tiny untrained model that is exported like a real one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from command import lcomp
from hypothesis import settings
from PIL import Image

from lcomp.entropy.tables import gaussian_tables
from lcomp.entropy.torchac_coder import load_torchac
from lcomp.errors import UnsupportedError
from lcomp.format.container import Coder
from lcomp.format.tiles import Rectangle
from lcomp.model.transforms import Transforms
from lcomp.networks.context import Context
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.hyperprior import Hyperprior
from lcomp.training.export import export, export_context, export_decoder
from lcomp.training.joint import count_features
from lcomp.zoo.registry import ModelInfo, read_model

DATA = Path(__file__).parent / "data"

# a busy machine is no failure
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


def recipe(weights: str) -> str:
    """The tables of a tiny model that say how it is trained and where its weights are."""
    return f"""
[training]
minutes = 0.05
stages = [{{ start = 0.0, crop = 64, batch = 2 }}]
lr_transforms = 1e-3
lr_entropy = 1e-3
lr_linear = 1e-4
lr_vectors = 1e-3
lr_small = 1e-3
table_crops = 16

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
""" + recipe("tiny.safetensors")

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
""" + recipe("tiny-sr.safetensors")


def require_coder(coder: Coder) -> None:
    """Skip the test where a coder cannot be built."""
    if coder is Coder.TORCHAC:
        try:
            load_torchac()
        except UnsupportedError as error:
            pytest.skip(str(error))


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A 200x136 cut of a Kodak photograph: both sides are not multiples of the stride."""
    with Image.open(DATA / "kodim23.png") as image:
        return image.crop((120, 80, 320, 216))


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


@pytest.fixture(scope="session")
def sr_info(context_info: ModelInfo) -> ModelInfo:
    """Description of an exported tiny decoder for the tiny context model."""
    source = context_info.source.with_name("tiny-sr.toml")
    source.write_text(TINY_SR)
    info = read_model(source)
    assert info.decoder is not None
    torch.manual_seed(4)
    network = Enhancer(info.architecture, info.decoder)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.05 if parameter.ndim > 1 else 0.01)
    export_decoder(network, info, {})
    return read_model(source)


def synthesize(
    transforms: Transforms, y: torch.Tensor, window: Rectangle, around: Rectangle, quality: int
) -> np.ndarray:
    """Pixels of a window as the backbone's own decoder makes them, of latents whose means are zero."""
    return transforms.synthesize(transforms.mse, torch.cat([y, y, y.abs()], 1), window, around, quality, half=False)


def noise_image(width: int, height: int, seed: int = 0, noise: float = 12) -> Image.Image:
    """A picture of smooth blobs and noise."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    base = 128 + 80 * np.sin(rows / 9 + seed)[..., None] * np.cos(columns / 13)[..., None]
    grain = random.normal(0, noise, (height, width, 3))
    return Image.fromarray(np.clip(base + grain, 0, 255).astype(np.uint8))


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
