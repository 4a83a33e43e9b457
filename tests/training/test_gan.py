"""The texture's training: opponent, statistics and a whole tiny run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from typer.testing import CliRunner

import lcomp
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.encoding.distortion import squared_error
from lcomp.errors import LcompError, ModelError
from lcomp.format.tiles import Rectangle
from lcomp.networks.enhancer import without_lattice, without_weave
from lcomp.networks.outside import CHANNELS
from lcomp.training.discriminator import Discriminator, judgement, opponent_loss, right_share
from lcomp.training.faces_and_text import faces_and_text
from lcomp.training.gan import GanRun, cares, realism_weight, window
from lcomp.training.perceptual import Drift, moments_distance, structure_distance
from lcomp.training.recipe import Adversarial, read_recipe
from lcomp.training.restore import installed_texture
from lcomp.training.run import Setting, checkpoint_file
from lcomp.training.statistics import WEIGHTS, bands, finest_difference, statistics_distance
from lcomp.types import STRIDE
from lcomp.zoo.registry import ModelInfo, read_model

CPU = torch.device("cpu")


def test_bands_go_from_fine_to_coarse() -> None:
    rows = torch.arange(64.0)[:, None].expand(64, 64)
    for period, band in ((3, 0), (8, 1), (16, 2)):
        wave = torch.cos(rows * 2 * torch.pi / period + 0.7).expand(1, 3, 64, 64)
        shares = [one.square().sum().item() * 4**level for level, one in enumerate(bands(wave))]
        assert len(shares) == len(WEIGHTS)
        assert shares[band] == max(shares)


def test_statistics_see_energy_and_not_place() -> None:
    torch.manual_seed(0)
    unit = torch.full((1, 1, 1, 1), 0.1)
    first, second = torch.randn(2, 1, 3, 64, 64) * 0.1
    assert statistics_distance(first, first, unit) == 0
    # other noise of the same energy is nearer than no noise at all, though its error is twice as large
    assert statistics_distance(first, second, unit) < 0.3 * statistics_distance(first, torch.zeros_like(first), unit)


def stages_of(x: Tensor) -> list[Tensor]:
    """Stand-ins for the stages of the network from outside: magnitudes of differences, pooled."""
    edges = (x - x.roll(1, -1)).abs().repeat(1, 112 // 3 + 1, 1, 1)
    return [F.avg_pool2d(edges[:, :channels], 2 << place) for place, channels in enumerate(CHANNELS.values())]


def test_the_opponent_learns_to_tell_noise() -> None:
    torch.manual_seed(0)
    opponent = Discriminator(8)
    optimizer = torch.optim.AdamW(opponent.parameters(), lr=4e-3)
    for _ in range(60):
        noisy, flat = torch.randn(4, 3, 64, 64), torch.randn(4, 3, 1, 1).expand(4, 3, 64, 64)
        right, wrong = (opponent(stages_of(x)) for x in (noisy, flat))
        loss = opponent_loss(right, wrong)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert [tuple(logits.shape[1:]) for logits in right] == [(1, 16, 16), (1, 16, 16), (1, 8, 8), (1, 4, 4)]
    assert (judgement(right) > judgement(wrong).max() + 0.5).all()
    assert right_share(right, wrong) > 0.9
    assert right_share(wrong, right) < 0.1


def test_structure_is_a_matter_of_place_and_moments_are_not() -> None:
    torch.manual_seed(0)
    first, second = ([torch.randn(2, 8, 32, 32)] for _ in range(2))
    flat = [torch.zeros(2, 8, 32, 32)]
    assert not structure_distance(first, first).any()
    assert not moments_distance(first, first).any()
    assert (moments_distance(second, first) < 0.5 * moments_distance(flat, first)).all()
    assert (structure_distance(second, first) > 1.5 * structure_distance(flat, first)).all()


def test_drift_is_what_all_crops_share() -> None:
    torch.manual_seed(0)
    chance, shared = Drift(0.9), Drift(0.9)
    for _ in range(60):
        theirs, ours = ([torch.randn(4, 8, 16, 16) + torch.randn(4, 8, 1, 1)] for _ in range(2))
        by_chance, by_all = chance(ours, theirs), shared([ours[0] + 1], theirs)
    for ours_differ, all_differ in zip(by_chance[:2], by_all[:2], strict=True):
        assert ours_differ.shape == (4,)
        assert (all_differ > 3 * ours_differ).all()
    # every step moves a crop as far as if the whole average were that crop's
    moved = ours[0].clone().requires_grad_()
    torch.autograd.backward(shared([moved + 1], theirs).drift.sum())
    assert moved.grad is not None
    assert (moved.grad.mean((0, 2, 3)) > 0).all()


def test_patches_are_compared_one_by_one_in_the_deepest_stage() -> None:
    torch.manual_seed(0)
    drift, shallow, deep = Drift(0.9), torch.randn(4, 8, 16, 16), torch.randn(4, 8, 8, 8) + torch.randn(4, 8, 1, 1)
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None, None, None]
    for sign in (signs, -signs) * 30:
        opposite = drift([shallow + 1, deep + sign], [shallow, deep])
    # what crops differ in by turns is no drift
    assert (opposite.patches > 0.3).all()
    assert (opposite.patch_drift < 0.1 * opposite.patches).all()
    assert (opposite.drift > opposite.patch_drift).all()
    assert not drift([shallow + 1, deep], [shallow, deep]).patches.any()


def test_too_little_finest_detail_is_as_bad_as_too_much() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 32, 32)
    assert not finest_difference(x, x).any()
    less, more = (finest_difference(factor * x, x) for factor in (0.5, 2.0))
    assert less.tolist() == pytest.approx(more.tolist(), rel=1e-3)
    assert (more > 1).all()


def test_errors_count_more_where_there_are_faces_or_text() -> None:
    torch.manual_seed(0)
    x, marked = torch.rand(2, 3, 32, 48), torch.zeros(2, 1, 2, 3, dtype=torch.uint8)
    marked[1, 0, 1, 2] = 1
    wrong = x.clone()
    wrong[:, :, 16:, 32:] += 0.1
    plain, careful = (squared_error(cares(marked, care) * wrong, cares(marked, care) * x) for care in (0.0, 3.0))
    assert (careful / plain).tolist() == pytest.approx([1, 4], rel=1e-4)


def test_blocks_with_a_part_of_a_face_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"faces": [Rectangle(10, 15, 7, 2)], "text": [Rectangle(63, 63, 1, 1)]}
    monkeypatch.setattr("lcomp.training.faces_and_text.look_for", lambda kind, *_: places[kind])
    marked = faces_and_text(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert marked[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_windows_take_all_phases_of_a_stride() -> None:
    random = np.random.default_rng(0)
    windows = [window(128, random) for _ in range(200)]
    assert {part.stop - part.start for both in windows for part in both} == {112}
    assert {rows.start % 16 for rows, _ in windows} == {columns.start % 16 for _, columns in windows} == set(range(16))
    assert max(rows.stop for rows, _ in windows) <= 128


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    # the first one is held out: smaller than what is shown of the others
    for number, (width, height) in enumerate([(140, 200), (300, 280), (300, 280), (300, 280)]):
        noise_image(width, height, number).save(folder / f"{number}.png")
    return folder


@pytest.mark.slow
def test_a_texture_trains_resumes_and_is_exported(sr_info: ModelInfo, pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(sr_info.source.parent.parent, tmp_path / "zoo")
    source, run = tmp_path / "zoo" / "models" / sr_info.source.name, tmp_path / "run"
    arguments = ["train", str(source), "--data", str(pictures), "--run", str(run), "--device", "cpu", "--no-compile"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    info = read_model(source)
    assert info.sha256 != sr_info.sha256
    log = (run / "log.txt").read_text()
    assert "judgement" in log
    assert "right" in log
    assert "finest band" in log
    assert (run / "samples.png").is_file()
    again = GanRun(info, Setting(read_recipe(source), pictures, run, CPU, compiled=False))
    assert again.progress >= 1
    state = torch.load(checkpoint_file(run), weights_only=True)
    for name, tensor in again.discriminator.state_dict().items():
        assert torch.equal(tensor, state["discriminator"][name])
    assert all(figures.energy > 0 for figures in again.textures())
    # not without its opponent
    torch.save({name: part for name, part in state.items() if name != "discriminator"}, checkpoint_file(run))
    with pytest.raises(LcompError, match="not of this model"):
        again.load()
    # another run starts from what was exported, up to fp16
    other = GanRun(
        info, Setting(read_recipe(source), pictures, tmp_path / "other", CPU, compiled=False), installed_texture(source)
    )
    assert other.progress == 0
    for ours, theirs in zip(other.average.parameters(), again.average.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-2, atol=1e-3)
    with pytest.raises(ModelError, match="does not invent"):
        installed_texture(sr_info.source.with_name("tiny.toml"))


def test_statistics_count_colours_more() -> None:
    torch.manual_seed(0)
    unit = torch.full((1, 1, 1, 1), 0.1)
    grey = torch.zeros(1, 3, 64, 64)
    luma = torch.randn(1, 1, 64, 64).expand(-1, 3, -1, -1) * 0.1
    noise = torch.randn(1, 3, 64, 64)
    chroma = (noise - noise.mean(1, keepdim=True)) * 0.1 * 1.5**0.5
    assert chroma.square().mean().item() == pytest.approx(luma.square().mean().item(), rel=0.1)
    assert statistics_distance(chroma, grey, unit) > 1.5 * statistics_distance(luma, grey, unit)


@pytest.fixture
def adversarial(sr_info: ModelInfo) -> Adversarial:
    """How much of the tiny texture is shown."""
    recipe = read_recipe(sr_info.source).adversarial
    assert recipe is not None
    return recipe


def test_the_opponent_counts_less_where_errors_cannot_be_seen(adversarial: Adversarial) -> None:
    assert realism_weight(torch.tensor([0.3, 3.0, 5.5, 8.0]), adversarial).tolist() == pytest.approx([1, 1, 0.5, 0.1])


def test_what_comes_again_in_every_cell_is_no_texture() -> None:
    generator = torch.Generator().manual_seed(0)
    cell, noise = (torch.randn(1, 3, side, side, generator=generator) for side in (8, 96))
    lattice = (cell - cell.mean((2, 3), keepdim=True)).repeat(1, 1, 12, 12)
    ramp = torch.arange(96.0).expand(1, 3, 96, 96)
    assert without_lattice(lattice, 8).abs().max() < 1e-5
    assert torch.allclose(without_lattice(torch.ones(1, 3, 96, 96), 8), torch.ones(1, 3, 96, 96))
    # brightness goes where it went, noise loses a little
    assert F.mse_loss(F.avg_pool2d(without_lattice(ramp + lattice, 8), 8), F.avg_pool2d(ramp, 8)) < 1e-6
    assert 0.9 < without_lattice(noise, 8).square().mean() < 1


def test_the_pattern_of_a_texture_does_not_show_in_a_flat_part_beside_it() -> None:
    cell = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    lattice = (cell - cell.mean((2, 3), keepdim=True)).repeat(1, 1, 12, 12)
    lattice[..., 48:] = 0
    assert torch.equal(without_weave(lattice, 8)[..., 48:], lattice[..., 48:])
    assert without_weave(lattice, 8).abs().max() < 1e-4


@pytest.mark.parametrize(("quality", "side"), [(1.0, 8), (0.0, 2 * STRIDE)])
def test_what_is_invented_does_not_repeat_in_every_cell(photo: Image.Image, quality: float, side: int) -> None:
    data = lcomp.encode(photo, quality, model="gan")
    mse, gan = (np.asarray(lcomp.decode(data, decoder=name), np.float64).mean(2) for name in ("mse", "gan"))
    height, width = (length // side for length in mse.shape)
    cells = (gan - mse)[: side * height, : side * width].reshape(height, side, width, side).transpose(0, 2, 1, 3)
    cells -= cells.mean((2, 3), keepdims=True)
    # the mean of so many unrelated cells has so much less energy
    assert np.square(cells.mean((0, 1))).mean() < 1.5 * np.square(cells).mean() / (height * width)
