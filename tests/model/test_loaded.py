import hashlib
import math

import numpy as np
import pytest
import torch
from conftest import DATA, noise_image, random_model
from PIL import Image

import lcomp
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.distortion import psnr
from lcomp.encoding.rdoq import Rdoq, error_weight
from lcomp.encoding.streams import encode_tiles
from lcomp.entropy.latents import LatentDecoder
from lcomp.entropy.tables import SCALE_MIN, SCALES, STEPS_PER_OCTAVE
from lcomp.errors import ChecksumError, LcompError
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid
from lcomp.model.loaded import LoadedModel
from lcomp.model.tile_codec import read_symbols, side_tables
from lcomp.networks.blocks import quality_weights
from lcomp.networks.exact.hyper_synthesis import LOG_BITS, LOG_SCALE_MIN, EntropyParameters, interpolate
from lcomp.networks.rates import bounded, gaussian_bits
from lcomp.pictures.reading import to_picture
from lcomp.zoo.registry import ModelInfo, model_by_name
from lcomp.zoo.weights import load_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def codec(tiny_info: ModelInfo) -> LoadedModel:
    return LoadedModel(tiny_info, CPU)


@pytest.fixture(scope="module")
def shipped() -> LoadedModel:
    return LoadedModel(model_by_name("hyperprior"), CPU)


def roundtrip(codec: LoadedModel, image: Image.Image, quality: int) -> np.ndarray:
    pixels = to_picture(image).pixels
    grid = Grid(image.width, image.height)
    tiles = encode_tiles(codec, pixels, quality, grid, Coder.CONSTRICTION)
    return decode_tiles(codec, tiles, quality, grid, Coder.CONSTRICTION, grid.picture).pixels


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (70, 1), (16, 16), (17, 15), (63, 65), (64, 128), (130, 3)])
def test_any_size_comes_back_at_its_size(shipped: LoadedModel, size: tuple[int, int]) -> None:
    image = noise_image(*size)
    decoded = roundtrip(shipped, image, 6000)
    assert decoded.shape == (size[1], size[0], 3)
    assert np.abs(decoded.astype(int) - np.asarray(image)).mean() < 12


def test_quality_is_monotone(shipped: LoadedModel, photo: Image.Image) -> None:
    pixels = to_picture(photo).pixels
    grid = Grid(photo.width, photo.height)
    sizes, errors = [], []
    for quality in range(1000, 8001, 500):
        [encoded] = encode_tiles(shipped, pixels, quality, grid, Coder.CONSTRICTION)
        decoded = decode_tiles(shipped, [encoded], quality, grid, Coder.CONSTRICTION, grid.picture).pixels
        sizes.append(len(encoded.stream))
        errors.append(np.square(decoded.astype(float) - pixels).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_decoded_latents_are_the_encoders(codec: LoadedModel, photo: Image.Image) -> None:
    pixels = to_picture(photo).pixels
    for quality in (1000, 3217, 8000):
        [encoded] = encode_tiles(codec, pixels, quality, Grid(photo.width, photo.height), Coder.CONSTRICTION)
        y_hat = codec.tile.decode(encoded, quality, *pixels.shape[:2], Coder.CONSTRICTION).y_hat()
        again = codec.tile.decode(encoded, quality, *pixels.shape[:2], Coder.CONSTRICTION).y_hat()
        assert torch.equal(y_hat, again)
        # latents are within one step of what the analysis asked for, unless their scale says they are never coded
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
        x = torch.nn.functional.pad(x, (0, -x.shape[3] % 16, 0, -x.shape[2] % 16), mode="replicate")
        y = codec.transforms.networks.g_a(x, codec.transforms.quality_weights(quality), codec.transforms.networks.scale)
        error = (y_hat - y).abs()
        assert (error <= 1 + 1e-3).float().mean() > 0.9


def test_a_decoder_out_of_step_is_reported(codec: LoadedModel, photo: Image.Image) -> None:
    pixels = to_picture(photo).pixels
    grid = Grid(photo.width, photo.height)
    [encoded] = encode_tiles(codec, pixels, 4000, grid, Coder.CONSTRICTION)
    wrong = encoded._replace(symbols_crc=encoded.symbols_crc ^ 1)
    with pytest.raises(ChecksumError):
        decode_tiles(codec, [wrong], 4000, grid, Coder.CONSTRICTION, grid.picture)
    # the number of a tile is part of its checksum, so that tiles cannot change places unseen
    with pytest.raises(ChecksumError):
        codec.tile.decode(encoded, 4000, *pixels.shape[:2], Coder.CONSTRICTION, 1)


def test_actual_bytes_match_the_rate_estimate(shipped: LoadedModel, photo: Image.Image) -> None:
    pixels, rdoq = to_picture(photo).pixels, Rdoq(shipped.tile.tables, shipped.device)
    for quality in (2000, 5000, 8000):
        [encoded] = encode_tiles(shipped, pixels, quality, Grid(photo.width, photo.height), Coder.CONSTRICTION)
        rows, columns = -(-pixels.shape[0] // 16), -(-pixels.shape[1] // 16)
        decoder = shipped.tile.coder(Coder.CONSTRICTION).decoder(encoded.stream)
        bits, gaussian = 0.0, 0.0

        def count(symbols: torch.Tensor, tables: torch.Tensor) -> None:
            nonlocal bits, gaussian
            values, coded = symbols.double(), tables > 0
            sigma = SCALE_MIN * 2 ** ((tables % SCALES).double() / STEPS_PER_OCTAVE)
            gaussian += gaussian_bits(values, sigma)[coded].sum().item()
            bits += rdoq.cost(values, tables)[coded].sum().item()

        def code(places: torch.Tensor, parameters: EntropyParameters, decoder: LatentDecoder = decoder) -> torch.Tensor:
            tables = side_tables(parameters.scales)
            symbols = read_symbols(decoder, tables)
            count(symbols, tables)
            return symbols

        hyper = shipped.tile.run_side(rows, columns, quality, code).hyper
        y_scales = hyper.entropy_parameters().scales
        count(read_symbols(decoder, y_scales), y_scales)
        # the coder ends with up to two 32-bit words
        assert bits * 0.999 < 8 * len(encoded.stream) < bits * 1.001 + 64
        # tables that are fitted to what is coded do better than those that training takes for granted
        assert 0.9 * gaussian < bits < gaussian


def test_exact_path_follows_the_float_path(codec: LoadedModel, tiny_info: ModelInfo) -> None:
    model = random_model(tiny_info)
    z = torch.randint(-6, 7, (1, 8, 5, 4), generator=torch.Generator().manual_seed(0)).double()
    for quality in (1000, 2500, 6789, 8000):
        w = quality_weights(torch.tensor([quality / 1000]))
        with torch.no_grad():
            hints = model.hints(z.float(), w)
        mean, sigma = hints.mean, bounded(hints.log_scale / math.log(2)).exp2()
        exact = codec.tile.h_s(64 * z, quality).entropy_parameters()
        deviation = model.scale.deviation(w)
        assert ((exact.mean / 64 - mean).abs() / (deviation + 1)).max() < 0.02
        index = (torch.log2(sigma / SCALE_MIN) * STEPS_PER_OCTAVE).clamp(0, 63)
        assert (exact.scales - index)[sigma > 1.1 * SCALE_MIN].abs().max() < 0.75


def test_exact_parts_of_z_follow_the_float_path(codec: LoadedModel, tiny_info: ModelInfo) -> None:
    model = random_model(tiny_info)
    symbols = torch.randint(-2, 3, (1, 8, 35), generator=torch.Generator().manual_seed(0))
    for quality in (1000, 4321, 8000):
        scales = torch.empty_like(symbols)

        def code(places: torch.Tensor, parameters: EntropyParameters, scales: torch.Tensor = scales) -> torch.Tensor:
            scales[:, :, places] = parameters.scales.long()
            return symbols[:, :, places]

        exact = codec.tile.h_c(5, 7, quality, code)
        assert torch.equal(exact, exact.round())
        z = exact.float() / 64  # its symbols are these
        with torch.no_grad():
            coded = model.code_z(z, quality_weights(torch.tensor([quality / 1000])))
        assert (coded.z_hat - z).abs().max() < 0.02
        # not for want of shifts
        assert (z.flatten(2) - symbols).abs().max() > 0.1
        bits = gaussian_bits(symbols.float(), SCALE_MIN * (scales / STEPS_PER_OCTAVE).exp2()).sum()
        assert coded.bits.item() == pytest.approx(bits.item(), rel=0.01)
        plain = gaussian_bits(symbols.float(), SCALE_MIN * (scales[:, :, :1] / STEPS_PER_OCTAVE).exp2()).sum()
        assert coded.bits.item() != pytest.approx(plain.item(), rel=0.01)


def test_fixed_point_constants() -> None:
    assert round(np.log2(SCALE_MIN) * 2**LOG_BITS) == LOG_SCALE_MIN
    points = np.array([[0, -7], [10, 8], [20, 9]])
    assert interpolate(points, 1500).tolist() == [5, 1]
    assert interpolate(points, 2000).tolist() == [10, 8]
    assert interpolate(points, 1001).tolist() == [0, -7]


def test_integer_powers_of_two(codec: LoadedModel) -> None:
    logarithm = np.arange(-(10 << LOG_BITS), 10 << LOG_BITS, 4099)
    powers = codec.tile.h_s.power_of_two(logarithm, 8)
    assert np.abs(powers - 2.0 ** (logarithm / 2**LOG_BITS + 8)).max() <= 0.5 + 2**18 * 1e-5
    assert (codec.tile.h_s.power_of_two(np.array([30 << LOG_BITS]), 8) == 2**38).all()


def test_weights_are_verified(tiny_info: ModelInfo) -> None:
    from dataclasses import replace

    from lcomp.errors import ModelError

    with pytest.raises(ModelError, match="not the ones"):
        load_weights(replace(tiny_info, sha256="0" * 64), CPU)
    with pytest.raises(ModelError, match="fingerprint"):
        load_weights(replace(tiny_info, fingerprint=1), CPU)
    with pytest.raises(ModelError, match="cannot be read"):
        load_weights(replace(tiny_info, weights="nowhere.safetensors"), CPU)
    junk = tiny_info.weights_path.with_name("junk.safetensors")
    junk.write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="not usable"):
        load_weights(replace(tiny_info, weights=junk.name, sha256=hashlib.sha256(junk.read_bytes()).hexdigest()), CPU)


def test_rounding_saves_bits_where_they_cost_more_than_the_error(
    codec: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(0)
    residual = torch.randn(1, 24, 6, 7, generator=generator, dtype=torch.double) * 3
    scales = torch.randint(0, 64, residual.shape, generator=generator, dtype=torch.uint8)
    gain = torch.ones(1, 24, 1, 1)
    plain = torch.round(residual) * (scales > 0)
    rdoq = Rdoq(codec.tile.tables, codec.device)
    careful = rdoq.optimised(residual, scales, error_weight(gain, 1e3))
    assert torch.equal(careful, plain)
    greedy = rdoq.optimised(residual, scales, error_weight(gain, 0.0))
    assert set((plain - greedy).abs().unique().tolist()) == {0.0, 1.0}
    assert (greedy.abs() <= plain.abs()).all()
    some = rdoq.optimised(residual, scales, error_weight(gain, 1e-4))
    assert 0 < (some != plain).sum() < (greedy != plain).sum()
    # bits that a change must save, by channel
    least = torch.where(torch.arange(24) < 12, 1e3, 0.0)[None, :, None, None]
    half = rdoq.optimised(residual, scales, error_weight(gain, 0.0), least)
    with monkeypatch.context() as patch:  # as on another device
        patch.setattr("lcomp.encoding.rdoq.worth_a_look", lambda symbols: slice(None))
        assert (rdoq.optimised(residual, scales, error_weight(gain, 1e-4)) == some).all()
    assert torch.equal(half, torch.where(least > 0, plain, greedy))


def test_precision_costs_next_to_nothing() -> None:
    # in a smaller picture a few symbols that fall to the other side are more than that, to the better or worse
    with Image.open(DATA / "kodim23.png") as image:
        photo = image.convert("RGB")
    pixels = np.asarray(photo)
    codecs = {name: lcomp.Codec("hyperprior", "cpu", precision=name) for name in ("fp32", "bf16")}
    files = {name: codec.encode(photo, lcomp.EncodeOptions(8.0)) for name, codec in codecs.items()}
    for codec in codecs.values():
        # any precision reads what any other wrote
        first, second = (psnr(np.asarray(codec.decode(data)), pixels) for data in files.values())
        assert abs(first - second) < 0.01
    assert abs(len(files["bf16"]) / len(files["fp32"]) - 1) < 0.002
    shown = [psnr(np.asarray(codec.decode(files["fp32"])), pixels) for codec in codecs.values()]
    assert 0 < abs(shown[0] - shown[1]) < 0.01
    with pytest.raises(LcompError, match="fp32, bf16"):
        lcomp.Codec(precision="fp16")
