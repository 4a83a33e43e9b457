"""The encoder's search: it finds better files, the same ones every time, and leaves the decoder alone."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import lcomp
from helpers.paths import DATA
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.distortion import psnr
from lcomp.encoding.objective import OBJECTIVES
from lcomp.encoding.reconstruction import Reconstruction
from lcomp.encoding.streams import encode_tiles
from lcomp.encoding.symbol_search import LEVELS, Moves, SearchState, SymbolSearch
from lcomp.errors import LcompError
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.cache import load_model
from lcomp.model.decoders import Decoder, EnhancedDecoder
from lcomp.model.loaded import LoadedModel
from lcomp.model.tile_codec import Choice, Latents
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.options import DEFAULT_EFFORT
from lcomp.types import Pixels
from lcomp.zoo.registry import ModelInfo, model_by_name
from lcomp.zoo.weights import read_enhancer

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def codec(tiny_info: ModelInfo) -> LoadedModel:
    codec = LoadedModel(tiny_info, CPU)
    codec.transforms.bf16 = False
    return codec


@pytest.fixture(scope="module")
def context_codec(context_info: ModelInfo) -> LoadedModel:
    return LoadedModel(context_info, CPU)


def worth(quality: int) -> float:
    """Bits per pixel that a squared error of one grey level is worth."""
    return OBJECTIVES["mse"].lmbda(torch.tensor(quality / 1000)).item()


def cost(codec: LoadedModel, pixels: Pixels, quality: int, effort: int) -> float:
    """Bits per pixel plus lmbda times the squared error of a picture, from its stream."""
    grid = Grid(*pixels.shape[1::-1])
    [encoded] = tiles = encode_tiles(codec, pixels, quality, grid, Coder.CONSTRICTION, effort)
    decoded = decode_tiles(codec, tiles, quality, grid, Coder.CONSTRICTION, grid.picture).pixels
    error = 255**2 / 10 ** (psnr(decoded, pixels) / 10)
    return 8 * len(encoded.stream) / (grid.width * grid.height) + worth(quality) * error


@pytest.mark.slow
@pytest.mark.parametrize("model", ["hyperprior", "autoregressive"])
def test_more_effort_makes_better_files(model: str) -> None:
    # of a smaller picture some processors round latents that matter
    with Image.open(DATA / "kodim05.png") as image:
        pixels = np.asarray(image.convert("RGB").crop((0, 0, 400, 256)))
    codec = LoadedModel(model_by_name(model), CPU)
    for quality in (2000, 6000):
        nearest, optimised, searched = (cost(codec, pixels, quality, effort) for effort in (0, 1, 5))
        assert optimised < 0.995 * nearest
        assert searched < 0.992 * optimised


def served(codec: LoadedModel, sr_info: ModelInfo, name: str) -> Decoder:
    if name == "mse":
        return codec.transforms.mse
    return EnhancedDecoder(codec.transforms.networks, read_enhancer(sr_info, CPU), sr_info.architecture, 1.0)


@pytest.mark.parametrize("name", ["mse", "sr"])
def test_the_slope_is_that_of_the_squared_error(name: str, codec: LoadedModel, sr_info: ModelInfo) -> None:
    quality, area = 4000, Rectangle(0, 0, 70, 50)
    x = codec.transforms.signal(np.asarray(noise_image(70, 50)), area)
    y = codec.transforms.latents(x, quality).clone()
    scene = Reconstruction(codec.transforms, served(codec, sr_info, name), OBJECTIVES["mse"], x, area, quality)
    mean = torch.round(16 * torch.randn(y.shape, generator=torch.Generator().manual_seed(3))).double()
    parameters = EntropyParameters(mean, torch.full_like(y, 20, dtype=torch.uint8))
    symbols = y - mean.float() / 64
    distortion, slope = scene.distortion(Latents(symbols, parameters)).item(), scene.slope(Latents(symbols, parameters))

    def off(step: torch.Tensor) -> float:
        return float(scene.distortion(Latents(symbols + step, parameters)))

    error = ((scene.synthesize(Latents(symbols, parameters)) - x) * 127.5).square().mean()
    assert distortion == pytest.approx(worth(quality) * float(error) * 70 * 50, rel=1e-4)
    step = 0.05 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    assert (off(step) - off(-step)) / 2 == pytest.approx(float((slope * step).sum()), rel=0.02)


@pytest.mark.slow
def test_a_search_works_for_the_decoder_of_the_file(
    codec: LoadedModel, sr_info: ModelInfo, monkeypatch: pytest.MonkeyPatch, photo: Image.Image
) -> None:
    grid, pixels = Grid(150, 90, tile=64), np.asarray(noise_image(150, 90))
    for_mse = encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION, 6)
    other = served(codec, sr_info, "sr")
    assert isinstance(other, EnhancedDecoder)
    other.strength = 30.0  # what the untrained network adds is small
    assert encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION, 6, decoder=other) != for_mse
    asked: list[Decoder | None] = []

    def spy(*arguments: object) -> object:
        asked.append(arguments[-1])  # type: ignore[arg-type]
        return encode_tiles(*arguments[:5])  # type: ignore[arg-type]

    monkeypatch.setattr("lcomp.encoding.picture.encode_tiles", spy)
    for model, effort in (("sr", 2), ("sr", 1), ("gan", 2), ("hyperprior", 2)):
        lcomp.encode(photo, 4, model, effort=effort)
    assert [type(decoder).__name__ for decoder in asked] == ["EnhancedDecoder", "NoneType", "NoneType", "MseDecoder"]


def test_the_same_file_every_time_and_tile_by_tile(codec: LoadedModel) -> None:
    grid = Grid(150, 90, tile=64)
    pixels = np.asarray(noise_image(150, 90))
    seen = []
    first = encode_tiles(
        codec, pixels, 5000, grid, Coder.CONSTRICTION, 3, lambda done, total: seen.append((done, total))
    )
    assert first == encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION, 3)
    assert first != encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION, 1)
    assert seen == sorted(seen)
    assert seen[-1] == (150 * 90, 150 * 90)
    assert decode_tiles(codec, first, 5000, grid, Coder.CONSTRICTION, grid.picture).pixels.shape == pixels.shape


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients(mode: type[torch.no_grad], tiny_info: ModelInfo) -> None:
    grid, pixels = Grid(64, 64), np.asarray(noise_image(64, 64))
    with mode():
        codec = load_model.__wrapped__(tiny_info, CPU)
        found = encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION, 3)
    assert found == encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION, 3)


def test_the_middle_speaks_for_a_picture_where_it_is_sure(codec: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    place, quality = Rectangle(64, 32, 300, 270), 5000
    x = codec.transforms.signal(np.asarray(noise_image(300, 270)), Rectangle(0, 0, 300, 270))
    scene = Reconstruction(codec.transforms, codec.transforms.mse, OBJECTIVES["mse"], x, place, quality)
    assert scene.middle() == Rectangle(64 + 64, 32 + 64, 128, 128)
    assert scene.part(Rectangle(80, 48, 128, 128)).middle() is None
    effort, y = SymbolSearch(codec, 2), codec.transforms.latents(x, quality)
    whole = Rectangle(0, 0, y.shape[3], y.shape[2]).within(Rectangle(0, 0, y.shape[3], y.shape[2]))
    good = effort.surrounded(y, whole, effort.first(y, quality))
    middle = good.symbols.clone()
    middle[..., 4:12, 4:12] += 3  # far off there
    edge = good.symbols.clone()
    edge[..., 14:, :] += 3
    bad, worse = good._replace(symbols=middle), good._replace(symbols=edge)
    looked: list[Rectangle] = []
    distortion = Reconstruction.distortion

    def spy(self: Reconstruction, latents: Latents) -> torch.Tensor:
        looked.append(self.place)
        return distortion(self, latents)

    monkeypatch.setattr(Reconstruction, "distortion", spy)
    assert effort.pays(scene, bad, good)
    assert [area.width for area in looked] == [128, 128]
    assert not effort.pays(scene, good, bad)
    assert effort.pays(scene, worse, good)  # only the whole shows it
    assert not effort.pays(scene, good, worse)
    assert [area.width for area in looked[2:]] == [128, 128, 300, 300] * 3


def test_nothing_found_leaves_the_first_choice(codec: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.asarray(noise_image(64, 64))
    grid = Grid(64, 64)
    first = encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION, 1)
    moved = SymbolSearch.moved

    def worse(
        self: SymbolSearch, choice: Choice, moves: Moves, slope: torch.Tensor, weight: torch.Tensor, q: int
    ) -> Choice:
        return moved(self, choice, moves, -10 * slope, weight, q)

    monkeypatch.setattr(SymbolSearch, "moved", worse)
    assert encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION, 4) == first


def test_moves_are_single_steps_of_coded_symbols(codec: LoadedModel) -> None:
    effort = SymbolSearch(codec, 5)
    y = codec.transforms.latents(
        codec.transforms.signal(np.asarray(noise_image(96, 96)), Rectangle(0, 0, 96, 96)), 5000
    )
    choice, weight = effort.first(y, 5000), torch.ones(1, y.shape[1], 1, 1)
    tried = [effort.moves(y, choice, weight, share, torch.Generator().manual_seed(0)) for share in (0.2, 1.0)]
    symbols, scales = choice.symbols, choice.parameters.scales
    for moves in tried:
        assert set(moves.step.unique().tolist()) <= {-1.0, 0.0, 1.0}
        assert not moves.step[scales == 0].any()
        added = effort.rdoq.cost(symbols + moves.step, scales) - effort.rdoq.cost(symbols, scales)
        assert torch.allclose(moves.bits[moves.step != 0], added[moves.step != 0], atol=1e-3)
    few, many = (moves.step.count_nonzero() for moves in tried)
    assert 0 < few < many / 3
    # a slope that promises nothing leaves only what saves bits
    kept = effort.moved(SearchState(choice, y), tried[1], torch.zeros_like(y), weight, 5000)
    assert effort.rdoq.cost(kept.choice.symbols, scales).sum() < effort.rdoq.cost(symbols, scales).sum()


def test_what_is_moved_stays_and_the_rest_keeps_to_the_latents(context_codec: LoadedModel) -> None:
    effort = SymbolSearch(context_codec, 5)
    y = context_codec.transforms.latents(
        context_codec.transforms.signal(np.asarray(noise_image(96, 96)), Rectangle(0, 0, 96, 96)), 5000
    )
    first, weight = effort.first(y, 5000), torch.full((1, y.shape[1], 1, 1), 1e9)  # plain rounding
    moves = effort.moves(y, first, torch.ones_like(weight), 0.3, torch.Generator().manual_seed(0))
    every = moves._replace(bits=torch.full_like(moves.bits, -1e9))
    found = effort.moved(SearchState(first, y), every, torch.zeros_like(y), weight, 5000)
    step = moves.step != 0
    assert step.any()
    assert torch.equal(found.target[~step], y[~step])
    assert torch.allclose(found.target[step], (first.y_hat() + moves.step)[step], atol=1e-4)
    for _ in range(5):  # rounds without moves
        found = effort.moved(found, every._replace(step=torch.zeros_like(y)), torch.zeros_like(y), weight, 5000)
    coded = found.choice.parameters.scales > 0
    assert (found.choice.parameters.mean != first.parameters.mean).any()
    assert ((found.choice.y_hat() - found.target)[coded].abs() <= 0.6).all()


def test_a_picture_that_leads_the_hyperprior_astray(tiny_info: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    codec, area = LoadedModel(tiny_info, CPU), Rectangle(0, 0, 512, 192)
    y = codec.transforms.latents(codec.transforms.signal(np.asarray(noise_image(512, 192)), area), 5000)

    def mad(module: torch.nn.Module, inputs: tuple[torch.Tensor], z: torch.Tensor) -> torch.Tensor:
        return torch.cat([1e3 * z[..., :2], z[..., 2:]], -1)

    def first() -> Choice:
        return SymbolSearch(codec, 1).first(y, 5000)

    def error(choice: Choice) -> float:
        return float((y - choice.y_hat()).abs().max())

    sane = first()
    codec.transforms.networks.h_a.leave.register_forward_hook(mad)
    repaired = first()
    monkeypatch.setattr("lcomp.encoding.symbol_search.MAX_LATENT_ERROR", float("inf"))
    assert error(first()) > 20
    assert error(sane) < 1.5
    assert error(repaired) < 1.5
    # z is given up where it is of no use only; its symbols are relative to what the positions before predict
    before, after = (choice.side.symbols.numpy().reshape(-1, 3, 8) for choice in (sane, repaired))
    assert np.abs(after[..., :2]).max() <= 3
    assert np.abs(after[..., 4:] - before[..., 4:]).max() <= 1
    assert before[..., 4:].any()


def test_a_pattern_that_no_photograph_has_is_within_reach() -> None:
    board = np.indices((64, 128)).sum(0) % 2 * 255
    picture = np.repeat(board[..., None], 3, 2).astype(np.uint8)
    decoded = lcomp.decode(lcomp.encode(Image.fromarray(picture), quality=8, model="hyperprior"))
    # an even grey has 6 dB
    assert psnr(np.asarray(decoded.convert("RGB")), picture) > 12


def test_effort_and_size_together(photo: Image.Image) -> None:
    easy = lcomp.encode(photo, size=2500, model="hyperprior", effort=0)
    hard = lcomp.encode(photo, size=2500, model="hyperprior", effort=2)
    assert max(len(easy), len(hard)) <= 2500
    pixels = np.asarray(photo.convert("RGB"))
    assert psnr(np.asarray(lcomp.decode(hard)), pixels) > psnr(np.asarray(lcomp.decode(easy)), pixels)


def test_levels_and_their_limits(photo: Image.Image, tmp_path: Path) -> None:
    assert [level.rounds for level in LEVELS] == sorted(level.rounds for level in LEVELS)
    with pytest.raises(LcompError, match="use 0 to 9"):
        lcomp.encode(photo, effort=10)
    photo.save(tmp_path / "a.png")
    result = CliRunner().invoke(app, ["encode", str(tmp_path / "a.png"), "--effort", "10"])
    assert result.exit_code == 2
    # the command's default is the library's
    assert CliRunner().invoke(app, ["encode", str(tmp_path / "a.png")]).exit_code == 0
    with Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())) as image:
        assert (tmp_path / "a.lic").read_bytes() == lcomp.encode(image, effort=DEFAULT_EFFORT)
