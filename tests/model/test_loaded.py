import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from helpers.paths import DATA
from helpers.pictures import noise_image
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.distortion import psnr
from lcomp.encoding.rdoq import Rdoq
from lcomp.encoding.streams import encode_tiles
from lcomp.entropy.latents import LatentDecoder
from lcomp.entropy.tables import SCALE_MIN, SCALES, STEPS_PER_OCTAVE
from lcomp.errors import ChecksumError, LcompError
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid
from lcomp.model.loaded import LoadedModel
from lcomp.model.tile_codec import read_symbols, side_tables
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.networks.rates import gaussian_bits
from lcomp.pictures.reading import to_picture
from lcomp.zoo.registry import ModelInfo, model_by_name

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


@pytest.mark.slow
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


@pytest.mark.slow
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
