"""Pictures at twice their size, from every kind of file."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import lcomp
from helpers.lossless import coded_losslessly
from helpers.models import random_upscaler
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.decoding import upscaled
from lcomp.decoding.upscaled import Doubling, enlarged, share_of
from lcomp.errors import LcompError, LimitError
from lcomp.format.tiles import Grid, Rectangle
from lcomp.networks.config import UpscalerConfig
from lcomp.networks.enhancer import upscale
from lcomp.networks.upscaler import Upscaler
from lcomp.options import DecodeOptions
from lcomp.types import Quality

CPU = torch.device("cpu")
GRID = Grid(208, 104)
PIXELS = np.asarray(noise_image(GRID.width, GRID.height))


@pytest.fixture
def network() -> Upscaler:
    return random_upscaler()


def doubling(network: Upscaler, quality: Quality | None = 2000, grid: Grid = GRID) -> Doubling:
    return Doubling(network, CPU, bf16=False, visual=False, grid=grid, quality=quality)


def regional() -> Quality:
    return np.linspace(0, 8000, 8).astype(np.int64).reshape(2, 4)


@pytest.mark.parametrize("quality", [2000, regional(), None], ids=["one", "by block", "lossless"])
def test_windows_and_crops_have_no_seams(
    network: Upscaler, quality: Quality | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = doubling(network, quality)
    whole = at_once.doubled(PIXELS, GRID.picture, GRID.picture).astype(int)
    assert np.abs(whole - np.asarray(Image.fromarray(PIXELS).resize((416, 208), Image.Resampling.BICUBIC))).mean() > 1
    monkeypatch.setattr(upscaled, "WINDOW", 64)
    told: list[tuple[int, int]] = []
    for area in (GRID.picture, Rectangle(77, 31, 101, 40), Rectangle(207, 103, 1, 1)):
        seen = at_once.seen(area)
        part = at_once.doubled(PIXELS[seen.within(GRID.picture)], seen, area, lambda *done: told.append(done))
        assert np.abs(part - whole[area.doubled().within(GRID.picture.doubled())]).max() <= 1
        assert told[-1] == (area.width * area.height,) * 2
    assert at_once.seen(Rectangle(96, 48, 8, 8)) != GRID.picture


def test_a_panorama_goes_on_at_its_other_edge(network: Upscaler) -> None:
    grid = replace(GRID, wraps=True)
    around = doubling(network, grid=grid)
    whole = around.doubled(PIXELS, grid.picture, grid.picture).astype(int)
    turned = around.doubled(np.roll(PIXELS, 48, 1), grid.picture, grid.picture)
    assert np.abs(np.roll(whole, 96, 1) - turned).max() <= 1
    flat = doubling(network).doubled(PIXELS, grid.picture, grid.picture)
    assert np.abs(whole - flat).max() > 1
    edge = Rectangle(0, 40, 16, 16)
    seen = around.seen(edge)
    assert (seen.x, seen.width) == (0, grid.width)
    part = around.doubled(PIXELS[seen.within(grid.picture)], seen, edge)
    assert np.abs(part - whole[edge.doubled().within(grid.picture.doubled())]).max() <= 1


def test_planes_are_enlarged_as_in_the_whole() -> None:
    plane = np.asarray(Image.linear_gradient("L").resize((60, 40)).rotate(30))
    whole = np.asarray(Image.fromarray(plane).resize((120, 80), Image.Resampling.BICUBIC))
    part = slice(10, 30), slice(20, 44)
    assert np.array_equal(enlarged(plane, part), whole[20:60, 40:88])


def test_progress_has_two_stages() -> None:
    told: list[tuple[int, int]] = []
    area = Rectangle(0, 0, 10, 10)
    assert share_of(None, area, 0, 1) is None
    for first, last in ((0, 0.5), (0.5, 1)):
        progress = share_of(lambda *done: told.append(done), area, first, last)
        assert progress is not None
        progress(70, 140)
        progress(140, 140)
    assert told == [(25, 100), (50, 100), (75, 100), (100, 100)]


@pytest.fixture(scope="module")
def files(photo: Image.Image) -> dict[str, bytes]:
    clear = photo.copy()
    clear.putalpha(photo.convert("L"))
    flat = Image.new("LA", (60, 40), (90, 20))
    return {
        "visual": lcomp.encode(photo),
        "half": lcomp.encode(photo, 0.2, model="hyperprior"),
        "grey": lcomp.encode(photo.convert("L"), model="hyperprior"),
        "lossless": coded_losslessly(clear).data,
        "stored": lcomp.encode(flat, lossless=True),
    }


@pytest.mark.parametrize("kind", ["visual", "half", "grey", "lossless", "stored"])
def test_every_file_can_be_shown_at_twice_its_size(
    kind: str, files: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    once = lcomp.decode(files[kind])
    with caplog.at_level(logging.WARNING, "lcomp"):
        twice = lcomp.decode(files[kind], upscale=2)
    assert "a guess" in caplog.text
    assert (twice.mode, twice.size) == (once.mode, (2 * once.width, 2 * once.height))
    smooth = np.asarray(once.resize(twice.size, Image.Resampling.BICUBIC), float)
    assert np.sqrt(np.square(np.asarray(twice) - smooth).mean()) < 12
    crop = (17, 9, 41, 26)
    part = lcomp.decode(files[kind], upscale=2, crop=crop)
    there = np.asarray(twice.crop((34, 18, 116, 70)), int)
    assert np.abs(np.asarray(part) - there).max() <= 1


def test_samples_of_16_bits_become_8(caplog: pytest.LogCaptureFixture) -> None:
    deep = np.linspace(0, 65535, 40 * 30 * 3).astype(np.uint16).reshape(30, 40, 3)
    data = lcomp.Codec(device="cpu").encode(deep, lcomp.EncodeOptions(lossless=True))
    with caplog.at_level(logging.WARNING, "lcomp"):
        shown = lcomp.decode(data, upscale=2)
    assert (shown.mode, shown.size) == ("RGB", (80, 60))
    assert "16-bit samples reduced" in caplog.text


def test_metadata_speaks_of_the_new_size(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0100], exif[0x0101] = photo.size
    image = photo.copy()
    image.info["exif"] = exif.tobytes()
    told = lcomp.decode(lcomp.encode(image, model="hyperprior"), upscale=2).getexif()
    assert (told[0x0100], told[0x0101]) == (400, 272)


def test_a_picture_is_not_made_too_large(files: dict[str, bytes]) -> None:
    with pytest.raises(LimitError, match="400x272"):
        lcomp.decode(files["visual"], upscale=2, max_pixels=400 * 271)
    lcomp.decode(files["visual"], upscale=2, max_pixels=400 * 271, crop=(0, 0, 16, 16))


def test_other_factors_are_refused() -> None:
    for factor in (0, 3, -2):
        with pytest.raises(LcompError, match="neither 1 nor 2"):
            DecodeOptions(upscale=factor)
    with pytest.raises(LcompError, match="excludes a reduced scale"):
        DecodeOptions(scale=0.5, upscale=2)


def test_the_command_refuses_both_sizes_at_once() -> None:
    result = CliRunner().invoke(app, ["decode", "a.lic", "--upscale", "2", "--scale", "1/2"])
    assert result.exit_code == 2
    assert "excludes a reduced scale" in result.output


def test_the_interpolation_is_that_of_the_backbone(photo: Image.Image) -> None:
    """An untrained network adds nothing to it."""
    network = Upscaler(UpscalerConfig(channels=4, blocks=1))
    pixels = np.asarray(photo)
    grid = Grid(*photo.size)
    shown = doubling(network, grid=grid).doubled(pixels, grid.picture, grid.picture)
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    smooth = upscale(x)[0].permute(1, 2, 0).round().clamp(0, 255).numpy()
    inside = slice(0, -8)  # what is padded to whole latents is extended by its last row
    assert np.abs(shown - smooth)[inside, inside].max() <= 1
