"""Tiles come back exactly; damaged streams end in one of the documented errors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from helpers.lossless import lossless_model, random_codec
from lcomp.entropy.latents import MAX_SYMBOL
from lcomp.errors import ChecksumError, FormatError
from lcomp.families.lossless import passes
from lcomp.families.lossless.colours import RANGES, Colours, to_pixels, to_planes
from lcomp.families.lossless.features import Compander, features
from lcomp.families.lossless.loading import load_lossless
from lcomp.families.lossless.mode import CodingMode
from lcomp.families.lossless.passes import run_passes
from lcomp.families.lossless.reader import TileReader
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.surroundings import Surroundings
from lcomp.families.lossless.symbols import pixels_of
from lcomp.families.lossless.tile import LosslessCodec
from lcomp.families.lossless.writer import TileWriter, choices_of
from lcomp.format.container import Encoded
from lcomp.options import MOST_EFFORT, MOST_ERROR

Pixels = NDArray[np.uint8]

SIDES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65)
KINDS = ("noise", "flat", "gradient", "saturated", "checkerboard", "black", "white", "steps")


def drawn(kind: str, height: int, width: int, grey: bool, seed: int = 0) -> Pixels:
    """A picture of a kind, [H, W] or [H, W, 3]."""
    random = np.random.default_rng(seed)
    shape = (height, width) if grey else (height, width, 3)
    rows, columns = np.mgrid[:height, :width]
    flat = {
        "flat": np.full((height, width), seed % 256),
        "gradient": rows * 3 + columns,
        "checkerboard": (rows + columns) % 2 * 255,
        "black": np.zeros((height, width)),
        "white": np.full((height, width), 255),
        "steps": (rows // 5 + columns // 7) * 85,
    }
    if kind == "noise":
        return random.integers(0, 256, shape, np.uint8)
    if kind == "saturated":
        return (random.integers(0, 2, shape) * 255).astype(np.uint8)
    one = (flat[kind] % 256).astype(np.uint8)
    return one if grey else np.stack([one, one[::-1], 255 - one], 2)


def decoded(codec: LosslessCodec, encoded: Encoded, pixels: Pixels, number: int = 0) -> Pixels:
    return codec.decode(encoded, pixels.shape[0], pixels.shape[1], pixels.ndim == 2, number)


def round_trip(pixels: Pixels) -> Encoded:
    codec = random_codec()
    encoded = codec.encode(pixels, 3)
    assert np.array_equal(decoded(codec, encoded, pixels, 3), pixels)
    return encoded


@settings(max_examples=60)
@given(st.sampled_from(KINDS), st.sampled_from(SIDES), st.sampled_from(SIDES), st.booleans(), st.integers(0, 999))
def test_tiles_come_back(kind: str, height: int, width: int, grey: bool, seed: int) -> None:
    round_trip(drawn(kind, height, width, grey, seed))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (300, 1), (8, 8), (8, 70), (181, 182)])
def test_every_kind_comes_back(kind: str, height: int, width: int) -> None:
    for grey in (False, True):
        round_trip(drawn(kind, height, width, grey))


def test_a_tile_of_fitted_coefficients_comes_back(photo: Image.Image) -> None:
    pixels = np.asarray(photo.resize((260, 129)))  # just over FITTED_TILE
    assert pixels.shape[0] * pixels.shape[1] >= 2**15
    round_trip(pixels)
    round_trip(pixels[..., 0])
    round_trip(np.asfortranarray(pixels[::-1]))
    for kind in ("flat", "saturated", "checkerboard"):
        round_trip(drawn(kind, 182, 181, grey=False))


def test_some_residuals_are_escaped() -> None:
    codec, pixels = random_codec(), drawn("saturated", 65, 64, grey=False)
    writer = TileWriter(torch.from_numpy(pixels), CodingMode(Colours.YCOCG, 0), choices_of(1), codec.costs)
    run_passes(writer, 65, 64, codec.model)
    radii = np.array([table.radius for table in codec.coder.tables])
    assert any((np.abs(group.symbols) > np.repeat(radii, group.counts)).any() for group in writer.groups)
    round_trip(pixels)


def test_every_colour_has_planes_within_their_ranges() -> None:
    levels = np.array([0, 1, 2, 3, 63, 64, 127, 128, 129, 191, 192, 253, 254, 255], np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, len(levels), 3)
    for transform in Colours:
        planes = to_planes(torch.from_numpy(colours), transform)
        assert np.array_equal(to_pixels(planes, transform).numpy(), colours)
        for plane, (lowest, highest) in zip(planes, RANGES, strict=True):
            assert lowest <= plane.min() <= plane.max() <= highest


@settings(max_examples=40)
@given(
    st.sampled_from(KINDS),
    st.sampled_from(SIDES),
    st.sampled_from(SIDES),
    st.booleans(),
    st.integers(1, MOST_ERROR),
    st.integers(0, 999),
)
def test_no_sample_is_off_by_more(kind: str, height: int, width: int, grey: bool, max_error: int, seed: int) -> None:
    codec, pixels = random_codec(), drawn(kind, height, width, grey, seed)
    encoded = codec.encode(pixels, 2, max_error)
    found = codec.decode(encoded, height, width, grey, 2, max_error)
    assert np.abs(found.astype(int) - pixels).max() <= max_error


@pytest.mark.parametrize("max_error", [1, 2, 15])
def test_samples_of_fitted_tiles_are_not_off_by_more(max_error: int, photo: Image.Image) -> None:
    codec, pixels = random_codec(), np.asarray(photo.resize((260, 129)))
    sizes = [len(codec.encode(pixels, 0).stream)]
    for grey in (False, True):
        source = pixels[..., 1] if grey else pixels
        encoded = codec.encode(source, 0, max_error)
        found = codec.decode(encoded, 129, 260, grey, 0, max_error).astype(int) - source
        assert np.abs(found).max() == max_error
        sizes.append(len(encoded.stream))
    assert sizes[1] < sizes[0]
    with pytest.raises(FormatError):
        codec.decode(encoded, 129, 260, True, 0, max_error - 1)


def test_every_effort_comes_back_and_more_is_smaller(photo: Image.Image) -> None:
    codec, pixels = load_lossless(lossless_model(), torch.device("cpu")), np.asarray(photo.resize((260, 129)))
    sizes = {}
    for effort in (0, 1, 2, 3, MOST_EFFORT):
        encoded = codec.encode(pixels, 0, effort=effort)
        assert np.array_equal(decoded(codec, encoded, pixels), pixels)
        sizes[effort] = len(encoded.stream)
    assert sizes[MOST_EFFORT] == sizes[3] < sizes[2] == sizes[1] < sizes[0]


def test_impossible_heads_are_format_errors() -> None:
    codec, pixels = random_codec(), drawn("noise", 16, 16, grey=False)
    for number in (-1, len(Colours)):
        writer = TileWriter(torch.from_numpy(pixels), CodingMode(Colours.GREEN, 0), choices_of(1), codec.costs)
        writer.groups.clear()
        writer.put_one(number)
        with pytest.raises(FormatError, match=f"unknown colour transform {number}"):
            codec.decode(Encoded(codec.coder.encode(writer.groups), 0), 16, 16, False, 0)


@settings(max_examples=25)
@given(st.data())
def test_flipped_bits_are_format_errors(data: st.DataObject) -> None:
    codec, pixels = random_codec(), drawn("gradient", 20, 33, data.draw(st.booleans()), 1)
    encoded = codec.encode(pixels, 0)
    stream = bytearray(encoded.stream)
    for place in data.draw(st.lists(st.integers(0, 8 * len(stream) - 1), min_size=1, max_size=4, unique=True)):
        stream[place // 8] ^= 1 << place % 8
    with pytest.raises(FormatError):
        decoded(codec, Encoded(bytes(stream), encoded.symbols_crc), pixels)


@settings(max_examples=12)
@given(st.binary(max_size=400) | st.integers(0, 999).map(lambda seed: np.random.default_rng(seed).bytes(20000)))
def test_any_bytes_are_format_errors(stream: bytes) -> None:
    codec = random_codec()
    for grey in (False, True):
        with pytest.raises(FormatError):
            codec.decode(Encoded(stream, 7), 190, 180, grey, 0)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 50, -1, -2, -5])
def test_cut_streams_are_format_errors(length: int) -> None:
    codec, pixels = random_codec(), drawn("noise", 40, 33, grey=False)
    encoded = codec.encode(pixels, 0)
    with pytest.raises(FormatError):
        decoded(codec, encoded._replace(stream=encoded.stream[:length]), pixels)
    with pytest.raises(FormatError):
        decoded(codec, encoded._replace(stream=encoded.stream + bytes([1] * 9)), pixels)


def test_the_checksum_is_that_of_the_tile() -> None:
    codec, pixels = random_codec(), drawn("gradient", 20, 33, grey=True)
    encoded = codec.encode(pixels, 1)
    with pytest.raises(ChecksumError, match="checksum of the decoded pixels"):
        decoded(codec, encoded, pixels, 2)
    with pytest.raises(ChecksumError):
        decoded(codec, encoded._replace(symbols_crc=encoded.symbols_crc ^ 1), pixels, 1)
    with pytest.raises(FormatError):
        codec.decode(encoded, 33, 20, True, 1)
    with pytest.raises(FormatError):
        codec.decode(encoded, 20, 33, False, 1)


class WildReader(TileReader):
    """Draws wild symbols instead of decoding them."""

    def __init__(self, planes: int, seed: int, mode: CodingMode) -> None:
        self.planes, self.device, self.mode = planes, torch.device("cpu"), mode
        self.random = np.random.default_rng(seed)

    def get(self, tables: torch.Tensor) -> torch.Tensor:
        extremes = np.array([-MAX_SYMBOL, MAX_SYMBOL, MAX_SYMBOL, -1, 0, 255, -512], np.int16)
        assert (tables > 0).all()
        if len(tables) == 1:
            return torch.zeros(1, dtype=torch.int16)  # an impossible offset is an error of its own
        return torch.from_numpy(self.random.choice(extremes, len(tables)))


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mode", [CodingMode(Colours.YCOCG, 0), CodingMode(Colours.GREEN, MOST_ERROR)])
def test_wild_symbols_stay_within_the_ranges(
    planes: int, seed: int, mode: CodingMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(
        around: Surroundings,
        band: int,
        plane: int,
        rows: slice,
        values: torch.Tensor,
        prediction: torch.Tensor,
        compander: Compander,
        scratch: Scratch,
    ) -> torch.Tensor:
        for canvas, limit in ((around.values, 255), (around.residuals, 510 * 16)):
            assert canvas.abs().max() <= limit
        found = features(around, band, plane, rows, values, prediction, compander, scratch)
        assert torch.equal(found, found.to(torch.int8).float())
        assert found.min() >= -127
        seen.append(rows.start == 0)
        return found

    monkeypatch.setattr(passes, "features", watched)
    result = run_passes(WildReader(planes, seed, mode), 190, 180, random_codec().model)
    assert sum(seen) == 5 * 3 * planes
    for plane, (lowest, highest) in zip(result, RANGES, strict=False):
        assert lowest <= plane.min() <= plane.max() <= highest
    assert pixels_of(result, mode.colours).dtype is torch.uint8
