import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import lcomp
from helpers.models import random_model
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.distortion import finest_band, psnr
from lcomp.encoding.streams import encode_tiles
from lcomp.errors import LcompError, ModelError
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.cache import load_decoder, load_model
from lcomp.model.decoders import Decoder, EnhancedDecoder, LightDecoder
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import quality_weights
from lcomp.networks.config import LightConfig, RefinementConfig
from lcomp.networks.enhancer import Enhancer, grain, upscale
from lcomp.networks.light import LightSynthesis
from lcomp.networks.refinement import Evidence
from lcomp.training.start import start_from_draft
from lcomp.types import STRIDE
from lcomp.zoo.registry import ModelInfo, decoder_names
from lcomp.zoo.weights import read_enhancer as load_network
from lcomp.zoo.weights import read_light

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def codec(sr_info: ModelInfo) -> LoadedModel:
    exact = LoadedModel(sr_info.coding, CPU)
    exact.transforms.bf16 = False
    return exact


@pytest.fixture(params=["mse", "sr", "fast"])
def decoder(request: pytest.FixtureRequest, codec: LoadedModel, sr_info: ModelInfo, light_info: ModelInfo) -> Decoder:
    if request.param == "mse":
        return codec.transforms.mse
    if request.param == "fast":
        return LightDecoder(codec.transforms.networks, read_light(light_info, CPU), light_info.architecture)
    return EnhancedDecoder(codec.transforms.networks, load_network(sr_info, CPU), sr_info.architecture, 1.0)


@pytest.mark.parametrize("half", [False, True])
def test_windows_give_what_one_piece_gives(codec: LoadedModel, decoder: Decoder, half: bool) -> None:
    size, quality = (330, 215), 700 if half else 5000
    whole, pixels = Grid(*size), np.asarray(noise_image(*size))
    one_tile = encode_tiles(codec, pixels, quality, whole, Coder.CONSTRICTION)
    at_once = decode_tiles(
        codec, one_tile, quality, whole, Coder.CONSTRICTION, whole.picture, decoder=decoder, half=half
    )
    assert at_once.pixels.shape == (215 << half, 330 << half, 3)
    for area in (Rectangle(83, 101, 9, 40), Rectangle(0, 0, 330, 215), Rectangle(329, 214, 1, 1)):
        part = decode_tiles(
            codec, one_tile, quality, whole, Coder.CONSTRICTION, area, decoder=decoder, half=half
        ).pixels
        seen = area.doubled() if half else area
        picture = whole.picture.doubled() if half else whole.picture
        assert np.abs(at_once.pixels[seen.within(picture)].astype(int) - part).max() <= 1


@pytest.mark.parametrize("half", [False, True])
def test_the_margin_is_the_receptive_field(codec: LoadedModel, decoder: Decoder, half: bool) -> None:
    # a gradient reaches exactly as far as the receptive field, however small its influence
    see = decoder.halo // STRIDE
    size = 4 * see + 1
    known = torch.randn(1, decoder.channels, size, size, requires_grad=True)
    w = quality_weights(torch.tensor([0.4]))
    out = decoder.synthesize(known, Rectangle(0, 0, 16 * size, 16 * size), w, half)
    step = STRIDE << half
    seen = out[..., 2 * see * step : (2 * see + 1) * step, 2 * see * step : (2 * see + 1) * step]
    (seen * torch.randn_like(seen)).sum().backward()  # a plain sum is blind to what has no mean
    assert known.grad is not None
    rows = torch.nonzero(known.grad.abs().amax((0, 1, 3)))
    assert 2 * see - see <= int(rows.min()) <= 2 * see - see + 1
    assert 2 * see + see >= int(rows.max()) >= 2 * see + see - 1


@pytest.mark.parametrize("half", [False, True])
def test_an_untrained_enhancer_adds_nothing(tiny_info: ModelInfo, half: bool) -> None:
    backbone = random_model(tiny_info)
    config = RefinementConfig(hints=4, channels=16, blocks=2, channels_fine=8, blocks_fine=1)
    network = Enhancer(tiny_info.architecture, config)
    y_hat, symbols = torch.randn(2, 24, 3, 4) * 5, torch.randn(2, 24, 3, 4)
    evidence, w = Evidence(y_hat, symbols, symbols.abs()), quality_weights(torch.tensor([0.5, 6.2]))
    with torch.no_grad():
        enhanced = network(backbone.g_s, evidence, torch.empty(2, 0, 6, 8), w, backbone.scale, half)
        expected = backbone.g_s(evidence, w, backbone.scale).x_hat
    assert torch.equal(enhanced.x_hat, upscale(expected) if half else expected)
    assert not enhanced.added.any()


def test_grain_belongs_to_its_place() -> None:
    whole = grain(3, 0, 0, 40, 50, CPU)
    assert torch.equal(whole[..., 7:20, 11:30], grain(3, 7, 11, 13, 19, CPU))
    assert abs(whole.mean()) < 0.05
    assert abs(whole.var() - 1) < 0.05
    left, right = whole[..., :-1].flatten(), whole[..., 1:].flatten()
    assert abs(torch.corrcoef(torch.stack([left, right]))[0, 1]) < 0.05


def test_a_decoder_of_other_weights_is_refused(sr_info: ModelInfo, light_info: ModelInfo) -> None:
    for read, info in ((load_network, sr_info), (read_light, light_info)):
        with pytest.raises(ModelError, match="made for other weights"):
            read(dataclasses.replace(info, fingerprint=info.fingerprint ^ 1), CPU)


def test_a_light_synthesis_of_full_size_starts_as_the_draft(tiny_info: ModelInfo) -> None:
    backbone, sizes = random_model(tiny_info), tiny_info.architecture
    y_hat, w = torch.randn(2, 24, 3, 4) * 5, quality_weights(torch.tensor([0.5, 6.2]))
    draft = backbone.g_s.draft(y_hat, w, backbone.scale).x_hat.detach()
    errors = []
    for hidden in (sizes.channels, sizes.channels // 2):
        light = LightSynthesis(sizes, LightConfig(hidden, sizes.blocks_synthesis, hidden))
        start_from_draft(light, backbone.g_s.draft)
        x_hat = light(Evidence(y_hat, y_hat, y_hat.abs()), w, backbone.scale).detach()
        errors.append(float((x_hat - draft).abs().max()))
    assert errors[0] < 1e-4 < errors[1]


def test_every_file_of_a_backbone_has_its_light_decoder(photo: Image.Image) -> None:
    pixels = np.asarray(photo)
    for model in ("visual", "autoregressive"):
        data = lcomp.encode(photo, 3, model)
        best, fast = (np.asarray(lcomp.decode(data, decoder=name)) for name in ("mse", "fast"))
        assert psnr(best, pixels) - 1.5 < psnr(fast, pixels) < psnr(best, pixels)


@pytest.mark.slow
@pytest.mark.xfail(reason="what sr gained is part of mse now; its new network is not trained yet", strict=True)
def test_sr_is_nearer_to_the_original(photo: Image.Image) -> None:
    pixels = np.asarray(photo)
    for model in ("hyperprior", "autoregressive"):
        for quality in (1, 4, 8):
            data = lcomp.encode(photo, quality, model)
            plain, enhanced = (np.asarray(lcomp.decode(data, decoder=name)) for name in ("mse", "sr"))
            assert psnr(enhanced, pixels) > psnr(plain, pixels) + (0.1 if quality < 8 else 0.03)


@pytest.mark.slow
def test_sr_is_not_farther_from_the_original(photo: Image.Image) -> None:
    pixels = np.asarray(photo)
    for model in ("hyperprior", "autoregressive"):
        for quality in (0.3, 1, 4, 8):
            data = lcomp.encode(photo, quality, model)
            plain, enhanced = (np.asarray(lcomp.decode(data, decoder=name)) for name in ("mse", "sr"))
            assert not np.array_equal(plain, enhanced)
            assert psnr(enhanced, pixels) > psnr(plain, pixels) - 0.03


def test_a_file_names_its_decoder_and_pays_nothing_for_it(photo: Image.Image) -> None:
    plain, named = lcomp.encode(photo, 3, "autoregressive"), lcomp.encode(photo, 3, "sr")
    assert len(plain) == len(named)
    assert sum(a != b for a, b in zip(plain, named, strict=True)) <= 5  # model number and CRC-32 of the header
    assert np.array_equal(np.asarray(lcomp.decode(named)), np.asarray(lcomp.decode(plain, decoder="sr")))
    assert np.array_equal(np.asarray(lcomp.decode(plain)), np.asarray(lcomp.decode(named, decoder="mse")))


def finest(pixels: np.ndarray) -> float:
    return float(finest_band(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()).square().mean())


@pytest.mark.slow
@pytest.mark.parametrize("quality", [0.4, 1, 3])
def test_realism_goes_from_the_mse_picture_to_original_detail(photo: Image.Image, quality: float) -> None:
    data = lcomp.encode(photo, quality)
    realisms = (0.0, 0.3, 0.7, 1.0)
    pictures = [np.asarray(lcomp.decode(data, decoder="gan", realism=realism)) for realism in realisms]
    assert np.array_equal(pictures[0], np.asarray(lcomp.decode(data, decoder="mse")))
    assert np.array_equal(pictures[-1], np.asarray(lcomp.decode(data, decoder="gan")))
    original = np.asarray(photo)
    energies = [finest(pixels) / finest(original) for pixels in pictures]
    assert energies == sorted(energies)
    assert energies[-1] > energies[0] + 0.1
    assert psnr(pictures[-1], original) > psnr(pictures[0], original) - 1.5


def test_realism_only_where_it_has_a_meaning(photo: Image.Image, tmp_path: Path) -> None:
    data = lcomp.encode(photo, 3)
    wrong = (("gan", 1.1), ("gan", -0.1), ("gan", float("nan")), ("mse", 0.5), ("sr", 0.5), (None, 0.5))
    for decoder, realism in wrong:
        with pytest.raises(LcompError, match="realism"):
            lcomp.decode(data, decoder=decoder, realism=realism)
    (tmp_path / "a.lic").write_bytes(data)
    arguments = ["decode", str(tmp_path / "a.lic"), "--decoder", "gan", "--realism"]
    assert CliRunner().invoke(app, [*arguments, "2"]).exit_code == 2
    assert CliRunner().invoke(app, [*arguments, "0.5"]).exit_code == 0
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), np.asarray(lcomp.decode(data, decoder="gan", realism=0.5)))


def test_a_file_for_an_inventive_decoder_says_so(photo: Image.Image, tmp_path: Path) -> None:
    for model, inventive in (("gan", True), ("sr", False)):
        (tmp_path / "a.lic").write_bytes(lcomp.encode(photo, 2, model))
        shown = CliRunner().invoke(app, ["info", "-v", str(tmp_path / "a.lic")]).output
        assert ("no evidence of what was there" in shown) == inventive


def test_decoders_by_name() -> None:
    assert decoder_names() == ["mse", "sr", "gan", "fast"]
    model = lcomp.Codec("hyperprior").model
    codec = load_model(model, CPU)
    assert load_decoder("mse", model, codec) is codec.transforms.mse
    for name in ("hyperprior", "nothing"):
        with pytest.raises(ModelError):
            load_decoder(name, model, codec)
    result = CliRunner().invoke(app, ["decode", "a.lic", "--decoder", "nothing"])
    assert result.exit_code == 2
    assert "mse or sr or gan or fast" in result.output.replace("\n", " ")
