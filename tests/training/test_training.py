import dataclasses
import itertools
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from helpers.models import TINY_CONTEXT, TINY_MODEL, TINY_SR
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.streams import encode_tiles
from lcomp.errors import LcompError
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid
from lcomp.model.loaded import LoadedModel
from lcomp.networks.hyperprior import Hyperprior
from lcomp.pictures.reading import to_picture
from lcomp.training import soap
from lcomp.training.backbone import BackboneRun, trained_backbone
from lcomp.training.data import Pool, find_pictures
from lcomp.training.decoder import ERROR_FLOOR, DecoderRun
from lcomp.training.evidence import Store
from lcomp.training.recipe import Recipe, Stage, read_recipe
from lcomp.training.run import Setting, checkpoint_file
from lcomp.training.start import start_from_components
from lcomp.zoo.registry import METRICS, ModelInfo, read_model
from lcomp.zoo.weights import read_enhancer, read_light

CPU = torch.device("cpu")


@pytest.mark.slow
def test_training_starts_as_a_transform_codec(model_file: Path, pictures: Path) -> None:
    model = Hyperprior(read_model(model_file).architecture)
    pool = Pool.read(find_pictures(pictures).train, torch.device("cpu"))
    start_from_components(model, pool, np.random.default_rng(0))
    rows = model.g_a.linear.detach().flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(len(rows)), atol=1e-4)
    assert (model.scale.std.diff() <= 0).all()
    assert model.scale.std[0] > 5


@pytest.mark.slow
def test_train_resumes_exports_and_the_result_codes_pictures(model_file: Path, pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = [
        "train",
        str(model_file),
        "--data",
        str(pictures),
        "--run",
        str(run),
        "--device",
        "cpu",
        "--no-compile",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (run / "checkpoint.pt").is_file()
    assert "validation" in (run / "log.txt").read_text()
    figures = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert figures["step"] > 0
    assert figures["validation_cost"] > 0
    info = read_model(model_file)
    assert len(info.sha256) == 64
    codec = LoadedModel(info, torch.device("cpu"))
    pixels = to_picture(noise_image(100, 90)).pixels
    grid = Grid(100, 90)
    tiles = encode_tiles(codec, pixels, 4000, grid, Coder.CONSTRICTION)
    assert decode_tiles(codec, tiles, 4000, grid, Coder.CONSTRICTION, grid.picture).pixels.shape == pixels.shape
    # the time is spent: going on trains no further and exports the same tensors
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert read_model(model_file).sha256 == info.sha256
    setting = Setting(read_recipe(model_file), pictures, run, CPU, compiled=False)
    resumed = BackboneRun(info.architecture, None, None, info.metric, setting)
    assert resumed.progress >= 1
    assert resumed.step > 0


@pytest.mark.slow
def test_a_context_model_and_a_decoder_train_beside_their_backbone(
    model_file: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(step=0.05)
    monkeypatch.setattr("lcomp.training.run.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    model_file.write_text(TINY_MODEL.replace("lr_linear", 'context = "context"\ndecoder = "sr"\nlr_linear'))
    context_file, decoder_file = model_file.with_name("context.toml"), model_file.with_name("sr.toml")
    context_file.write_text(TINY_CONTEXT)
    decoder_file.write_text(TINY_SR.replace("noise = 2", "noise = 0"))
    common = ["--data", str(pictures), "--device", "cpu", "--no-compile"]
    result = CliRunner().invoke(app, ["train", str(model_file), "--run", str(tmp_path / "both"), *common])
    assert result.exit_code == 0, result.output
    info = read_model(context_file)
    beside = LoadedModel(info, torch.device("cpu"))
    family = trained_backbone(tmp_path / "both")
    assert family.context is not None
    # the exported network is the one that was trained
    bias = family.context.get_submodule("enter").bias
    assert beside.tile.context is not None
    layer = beside.tile.context.layers.enter
    assert torch.allclose(layer.bias * 2.0 ** -(layer.shift + 8), bias.double(), atol=1e-3)
    assert family.enhancer is not None
    decoder = read_enhancer(read_model(decoder_file), torch.device("cpu"))
    assert torch.equal(decoder.refinement.hints.weight, family.enhancer.refinement.hints.weight.half().float())
    assert decoder.refinement.leave.weight.any()  # which starts at zero
    refined = ["train", str(decoder_file), "--run", str(tmp_path / "sr"), "--from", str(tmp_path / "both"), *common]
    result = CliRunner().invoke(app, refined)
    assert result.exit_code == 0, result.output

    # the exported weights are as good a start as the run itself
    again = ["train", str(model_file), "--run", str(tmp_path / "again"), "--from", str(model_file), *common]
    result = CliRunner().invoke(app, again)
    assert result.exit_code == 0, result.output
    first, second = (float((tmp_path / name / "log.txt").read_text().split()[-1]) for name in ("both", "again"))
    assert second < first

    alone = ["train", str(context_file), "--run", str(tmp_path / "alone"), *common]
    result = CliRunner().invoke(app, alone)
    assert isinstance(result.exception, LcompError)
    assert "is trained beside its backbone: train tiny.toml" in str(result.exception)
    assert read_model(context_file).sha256 != info.sha256  # the backbone's run has trained it again
    codec = LoadedModel(read_model(context_file), torch.device("cpu"))
    pixels, grid = to_picture(noise_image(100, 90)).pixels, Grid(100, 90)
    tiles = encode_tiles(codec, pixels, 4000, grid, Coder.CONSTRICTION)
    assert decode_tiles(codec, tiles, 4000, grid, Coder.CONSTRICTION, grid.picture).pixels.shape == pixels.shape


@pytest.mark.slow
def test_a_decoder_trains_on_frozen_latents(sr_info: ModelInfo, pictures: Path, tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    shutil.copytree(sr_info.source.parent.parent, zoo)
    source = zoo / "models" / sr_info.source.name
    source.write_text(source.read_text().replace("noise = 2", "noise = 0"))
    before = {path.name: path.read_bytes() for path in (zoo / "weights").iterdir()}
    arguments = ["train", str(source), "--data", str(pictures), "--run", str(tmp_path / "run")]
    result = CliRunner().invoke(app, [*arguments, "--device", "cpu", "--no-compile"])
    assert result.exit_code == 0, result.output
    changed = {path.name for path in (zoo / "weights").iterdir() if path.read_bytes() != before[path.name]}
    assert changed == {sr_info.weights}
    trained = read_model(source)
    assert trained.fingerprint == sr_info.fingerprint
    assert read_enhancer(trained, torch.device("cpu")).config == trained.decoder
    # learning means less error than the backbone's own decoder on what was just seen
    decoder = DecoderRun(trained, Setting(read_recipe(source), pictures, tmp_path / "run", CPU, compiled=False))
    assert decoder.progress >= 1
    with torch.no_grad():
        coded = decoder.plain.draw()
        ours, theirs = decoder.error(coded, half=False), coded.error / (coded.error + ERROR_FLOOR)
    assert ours.mean() < theirs.mean()


@pytest.mark.slow
def test_a_light_decoder_trains_on_frozen_latents(light_info: ModelInfo, pictures: Path, tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    shutil.copytree(light_info.source.parent.parent, zoo)
    source = zoo / "models" / light_info.source.name
    before = {path.name: path.read_bytes() for path in (zoo / "weights").iterdir()}
    arguments = ["train", str(source), "--data", str(pictures), "--device", "cpu", "--no-compile"]
    result = CliRunner().invoke(app, [*arguments, "--run", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    changed = {path.name for path in (zoo / "weights").iterdir() if path.read_bytes() != before[path.name]}
    assert changed == {light_info.weights}
    trained = read_model(source)
    assert trained.fingerprint == light_info.fingerprint
    assert read_light(trained, CPU).config == trained.light
    again = CliRunner().invoke(app, [*arguments, "--run", str(tmp_path / "again"), "--from", str(source)])
    assert again.exit_code == 0, again.output
    first, second = (float((tmp_path / name / "log.txt").read_text().split()[-1]) for name in ("run", "again"))
    assert second < first
    other = [*arguments, "--run", str(tmp_path / "no"), "--from", str(zoo / "models" / "tiny.toml")]
    assert "has no light decoder" in str(CliRunner().invoke(app, other).exception)


def test_stores_cover_the_range_and_renew(sr_info: ModelInfo, pictures: Path) -> None:
    random, pool = np.random.default_rng(0), Pool.read(find_pictures(pictures).train, torch.device("cpu"))
    codec = LoadedModel(sr_info.coding, torch.device("cpu"))
    store = Store(pool, lambda: codec, random, batch=4, side=128, range_=(0.0, 8.0), half=True, rounds=2)
    for _ in range(3):
        coded = store.draw()
        assert [int(q // 2) for q in coded.quality.tolist()] == [0, 1, 2, 3]
        assert coded.x.shape == (4, 3, 128, 128)
        assert coded.evidence.y_hat.shape[2:] == (4, 4)
        store.renew()
    old = list(store.crops)
    for _ in range(8):
        store.renew()
    assert all(a is not b for a, b in zip(old, store.crops, strict=True))


@pytest.mark.parametrize(("half", "error"), [(False, 1e-4), (True, 0.05)])
def test_eigenbases_turn_gradients_there_and_back(monkeypatch: pytest.MonkeyPatch, half: bool, error: float) -> None:
    monkeypatch.setattr(soap, "prefers_bf16", lambda device: half)
    gradient = torch.randn(24, 9, 40, generator=torch.Generator().manual_seed(0))
    rotation = soap.Rotation(gradient)
    turned = rotation.forward(gradient)
    assert turned.dtype is torch.float32
    assert not torch.allclose(turned, gradient, atol=1)
    difference = (rotation.backward(turned) - gradient).abs().max()
    # whether bf16 was taken shows in what it costs
    assert difference < error
    assert half == (difference > 1e-4)


@pytest.mark.slow
def test_a_run_has_its_threads(
    model_file: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = Setting(read_recipe(model_file), pictures, tmp_path / "run", CPU, compiled=False, threads=3)
    trainer = BackboneRun(read_model(model_file).architecture, None, None, "mse", setting)
    seen, before = [], torch.get_num_threads()
    monkeypatch.setattr(BackboneRun, "train", lambda *_: seen.append(torch.get_num_threads()))
    trainer.run(lambda report: None)
    assert seen == [3]
    assert torch.get_num_threads() == before


@pytest.mark.slow
def test_checkpoints_of_other_models_are_errors(model_file: Path, pictures: Path, tmp_path: Path) -> None:
    config, run = read_model(model_file).architecture, tmp_path / "run"
    setting = Setting(read_recipe(model_file), pictures, run, CPU, compiled=False)
    BackboneRun(config, None, None, "mse", setting).save()
    assert trained_backbone(run).backbone.config == config
    other = dataclasses.replace(config, latents=32)
    with pytest.raises(LcompError, match="not of this model"):
        BackboneRun(other, None, None, "mse", setting)
    state = torch.load(checkpoint_file(run), weights_only=True)
    for damaged in (state | {"architecture": {"patents": 3}}, state | {"average": {}}, {}):
        torch.save(damaged, checkpoint_file(run))
        with pytest.raises(LcompError, match="not of a backbone"):
            trained_backbone(run)
    checkpoint_file(run).write_bytes(b"not a checkpoint")
    with pytest.raises(LcompError, match="can be read"):
        trained_backbone(run)
    with pytest.raises(LcompError, match="holds no"):
        trained_backbone(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_training_lowers_the_cost(
    metric: str, model_file: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # by a clock that goes with the steps, about a hundred of them: a busy machine is no failure
    ticks = itertools.count(step=0.08)
    monkeypatch.setattr("lcomp.training.run.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    recipe = Recipe(
        minutes=0.15,
        stages=(Stage(0, 64, 4),),
        lr_entropy=1e-3,
        lr_vectors=1e-2,
        lr_small=1e-3,
        lr_transforms=1e-3,
        lr_linear=1e-4,
        warmup=0.05,
        ema=0.9,
    )
    config = read_model(model_file).architecture
    trainer = BackboneRun(config, None, None, metric, Setting(recipe, pictures, tmp_path / "run", CPU, compiled=False))
    before = trainer.validate()
    reports = []
    trainer.run(reports.append)
    assert reports[-1].validation_cost < 0.99 * before
