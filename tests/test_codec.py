import hashlib

import numpy as np
import pytest
import torch
from conftest import noise_image, random_model
from PIL import Image

from lcomp.codec import ModelCodec
from lcomp.container import Coder
from lcomp.entropy.tables import SCALE_MIN, STEPS_PER_OCTAVE
from lcomp.errors import ChecksumError
from lcomp.images import to_picture
from lcomp.networks.blocks import quality_weights
from lcomp.networks.hyperprior import gaussian_bits
from lcomp.networks.integer import LOG_BITS, LOG_SCALE_MIN, interpolate
from lcomp.weights import load_weights
from lcomp.zoo import ModelInfo, model_by_name

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def codec(tiny_info: ModelInfo) -> ModelCodec:
    return ModelCodec(tiny_info, CPU)


@pytest.fixture(scope="module")
def shipped() -> ModelCodec:
    return ModelCodec(model_by_name("hyperprior"), CPU)


def roundtrip(codec: ModelCodec, image: Image.Image, quality: int) -> np.ndarray:
    pixels = to_picture(image).pixels
    encoded = codec.encode(pixels, quality, Coder.CONSTRICTION)
    return codec.decode(encoded, quality, *pixels.shape[:2], Coder.CONSTRICTION)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (70, 1), (16, 16), (17, 15), (63, 65), (64, 128), (130, 3)])
def test_any_size_comes_back_at_its_size(shipped: ModelCodec, size: tuple[int, int]) -> None:
    image = noise_image(*size)
    decoded = roundtrip(shipped, image, 6000)
    assert decoded.shape == (size[1], size[0], 3)
    assert np.abs(decoded.astype(int) - np.asarray(image)).mean() < 12


def test_quality_is_monotone(shipped: ModelCodec, photo: Image.Image) -> None:
    pixels = to_picture(photo).pixels
    sizes, errors = [], []
    for quality in range(1000, 8001, 500):
        encoded = shipped.encode(pixels, quality, Coder.CONSTRICTION)
        decoded = shipped.decode(encoded, quality, *pixels.shape[:2], Coder.CONSTRICTION)
        sizes.append(len(encoded.stream))
        errors.append(np.square(decoded.astype(float) - pixels).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_decoded_latents_are_the_encoders(codec: ModelCodec, photo: Image.Image) -> None:
    pixels = to_picture(photo).pixels
    for quality in (1000, 3217, 8000):
        encoded = codec.encode(pixels, quality, Coder.CONSTRICTION)
        y_hat = codec.decode_latents(encoded, quality, *pixels.shape[:2], Coder.CONSTRICTION)
        again = codec.decode_latents(encoded, quality, *pixels.shape[:2], Coder.CONSTRICTION)
        assert torch.equal(y_hat, again)
        # latents are within one step of what the analysis asked for, unless their scale says they are never coded
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
        x = torch.nn.functional.pad(x, (0, -x.shape[3] % 16, 0, -x.shape[2] % 16), mode="replicate")
        y = codec.networks.g_a(x, codec.quality_weights(quality), codec.networks.scale)
        error = (y_hat - y).abs()
        assert (error <= 1 + 1e-3).float().mean() > 0.9


def test_a_decoder_out_of_step_is_reported(codec: ModelCodec, photo: Image.Image) -> None:
    pixels = to_picture(photo).pixels
    encoded = codec.encode(pixels, 4000, Coder.CONSTRICTION)
    with pytest.raises(ChecksumError):
        codec.decode(encoded._replace(symbols_crc=encoded.symbols_crc ^ 1), 4000, *pixels.shape[:2], Coder.CONSTRICTION)


def test_actual_bytes_match_the_rate_estimate(shipped: ModelCodec, photo: Image.Image) -> None:
    pixels = to_picture(photo).pixels
    for quality in (2000, 5000, 8000):
        encoded = shipped.encode(pixels, quality, Coder.CONSTRICTION)
        rows, columns = -(-pixels.shape[0] // 16), -(-pixels.shape[1] // 16)
        decoder = shipped.coder(Coder.CONSTRICTION).decoder(encoded.stream)
        z_scales = shipped.z_scales(quality, rows, columns)
        z = decoder.decode(z_scales)
        parameters = shipped.hyper(z, quality, rows, columns).entropy_parameters()
        y_scales = np.asarray(parameters.scales.flatten())
        y = decoder.decode(y_scales)
        bits = 0.0
        for symbols, scales in ((z, z_scales), (y, y_scales)):
            sigma = SCALE_MIN * 2 ** (torch.from_numpy(scales).double() / STEPS_PER_OCTAVE)
            coded = torch.from_numpy(scales > 0)
            bits += gaussian_bits(torch.from_numpy(symbols).double(), sigma)[coded].sum().item()
        # the coder ends with up to two 32-bit words
        assert bits * 0.99 < 8 * len(encoded.stream) < bits * 1.01 + 64


def test_exact_path_follows_the_float_path(codec: ModelCodec, tiny_info: ModelInfo) -> None:
    model = random_model(tiny_info)
    z = torch.randint(-6, 7, (1, 8, 5, 4), generator=torch.Generator().manual_seed(0)).double()
    for quality in (1000, 2500, 6789, 8000):
        w = quality_weights(torch.tensor([quality / 1000]))
        with torch.no_grad():
            mean, sigma = model.entropy_parameters(z.float(), w)
        exact = codec.h_s(z, quality).entropy_parameters()
        deviation = model.scale.deviation(w)
        assert ((exact.mean / 64 - mean).abs() / (deviation + 1)).max() < 0.02
        index = (torch.log2(sigma / SCALE_MIN) * STEPS_PER_OCTAVE).clamp(0, 63)
        assert (exact.scales - index)[sigma > 1.1 * SCALE_MIN].abs().max() < 0.75


def test_fixed_point_constants() -> None:
    assert round(np.log2(SCALE_MIN) * 2**LOG_BITS) == LOG_SCALE_MIN
    points = np.array([[0, -7], [10, 8], [20, 9]])
    assert interpolate(points, 1500).tolist() == [5, 1]
    assert interpolate(points, 2000).tolist() == [10, 8]
    assert interpolate(points, 1001).tolist() == [0, -7]


def test_integer_powers_of_two(codec: ModelCodec) -> None:
    logarithm = np.arange(-(10 << LOG_BITS), 10 << LOG_BITS, 4099)
    powers = codec.h_s.power_of_two(logarithm, 8)
    assert np.abs(powers - 2.0 ** (logarithm / 2**LOG_BITS + 8)).max() <= 0.5 + 2**18 * 1e-5
    assert (codec.h_s.power_of_two(np.array([30 << LOG_BITS]), 8) == 2**38).all()


def test_weights_are_verified(tiny_info: ModelInfo) -> None:
    from dataclasses import replace

    from lcomp.errors import ModelError

    with pytest.raises(ModelError, match="not the ones"):
        load_weights(replace(tiny_info, sha256="0" * 64), CPU)
    with pytest.raises(ModelError, match="fingerprint"):
        load_weights(replace(tiny_info, fingerprint=1), CPU)
    with pytest.raises(ModelError, match="cannot be read"):
        load_weights(replace(tiny_info, weights="missing.safetensors"), CPU)
    junk = tiny_info.weights_path.with_name("junk.safetensors")
    junk.write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="not usable"):
        load_weights(replace(tiny_info, weights=junk.name, sha256=hashlib.sha256(junk.read_bytes()).hexdigest()), CPU)


def test_rounding_saves_bits_where_they_cost_more_than_the_error(codec: ModelCodec) -> None:
    generator = torch.Generator().manual_seed(0)
    residual = torch.randn(1, 24, 6, 7, generator=generator, dtype=torch.double) * 3
    scales = torch.randint(0, 64, residual.shape, generator=generator, dtype=torch.uint8)
    gain = torch.ones(1, 24, 1, 1)
    plain = torch.round(residual) * (scales > 0)
    careful = codec.rounding(residual, scales, gain, 1e3)
    assert torch.equal(careful, plain)
    greedy = codec.rounding(residual, scales, gain, 0.0)
    assert set((plain - greedy).abs().unique().tolist()) == {0.0, 1.0}
    assert (greedy.abs() <= plain.abs()).all()
    some = codec.rounding(residual, scales, gain, 1e-4)
    assert 0 < (some != plain).sum() < (greedy != plain).sum()
