"""Weights that lcomp does not bring: packages of their own, made by `tools/weights_package.py`."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

import lcomp
from helpers.paths import ROOT
from lcomp.errors import ModelError
from lcomp.families import registry
from lcomp.zoo import description
from lcomp.zoo import registry as hyperprior
from lcomp.zoo.description import PACKAGES, Description
from lcomp.zoo.registry import ModelInfo, read_model

CACHES = registry.installed_models, description.installed_tables, hyperprior.all_models


@pytest.fixture(autouse=True)
def fresh_caches() -> Iterator[None]:
    """Models are looked up anew, before and after."""
    for cached in CACHES:
        cached.cache_clear()
    yield
    for cached in CACHES:
        cached.cache_clear()


def lay_out(model: Description, folder: Path, toml: bool = True) -> Path:
    """What a package of weights installs into a folder of sys.path."""
    for source, kind in ((model.source, "models"), (model.export_path, "weights")):
        if toml or kind == "weights":
            (folder / PACKAGES / kind).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / PACKAGES / kind / source.name)
    return folder


def test_models_of_packages_code_and_decode(
    context_info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Image.Image
) -> None:
    for number, model in enumerate(context_info.lineage):  # a context model and its backbone lie apart
        monkeypatch.syspath_prepend(lay_out(model, tmp_path / str(number)))
    model = registry.find_model("context")
    assert str(model.source).startswith(str(tmp_path))
    assert [model.name for model in model.lineage] == ["context", "tiny"]
    data = lcomp.encode(photo.crop((0, 0, 70, 50)), model="context", device="cpu")
    assert lcomp.decode(data, device="cpu").size == (70, 50)
    assert PACKAGES not in sys.modules


def test_a_model_without_its_backbone_says_so(
    context_info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(lay_out(context_info, tmp_path))
    with pytest.raises(ModelError, match=r"context\.toml: it adds to 'tiny', which is not installed"):
        lcomp.models()


def test_models_of_the_same_number_are_told_apart_by_their_fingerprints(
    tiny_info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Image.Image
) -> None:
    folder = lay_out(tiny_info, tmp_path)
    text = tiny_info.source.read_text().replace(f"{tiny_info.fingerprint:08x}", "00000001")
    (folder / PACKAGES / "models" / "another.toml").write_text(text)
    monkeypatch.syspath_prepend(folder)
    data = lcomp.encode(photo.crop((0, 0, 70, 50)), model="tiny", device="cpu")
    header = lcomp.info(data)
    assert registry.model_of(header).name == "tiny"
    assert lcomp.decode(data, device="cpu").size == (70, 50)


def test_weights_come_from_a_package_where_they_are_not_beside_the_toml(
    tiny_info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own" / "models"
    own.mkdir(parents=True)
    model = read_model(Path(shutil.copy(tiny_info.source, own)))
    assert model.obstacle == f"weights of 'tiny' are not installed: {model.export_path} is missing"
    monkeypatch.syspath_prepend(lay_out(tiny_info, tmp_path / "apart", toml=False))
    assert model.obstacle is None
    assert model.weights_path == tmp_path / "apart" / PACKAGES / "weights" / tiny_info.weights
    assert model.export_path.parent == tmp_path / "own" / "weights"


def test_a_package_takes_the_place_of_nothing(
    tiny_info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lay_out(tiny_info, tmp_path)
    (folder / PACKAGES / "models" / "tiny.toml").rename(folder / PACKAGES / "models" / "visual.toml")
    monkeypatch.syspath_prepend(folder)
    assert registry.find_model("visual").number == 7
    assert "tiny" not in [model.name for model in lcomp.models()]


def with_folders(*folders: Path) -> dict[str, str]:
    """The environment of a process that imports lcomp from here, and from folders too."""
    path = [*map(str, folders), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}


def build(model: Description, folder: Path) -> Path:
    """The wheel of a model."""
    command = [sys.executable, ROOT / "tools" / "weights_package.py", model.source, "-o", folder]
    subprocess.run(command, check=True, capture_output=True, env=with_folders())
    (wheel,) = folder.glob(f"lcomp_weights_{model.name}-*.whl")
    return wheel


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling")
def test_a_package_is_built_installed_and_used(context_info: ModelInfo, tmp_path: Path, photo: Image.Image) -> None:
    wheels = [build(model, tmp_path / "dist") for model in context_info.lineage]
    again = build(context_info, tmp_path / "again")
    assert again.read_bytes() == wheels[0].read_bytes()
    with zipfile.ZipFile(wheels[0]) as archive:
        names = {name for name in archive.namelist() if not name.startswith("lcomp_weights_context-")}
        (place,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = message_from_bytes(archive.read(place))
        assert any(name.endswith("/licenses/CREDITS.md") for name in archive.namelist())
    assert names == {f"{PACKAGES}/models/context.toml", f"{PACKAGES}/weights/{context_info.weights}"}
    assert set(metadata.get_all("Requires-Dist", [])) == {f"lcomp>={lcomp.__version__}", "lcomp-weights-tiny"}

    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", site]
    subprocess.run([*pip, *wheels], check=True, capture_output=True)
    photo.crop((0, 0, 70, 50)).save(tmp_path / "a.png")

    def run(*arguments: str, installed: bool) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lcomp", *arguments],
            cwd=tmp_path,
            env=with_folders(*([site] if installed else [])),
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("encode", "a.png", "-m", "context", installed=True).returncode == 0
    assert "number 251" in run("--version", installed=True).stdout
    decoded = run("decode", "a.lic", "-o", "b.png", installed=True)
    assert decoded.returncode == 0, decoded.stderr
    refused = run("decode", "a.lic", "-o", "c.png", installed=False)
    assert refused.returncode == 4
    assert refused.stderr.count("\n") == 1
    assert "file needs model number 251, which is not installed" in refused.stderr
    assert not (tmp_path / "c.png").exists()
