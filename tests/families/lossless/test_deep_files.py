"""Lossless files of 16 bits per sample: round trips, crops, damage, and the commands."""

import io
import json
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import lcomp
from helpers.command import lcomp as run
from helpers.command import one_line
from helpers.deep import CHANNELS, deep_samples, deep_tiff
from helpers.lossless import coded_losslessly
from helpers.profiles import SRGB
from lcomp.errors import ChecksumError, FormatError, LcompError, UnsupportedError
from lcomp.format import container
from lcomp.format.container import LicFile
from lcomp.options import DecodeOptions, EncodeOptions
from lcomp.pictures.planes import high_bytes, low_bytes, write_low
from lcomp.pictures.reading import open_image

LOSSLESS = EncodeOptions(lossless=True)
KINDS = ("waves", "noise", "widened")
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def encoded(samples: NDArray[np.uint16]) -> LicFile:
    return lcomp.Codec(device="cpu").encode_file(samples, LOSSLESS)


def decoded(data: bytes, **options: object) -> NDArray[np.uint8] | NDArray[np.uint16]:
    return lcomp.Codec(device="cpu").decode_array(data, DecodeOptions(**options))  # type: ignore[arg-type]


def same(one: NDArray[np.uint16], other: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())


@settings(max_examples=30)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from(CHANNELS), st.sampled_from(KINDS))
def test_every_sample_comes_back(width: int, height: int, channels: int, kind: str) -> None:
    samples = deep_samples(width, height, channels)
    if kind == "noise":
        samples = np.random.default_rng(0).integers(0, 65536, samples.shape, np.uint16)
    elif kind == "widened":
        samples = (samples >> 8) * np.uint16(257)
    file = encoded(samples)
    assert same(samples, decoded(file.data))
    assert file.deep
    assert kind != "widened" or file.low == b"\0"


@pytest.mark.parametrize("channels", CHANNELS)
def test_pictures_of_several_tiles_and_crops_of_them_come_back(channels: int) -> None:
    samples = deep_samples(1100, 9, channels)
    for data in (encoded(samples).data, encoded(np.random.default_rng(0).permutation(samples)).data):
        whole = decoded(data)
        assert np.array_equal(np.sort(whole, 0), np.sort(samples, 0))
        for crop in ((0, 0, 1, 1), (560, 2, 90, 7), (1099, 8, 1, 1)):
            left, top, width, height = crop
            assert np.array_equal(decoded(data, crop=crop), whole[top : top + height, left : left + width])
    with pytest.raises(LcompError, match="not within the picture"):
        decoded(data, crop=(1000, 0, 101, 1))


def test_sides_beyond_webp_are_stored_as_png() -> None:
    samples = deep_samples(16400, 2, 4)
    file = encoded(samples)
    assert (file.low or b"")[1:5] == b"\x89PNG"
    assert same(samples, decoded(file.data))


@pytest.mark.parametrize("channels", CHANNELS)
def test_a_picture_that_is_widened_costs_next_to_nothing_more(channels: int) -> None:
    narrow = (deep_samples(60, 40, channels) >> 8).astype(np.uint8)
    wide = encoded(narrow.astype(np.uint16) * 257)
    plain = lcomp.encode(Image.fromarray(narrow), lossless=True)
    assert len(wide) - len(plain) <= 14
    high = replace(wide, low=None, low_alpha=None)
    assert high.data == plain


def test_grey_ones_are_pillow_images_and_the_others_say_why_not() -> None:
    for channels in CHANNELS:
        samples = deep_samples(30, 20, channels)
        data = lcomp.encode(samples, lossless=True)
        if channels == 1:
            image = lcomp.decode(data)
            assert image.mode == "I;16"
            assert np.array_equal(np.asarray(image), samples)
            assert lcomp.encode(image, lossless=True) == data
            continue
        with pytest.raises(UnsupportedError, match=r"use Codec\.decode_array") as caught:
            lcomp.decode(data)
        assert len(str(caught.value).splitlines()) == 1


def test_arrays_of_8_bits_are_what_pillow_has() -> None:
    for mode in ("L", "LA", "RGB", "RGBA"):
        image = Image.linear_gradient("L").resize((9, 7)).convert(mode)
        if mode.endswith("A"):
            image.putalpha(77)
        array = decoded(lcomp.encode(image, lossless=True))
        assert array.dtype == np.uint8
        assert np.array_equal(array, np.asarray(image))


def test_arrays_are_for_lossless_files_only() -> None:
    with pytest.raises(UnsupportedError, match="lossless=True only"):
        lcomp.encode(deep_samples(30, 20, 3))
    assert same(deep_samples(3, 2, 3), decoded(lcomp.encode(deep_samples(3, 2, 3), model="lossless")))


def test_lossy_files_get_8_bits_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    png = imagecodecs.png_encode(deep_samples(40, 30, 3))
    file = lcomp.Codec("hyperprior", "cpu").encode_file(open_image(png))
    assert not file.deep
    assert "more than 8 bits per channel reduced to 8" in caplog.text


def test_metadata_is_kept_with_it_or_stripped() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    buffer = io.BytesIO()
    Image.fromarray(deep_samples(30, 20, 1)).save(buffer, "PNG", exif=exif)
    for channels in (1, 3):
        image = open_image(buffer.getvalue() if channels == 1 else imagecodecs.png_encode(deep_samples(30, 20, 3)))
        if channels == 3:
            image.info |= {"icc_profile": SRGB, "exif": exif.tobytes(), "xmp": b"<x/>"}
        for strip in (False, True):
            data = lcomp.encode(image, lossless=True, strip=strip)
            info = lcomp.Codec(device="cpu").decode_picture(data).image.info
            kept = {"exif"} if channels == 1 else {"icc_profile", "exif", "xmp"}
            assert set(info) == (kept & {"icc_profile"} if strip else kept)
    assert set(lcomp.decode(lcomp.encode(open_image(buffer.getvalue()), lossless=True)).info) == {"exif"}


def test_what_cannot_be_exact_is_refused() -> None:
    samples = deep_samples(6, 4, 3)
    for data in (
        deep_tiff(deep_samples(6, 4, 1), more={339: (3, [2])}),  # signed
        deep_tiff(deep_samples(6, 4, 4), more={338: (3, [1])}),  # premultiplied
        deep_tiff(samples, separate=True, compressed=True),
        b"P6\n6 4\n1023\n" + (samples >> 6).astype(">u2").tobytes(),
    ):
        with pytest.raises(UnsupportedError, match="only grey and RGB pictures of 8 or 16 bits can be kept losslessly"):
            lcomp.encode(open_image(data), lossless=True)


def damaged(file: LicFile, payload: bytes) -> bytes:
    """A file with a wrong byte in a section."""
    place = file.data.index(payload) + len(payload) // 2
    return file.data[:place] + bytes([file.data[place] ^ 1]) + file.data[place + 1 :]


def test_lost_low_bytes_are_filled_in_and_named(caplog: pytest.LogCaptureFixture) -> None:
    samples = deep_samples(40, 30, 4)
    file = encoded(samples)
    assert file.low is not None
    assert file.low_alpha is not None
    repeated = (samples >> 8) * np.uint16(257)
    no_colours, no_alpha = samples.copy(), samples.copy()
    no_colours[..., :3], no_alpha[..., 3] = repeated[..., :3], repeated[..., 3]
    cut = {"low": replace(file, low=file.low[:-9]), "low_alpha": replace(file, low_alpha=file.low_alpha[:-9])}
    for data, expected, name in (
        (damaged(file, file.low), no_colours, "LOW"),
        (damaged(file, file.low_alpha), no_alpha, "LOW_ALPHA"),
        (cut["low"].data, no_colours, "LOW"),
        (cut["low_alpha"].data, no_alpha, "LOW_ALPHA"),
    ):
        with pytest.raises(FormatError):
            decoded(data)
        caplog.clear()
        assert same(expected, decoded(data, salvage=True))
        assert f"damaged and left out: {name}" in [record.getMessage() for record in caplog.records]


def test_lost_alpha_takes_its_low_bytes_with_it() -> None:
    samples = deep_samples(40, 30, 4)
    file = encoded(samples)
    assert file.alpha is not None
    assert same(samples[..., :3], decoded(damaged(file, file.alpha), salvage=True))
    with pytest.raises(FormatError, match="that is not there"):
        container.read(replace(file, alpha=None).data)


def test_lost_tiles_are_grey(caplog: pytest.LogCaptureFixture) -> None:
    samples = deep_samples(1100, 9, 1)
    high, low = high_bytes(samples), low_bytes(samples)
    file = replace(coded_losslessly(Image.fromarray(high)), low=write_low(low, high))
    first, second = file.tiles
    assert first is not None
    assert second is not None
    data = replace(file, tiles=(first, second._replace(symbols_crc=0))).data
    with pytest.raises(ChecksumError):
        decoded(data)
    edge = file.grid.rectangle(1).x
    found = decoded(data, salvage=True)
    assert same(samples[:, :edge], found[:, :edge])
    assert (found[:, edge:] == 128 * 257).all()
    assert (decoded(data, salvage=True, crop=(edge - 3, 2, 9, 5))[:, 3:] == 128 * 257).all()
    assert "1 of 2 tiles damaged" in caplog.text


@pytest.mark.parametrize("suffix", ["png", "tiff", "tif"])
@pytest.mark.parametrize("channels", CHANNELS)
def test_files_come_back_from_the_commands(suffix: str, channels: int, tmp_path: Path) -> None:
    samples = deep_samples(40, 30, channels)
    source, output = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    source.write_bytes(imagecodecs.png_encode(samples) if suffix == "png" else deep_tiff(samples, ">"))
    line = one_line(run("encode", source, "--lossless", "-o", tmp_path / "a.lic"))
    assert ", lossless" in line
    facts = json.loads(run("info", "--json", tmp_path / "a.lic").stdout)
    assert (facts["mode"], facts["bits"]) == (MODES[channels], 16)
    assert 0 < facts["low_bytes"] < facts["bytes"]
    result = run("decode", tmp_path / "a.lic", "-o", output)
    assert result.returncode == 0
    read = imagecodecs.png_decode if suffix == "png" else imagecodecs.tiff_decode
    assert same(samples, read(output.read_bytes()))
    assert run("encode", output, "--lossless", "-o", tmp_path / "b.lic").returncode == 0
    assert (tmp_path / "a.lic").read_bytes() == (tmp_path / "b.lic").read_bytes()


def test_pipes_keep_16_bits_too() -> None:
    samples = deep_samples(40, 30, 4)
    file = run("encode", "--lossless", "-", data=imagecodecs.png_encode(samples)).stdout
    picture = run("decode", "-", data=file)
    assert same(samples, imagecodecs.png_decode(picture.stdout))
    assert b"reduced" not in picture.stderr
    reduced = run("decode", "-", "--format", "ppm", data=file)
    assert reduced.stdout.startswith(b"P6")
    assert b"PPM cannot keep 16 bits per sample (reduced to 8), alpha (put on white)" in reduced.stderr
    cut = run("decode", "-", "--crop", "3,4,5,6", data=file)
    assert same(samples[4:10, 3:8], imagecodecs.png_decode(cut.stdout))


def test_files_of_8_bits_say_so(tmp_path: Path) -> None:
    Image.new("RGB", (9, 7)).save(tmp_path / "a.png")
    assert run("encode", tmp_path / "a.png", "--lossless").returncode == 0
    facts = json.loads(run("info", "--json", tmp_path / "a.lic").stdout)
    assert (facts["bits"], facts["low_bytes"]) == (8, 0)
