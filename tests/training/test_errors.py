"""Training that cannot begin or cannot end: one clear error, and nothing lost."""

import errno
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException
from typer.testing import CliRunner

from helpers.models import TINY_MODEL
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.errors import LcompError, ModelError
from lcomp.training.backbone import BackboneRun
from lcomp.training.data import Pool, centres, find_pictures
from lcomp.training.export import replace_files
from lcomp.training.recipe import read_recipe
from lcomp.training.run import Setting
from lcomp.training.task import all_or_nothing, make_run, read_task
from lcomp.zoo.registry import ModelInfo, read_model

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('minutes = "long"', "minutes = 'long' is no float"),
        ("seed = 1.5", "seed = 1.5 is no int"),
        ("table_crops = true", "table_crops = True is no int"),
        ("stages = 3", "iterable"),
        ("stages = [3]", "attribute"),
        ('stages = [{ start = "now", crop = 64, batch = 2 }]', "start = 'now' is no float"),
        ("stages = [{ start = 0.0, crop = 64.0, batch = 2 }]", "crop = 64.0 is no int"),
        ("decay = 0", "more than 0"),
        ("minutes = inf", "finite and more than 0"),
        ("lr_entropy = nan", "finite and not less than 0"),
        ("stages = [{ start = 0.0, crop = 65, batch = 2 }]", "crops are multiples of 64"),
        ("clip = nan", "more than 0"),
        ("lr_small = -1e-3", "not less than 0"),
        ("seed = -1", "not less than 0"),
        ("ema = 1", "ema"),
        ('context = "folder/context"', "names of models"),
        ('decoder = "\\u0000"', "names of models"),
        ("shares = { context = 1.5, decoder = 0.1, wild = 20.0 }", "shares are from 0 to 1"),
        ("shares = { context = 0.5, decoder = 0.1, wild = nan }", "wild is finite"),
        ("shares = { context = 0.5 }", "missing"),
    ],
)
def test_impossible_recipes_are_model_errors(model_file: Path, line: str, problem: str) -> None:
    name = line.split()[0]
    others = [other for other in TINY_MODEL.splitlines() if not other.startswith(f"{name} =")]
    model_file.write_text("\n".join(others).replace("[training]", f"[training]\n{line}"))
    with pytest.raises(ModelError, match=rf"{re.escape(model_file.name)}: bad \[training\] table: .*{problem}"):
        read_recipe(model_file)


def test_folders_that_cannot_be_read_are_errors(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def guarded(path: str) -> object:
        if Path(path).name == "images":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(LcompError, match="images: Permission denied"):
        find_pictures(pictures)


def test_validation_pictures_may_be_small_but_not_all(tmp_path: Path) -> None:
    for name, size in (("small", (60, 200)), ("wide", (300, 70)), ("large", (400, 300))):
        noise_image(*size).save(tmp_path / f"{name}.png")
    pool = Pool.read([tmp_path / f"{name}.png" for name in ("small", "wide", "large")], CPU)
    assert [crop.shape for crop in centres(pool, 256, 64)] == [(1, 3, 64, 64), (1, 3, 256, 256)]
    assert torch.equal(centres(pool, 256, 64)[0][0], pool.pictures[1][:, 3:67, 118:182])
    with pytest.raises(LcompError, match="no validation picture is 128 pixels"):
        centres(Pool.read([tmp_path / "small.png", tmp_path / "wide.png"], CPU), 256, 128)


def test_a_backbone_without_validation_pictures_is_not_trained(model_file: Path, tmp_path: Path) -> None:
    for name, size in (("a", (60, 200)), ("b", (300, 300))):
        noise_image(*size).save(tmp_path / f"{name}.png")
    setting = Setting(read_recipe(model_file), tmp_path, tmp_path / "run", CPU, compiled=False)
    with pytest.raises(LcompError, match="no validation picture is 64 pixels"):
        BackboneRun(read_model(model_file).architecture, None, None, "mse", setting)


@pytest.mark.slow
def test_steps_that_cannot_be_compiled_name_the_way_out(
    model_file: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: BackboneRun) -> Tensor:
        raise TorchDynamoException("no working C++ compiler\nand much more")

    monkeypatch.setattr(BackboneRun, "train_cost", refuse)
    config = read_model(model_file).architecture
    setting = Setting(read_recipe(model_file), pictures, tmp_path, CPU, compiled=False)
    run = BackboneRun(config, None, None, "mse", setting)
    with pytest.raises(LcompError, match=r"\(no working C\+\+ compiler\): use --no-compile"):
        run.run(print)

    def wrap(_: BackboneRun) -> Tensor:
        error = TorchDynamoException("backend='inductor' raised:")
        error.inner_exception = RuntimeError("no working C++ compiler")  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr(BackboneRun, "train_cost", wrap)
    with pytest.raises(LcompError, match=r"\(RuntimeError: no working C\+\+ compiler\): use --no-compile"):
        run.run(print)


@pytest.mark.slow
def test_memory_that_runs_out_is_one_line(
    model_file: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(_: BackboneRun) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(BackboneRun, "train_cost", exhaust)
    arguments = ["--data", str(pictures), "--run", str(tmp_path / "run"), "--device", "cpu", "--no-compile"]
    result = CliRunner().invoke(app, ["train", str(model_file), *arguments])
    assert isinstance(result.exception, LcompError)
    assert str(result.exception) == "not enough memory for training"
    result = CliRunner().invoke(app, ["train", str(model_file), *arguments, "--every", "nan"])
    assert result.exit_code == 2


def test_an_export_that_stops_half_way_changes_nothing(sr_info: ModelInfo) -> None:
    files = [path for model in sr_info.lineage for path in (model.source, model.weights_path)]
    before = [path.read_bytes() for path in files]

    def export_half() -> None:
        with all_or_nothing((sr_info,)) as stage:
            for model, weights in zip(sr_info.lineage, before[1::2], strict=True):
                copy = read_model(stage / model.source.name)
                assert copy.weights_path.read_bytes() == weights
                copy.weights_path.write_bytes(b"new")
                copy.source.write_text(TINY_MODEL)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_half()
    assert [path.read_bytes() for path in files] == before


def test_an_export_that_ends_replaces_what_it_changed(model_file: Path) -> None:
    info, text = read_model(model_file), TINY_MODEL.replace("a tiny", "a new")
    written = model_file.stat().st_mtime_ns
    with all_or_nothing((info,)) as stage:
        (stage / model_file.name).write_text(TINY_MODEL)
    assert model_file.stat().st_mtime_ns == written
    assert not info.weights_path.exists()
    with all_or_nothing((info,)) as stage:
        (stage / model_file.name).write_text(text)
        read_model(stage / model_file.name).weights_path.write_bytes(b"weights")
    assert model_file.read_text() == text
    assert info.weights_path.read_bytes() == b"weights"


def test_an_export_undoes_nothing_that_was_done_meanwhile(sr_info: ModelInfo, tmp_path: Path) -> None:
    shutil.copytree(sr_info.source.parent.parent, tmp_path / "zoo")
    info = read_model(tmp_path / "zoo" / "models" / sr_info.source.name)
    backbone, other = info.lineage[-1].source, info.source.read_text() + "# edited"
    with all_or_nothing((info,)) as stage:
        backbone.write_text(backbone.read_text() + "# edited")
        (stage / info.source.name).write_text("new")
    assert backbone.read_text().endswith("# edited")
    assert info.source.read_text() == "new"

    def edit() -> None:
        with all_or_nothing((info,)) as stage:
            info.source.write_text(other)
            (stage / info.source.name).write_text("newer")

    with pytest.raises(LcompError, match="was changed meanwhile"):
        edit()
    assert info.source.read_text() == other


def test_files_are_replaced_when_all_are_written(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "first", tmp_path / "b" / "second"
    first.parent.mkdir()
    first.write_bytes(b"old")
    second.parent.write_bytes(b"no folder")
    with pytest.raises(OSError, match=re.escape(str(second.parent))):
        replace_files({first: b"new", second: b"new"})
    assert first.read_bytes() == b"old"
    assert [path.name for path in first.parent.iterdir()] == ["first"]


def test_a_decoder_that_invents_is_not_trained_beside_a_backbone(sr_info: ModelInfo, tmp_path: Path) -> None:
    shutil.copytree(sr_info.source.parent, tmp_path / "models")
    source = tmp_path / "models" / "inventor.toml"
    text = sr_info.lineage[-1].source.read_text()
    source.write_text(text.replace("[training]", '[training]\ncontext = "context"\ndecoder = "tiny-sr"'))
    assert sr_info.inventive
    task = read_task(source)
    with pytest.raises(LcompError, match="cannot be trained beside"):
        make_run(task, Setting(task.recipe, tmp_path, tmp_path, CPU, compiled=False), None)
    # nor is anything beside another model
    context = tmp_path / "models" / sr_info.lineage[1].source.name
    context.write_text(context.read_text().replace("[training]", f'[training]\ncontext = "{context.stem}"'))
    with pytest.raises(ModelError, match=r"context\.toml: models are trained beside a backbone only"):
        read_task(context)
