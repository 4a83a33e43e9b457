"""Files whose end has not arrived."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from helpers.command import lcomp as run
from helpers.lossless import coded_losslessly
from helpers.models import require_coder
from helpers.pictures import noise_image
from lcomp.entropy.latents import LatentCoder, SymbolGroup, coder_tables
from lcomp.entropy.prefix import LatentPrefix
from lcomp.entropy.range_coder import RangeCoder
from lcomp.entropy.tables import SCALES, gaussian_tables
from lcomp.errors import ChecksumError, FormatError, TruncatedError
from lcomp.format import container
from lcomp.format.container import Coder
from lcomp.model.cache import load_model
from lcomp.model.prefix import decode_prefix
from lcomp.zoo.registry import model_by_name

CPU = torch.device("cpu")


def error(one: Image.Image, other: Image.Image) -> float:
    return float(np.square(np.asarray(one, float) - np.asarray(other, float)).mean())


def test_a_prefix_gives_true_symbols_and_nearly_all_that_its_bits_hold() -> None:
    random = np.random.default_rng(1)
    tables = gaussian_tables()
    coder = LatentCoder(tables, RangeCoder(coder_tables(tables)))
    groups = []
    for _ in range(4):
        scales = np.sort(random.integers(0, SCALES - 20, 3000))
        symbols = np.round(random.normal(0, 0.11 * 2 ** (scales / 6)) * (scales > 0)).astype(np.int16)
        symbols[-5:] = (4000, -4000, 5000, -1, 2)  # escapes
        counts = np.bincount(scales, minlength=2 * SCALES).astype(np.int32)
        groups.append(SymbolGroup(symbols, counts))
    stream = coder.encode(groups)
    before = 0
    for length in [*range(0, len(stream), 97), len(stream)]:
        decoder = LatentPrefix(tables, coder.backend.prefix_decoder(stream[:length]))
        certain = 0
        for group in groups:
            symbols, known = decoder.decode(group.counts)
            assert np.array_equal(symbols[known], group.symbols[known])
            assert not symbols[~known].any()
            certain += int(known.sum())
        assert certain >= before
        before = certain
    assert certain >= sum(len(group.symbols) for group in groups) - 10  # the last incomplete word says nothing


def test_left_over_bytes_are_no_prefix() -> None:
    tables = gaussian_tables()
    coder = LatentCoder(tables, RangeCoder(coder_tables(tables)))
    counts = np.zeros(2 * SCALES, np.int32)
    counts[30] = 8
    stream = coder.encode([SymbolGroup(np.arange(8, dtype=np.int16), counts)])
    decoder = LatentPrefix(tables, coder.backend.prefix_decoder(stream + b"lots of other bytes, which are not zero"))
    decoder.decode(counts)
    with pytest.raises(FormatError, match="left over"):
        decoder.finish()


@pytest.mark.parametrize("coder", list(Coder))
def test_more_bytes_are_more_symbols(coder: Coder, photo: Image.Image) -> None:
    require_coder(coder)
    data = lcomp.encode(photo, model="autoregressive", coder=coder.name.lower())
    file = container.read(data)
    tile = file.tiles[0]
    assert tile is not None
    codec = load_model(model_by_name("autoregressive").coding, CPU).tile
    whole = codec.decode(tile, 4000, 136, 200, coder)
    before = -1
    for share in (0, 0.2, 0.5, 0.8, 1):
        part = tile._replace(stream=tile.stream[: int(share * len(tile.stream))], cut=True)
        latents = decode_prefix(codec, part, 4000, 136, 200, coder)
        # the first group's first part sees nothing but z: what is known of it is right
        same = int((latents.y_hat() == whole.y_hat()).sum())
        assert same > before
        before = same


@pytest.mark.parametrize("model", ["visual", "hyperprior"])
def test_a_picture_grows(model: str, photo: Image.Image, caplog: pytest.LogCaptureFixture) -> None:
    data = lcomp.encode(photo, model=model)
    with pytest.raises(TruncatedError):
        lcomp.decode(data[:-1])
    errors = [error(lcomp.decode(data[: len(data) * part // 8], partial=True), photo) for part in range(1, 9)]
    assert errors[7] < errors[5] < errors[3] < errors[0]
    assert "cut off and shown as far as it goes" in caplog.text
    caplog.clear()
    assert error(lcomp.decode(data, partial=True), lcomp.decode(data)) == 0
    assert error(lcomp.decode(data[:-4], partial=True), lcomp.decode(data)) == 0  # only a checksum is missing
    assert not caplog.records
    half = data[: len(data) // 2]
    assert error(lcomp.decode(half, partial=True), lcomp.decode(half, salvage=True)) == 0
    assert lcomp.decode(half, partial=True, scale=1 / 8).size == (25, 17)


@pytest.mark.parametrize("kind", ["lossy", "half", "alpha", "stored", "lossless"])
def test_every_prefix_is_a_picture_or_one_error(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    image = noise_image(40, 24, noise=2)
    if kind == "alpha":
        image.putalpha(noise_image(40, 24, 1).convert("L"))
    codec = lcomp.Codec("hyperprior", device="cpu")
    if kind == "lossless":
        data = coded_losslessly(image).data
    elif kind == "stored":
        data = codec.encode(image.quantize(3).convert("RGB"), lcomp.EncodeOptions(lossless=True))
    else:
        data = codec.encode(image, lcomp.EncodeOptions(quality=0 if kind == "half" else 1))
    caplog.set_level(logging.CRITICAL)
    shown, refused = 0, []
    for length in range(len(data) + 1):
        for options in (lcomp.DecodeOptions(partial=True), lcomp.DecodeOptions(salvage=True)):
            try:
                assert codec.decode(data[:length], options).size == image.size
                shown += 1
            except FormatError:
                refused.append(length)
    assert shown >= 2
    assert max(refused) < len(data)


def test_tiles_that_have_not_arrived_are_filled_in(large: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = (large / "large.lic").read_bytes()
    whole = np.asarray(lcomp.decode(data, scale=1 / 8), int)
    start = len(data) - sum(len(tile.stream) for tile in container.read(data).tiles[1:] if tile)
    part = np.asarray(lcomp.decode(data[: start + 20], partial=True, scale=1 / 8), int)
    assert "2 of 4 tiles missing and filled in" in caplog.text
    assert "one of 4 tiles, at" in caplog.text
    assert np.array_equal(part[:72, :72], whole[:72, :72])
    damaged = bytearray(data)
    damaged[600] ^= 1
    with pytest.raises(ChecksumError):
        lcomp.decode(bytes(damaged), partial=True)


def test_a_pipe_that_stops(folder: Path) -> None:
    data = (folder / "photo.lic").read_bytes()
    failed = run("decode", "-", "-o", "-", data=data[: len(data) // 2])
    assert failed.returncode == 3
    result = run("decode", "-", "-o", "-", "--partial", "--scale", "1/2", data=data[: len(data) // 2])
    assert result.returncode == 0
    assert b"cut off" in result.stderr
    assert Image.open(io.BytesIO(result.stdout)).size == (100, 68)
    wrong = run("decode", folder / "photo.lic", "--scale", "1/3", "-o", "-")
    assert wrong.returncode == 2
