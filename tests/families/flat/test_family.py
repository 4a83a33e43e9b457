"""The family that docs/families.md builds: its files are written where they belong, and it is trained."""

import re
import shutil
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import lcomp
import lcomp.families
from families.common import FamilyChecks
from helpers.paths import ROOT
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.errors import FormatError, ModelError
from lcomp.families import registry
from lcomp.format.container import Encoded
from lcomp.training.trainer import trainer_of
from lcomp.zoo import description, versions
from lcomp.zoo import registry as hyperprior

FILE = re.compile(r'^```\w+ title="(.+?)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)

CACHES = registry.families, registry.installed_models, description.installed_tables, hyperprior.all_models


def forget() -> None:
    """Have families and models looked up anew."""
    for cached in CACHES:
        cached.cache_clear()


def train(root: Path, pictures: Path) -> None:
    """What the page says to run."""
    arguments = ["train", str(root / "models" / "flat.toml"), "--data", str(pictures), "--no-compile"]
    result = CliRunner().invoke(app, [*arguments, "--device", "cpu", "--run", str(root / "run")])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module", autouse=True)
def root(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Iterator[Path]:
    """A folder with the files of the page and the installed models, in use."""
    root = tmp_path_factory.mktemp("flat")
    shutil.copytree(ROOT / "models", root / "models")
    (root / "weights").mkdir()
    for path in (ROOT / "weights").iterdir():
        (root / "weights" / path.name).symlink_to(path)
    for name, text in FILE.findall((ROOT / "docs" / "families.md").read_text(encoding="utf-8")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lcomp.families, "__path__", [*lcomp.families.__path__, str(root / "lcomp" / "families")])
        for module in (description, versions):
            patch.setattr(module, "data_folder", lambda: root)
        forget()
        train(root, pictures)
        forget()
        yield root
    forget()
    for name in [name for name in sys.modules if name.startswith("lcomp.families.flat")]:
        del sys.modules[name]


class TestFlat(FamilyChecks):
    model = "flat"
    error = 16.0


def test_a_toml_is_of_one_family(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    for text, problem in (
        ("[model]\nnumber = 5", r"odd\.toml: no table tells its family: .*\[flat\]"),
        ("[flat]\n[lossless]", r"odd\.toml: several tables tell its family: \[flat\], \[lossless\]"),
        ("[flat]\nblock = 0\nlevels = 4", r"odd\.toml: a block is 1 pixel or more"),
        ("[flat]\nblock = 2", r"odd\.toml: 'levels' is missing"),
    ):
        path.write_text(text)
        with pytest.raises(ModelError, match=problem):
            registry.told_family(path, table := description.read_table(path)).read(path, table)


def test_files_of_a_kind_that_it_does_not_write_are_refused() -> None:
    file = lcomp.Codec("flat", "cpu").encode_file(noise_image(40, 30))
    for change, error in (({"half": True}, FormatError), ({"fingerprint": 1}, ModelError)):
        with pytest.raises(error):
            lcomp.decode(replace(file, header=replace(file.header, **change)).data)
    stream = zlib.compress(b"\xff" * 60)
    crc = zlib.crc32(b"\xff" * 60, 0)
    for tile in (Encoded(stream, crc), Encoded(zlib.compress(bytes(10**6)), 0)):
        with pytest.raises(FormatError, match="does not hold its blocks"):
            lcomp.decode(replace(file, tiles=(tile,)).data)


def test_a_family_need_not_have_a_trainer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"flat\.toml: models of its family are not trained"):
        trainer_of(root / "models" / "flat.toml")


def test_no_two_families_share_a_table() -> None:
    tables = [table for family in registry.families() for table in family.tables]
    assert len(tables) == len(set(tables)) == 7


def test_training_gives_the_same_name_to_what_it_wrote(root: Path) -> None:
    model = registry.find_model("flat")
    assert model.weights_path == (root / "weights" / "flat.safetensors").resolve()
    assert len(model.sha256) == 64
