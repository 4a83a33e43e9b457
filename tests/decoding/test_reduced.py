"""Pictures at 1/2 to 1/16 of their size, from every kind of file."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from helpers.lossless import coded_losslessly
from helpers.pictures import noise_image
from lcomp.decoding.area import decode_tiles
from lcomp.decoding.reduced import averaged, decode_reduced
from lcomp.encoding.streams import encode_tiles
from lcomp.errors import LcompError
from lcomp.format.container import Coder, Header, LicFile, Mode
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.loaded import LoadedModel
from lcomp.model.reduced import reduced_decoder
from lcomp.options import SCALES, DecodeOptions, sufficient_scale
from lcomp.zoo.registry import ModelInfo

CPU = torch.device("cpu")
SMALLER = SCALES[1:]


def difference(one: Image.Image, other: Image.Image) -> float:
    """Root mean square difference."""
    return float(np.sqrt(np.square(np.asarray(one, float) - np.asarray(other, float)).mean()))


@pytest.fixture(scope="module")
def files(photo: Image.Image) -> dict[str, bytes]:
    """The photograph, 200x136, in every kind of file."""
    clear = photo.copy()
    clear.putalpha(photo.convert("L"))
    drawing = photo.quantize(4).convert("RGB").convert("RGBA")
    drawing.putalpha(photo.convert("L"))
    return {
        "visual": lcomp.encode(photo),
        "autoregressive": lcomp.encode(photo, model="autoregressive"),
        "gan": lcomp.encode(photo, model="gan", quality=2),
        "grey": lcomp.encode(photo.convert("L")),
        "alpha": lcomp.encode(clear, model="hyperprior"),
        "lossless": coded_losslessly(clear).data,
        "stored": lcomp.encode(drawing, lossless=True),
    }


KINDS = ["visual", "autoregressive", "gan", "grey", "alpha", "lossless", "stored"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_scale_is_near_the_averaged_picture(kind: str, files: dict[str, bytes]) -> None:
    whole = lcomp.decode(files[kind])
    for scale in SMALLER:
        reduced = lcomp.decode(files[kind], scale=scale)
        expected = whole.reduce(round(1 / scale))
        assert (reduced.mode, reduced.size) == (whole.mode, expected.size)
        limit = {"lossless": 1, "stored": 1, "alpha": 10}.get(kind, 7)  # where alpha is coded, it weights no colours
        assert difference(reduced.convert("RGB"), expected.convert("RGB")) < limit
        if "A" in whole.mode and kind == "alpha":
            assert difference(reduced.getchannel("A"), whole.getchannel("A").reduce(round(1 / scale))) == 0


@pytest.mark.parametrize("kind", ["visual", "lossless"])
@pytest.mark.parametrize("scale", SMALLER)
def test_a_crop_is_the_part_of_the_whole_that_it_touches(kind: str, scale: float, files: dict[str, bytes]) -> None:
    whole = np.asarray(lcomp.decode(files[kind], scale=scale), int)
    factor = round(1 / scale)
    crop = np.asarray(lcomp.decode(files[kind], scale=scale, crop=(37, 21, 50, 33)), int)
    expected = whole[21 // factor : -(-54 // factor), 37 // factor : -(-87 // factor)]
    assert crop.shape == expected.shape
    assert np.abs(crop - expected).max() <= 1


@pytest.fixture(scope="module")
def codec(tiny_info: ModelInfo) -> LoadedModel:
    return LoadedModel(tiny_info, CPU)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_tiles_and_half_size(codec: LoadedModel, half: bool, factor: int) -> None:
    grid = Grid(330, 215, tile=64)
    tiles = encode_tiles(codec, np.asarray(noise_image(330, 215)), 4000, grid, Coder.CONSTRICTION)
    decoder = reduced_decoder(codec.transforms, codec.info.architecture, factor, 4000)
    pixels = decode_tiles(codec, tiles, 4000, grid, Coder.CONSTRICTION, grid.picture, decoder=decoder).pixels
    assert pixels.shape == (-(-215 // factor), -(-330 // factor), 3)
    # one tile at a time gives the same, without a seam
    for number in range(grid.count):
        tile = grid.rectangle(number)
        part = decode_tiles(codec, tiles, 4000, grid, Coder.CONSTRICTION, tile, decoder=decoder).pixels.astype(int)
        there = pixels[tile.reduced(factor).within(grid.picture.reduced(factor))]
        assert np.abs(part - there).max() <= 1
    small = Grid(330, 215)
    width, height = (659, 429) if half else (330, 215)
    header = Header(width, height, Mode.RGB, 4000, 1, 0, half)
    streams = encode_tiles(codec, np.asarray(noise_image(330, 215)), 4000, small, Coder.CONSTRICTION)
    file = LicFile(header, Coder.CONSTRICTION, streams)
    decoded = decode_reduced(codec, file, Rectangle(0, 0, width, height), factor)
    assert decoded.pixels.shape == (-(-height // factor), -(-width // factor), 3)


def test_networks_of_full_size_do_not_run(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a network ran")

    monkeypatch.setattr("lcomp.networks.refinement.Refinement.forward", fail)
    for scale in SMALLER:
        lcomp.decode(files["visual"], scale=scale)
    monkeypatch.setattr("lcomp.networks.blocks.ResidualStack.forward", fail)
    for scale in (1 / 8, 1 / 16):
        lcomp.decode(files["visual"], scale=scale)


def test_an_impossible_scale_is_refused() -> None:
    for scale in (0, 2, 0.3, float("nan")):
        with pytest.raises(LcompError, match="1/16"):
            DecodeOptions(scale=scale)


def test_a_thumbnail_covers_what_is_asked_for(files: dict[str, bytes]) -> None:
    assert lcomp.thumbnail(files["visual"], (50, 50)).size == (50, 34)
    assert lcomp.thumbnail(files["alpha"], (30, 10)).mode == "RGBA"
    assert lcomp.thumbnail(files["visual"], (500, 500)).size == (200, 136)
    with pytest.raises(LcompError):
        lcomp.thumbnail(files["visual"], (0, 5))
    with pytest.raises(lcomp.LimitError, match="200x136 pixels"):
        lcomp.thumbnail(files["visual"], (50, 50), max_pixels=20000)
    assert sufficient_scale(200, 136, 50, 50) == 1 / 4
    assert sufficient_scale(200, 136, 51, 51) == 1 / 2
    assert sufficient_scale(10, 10, 51, 51) == 1


@pytest.mark.parametrize("make", [lambda image: lcomp.encode(image), lambda image: lcomp.encode(image, lossless=True)])
def test_metadata_is_kept_and_holds(photo: Image.Image, make: Callable[[Image.Image], bytes]) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a parrot"
    exif.get_ifd(0x8769)[0xA002] = 200
    exif.get_ifd(0x8769)[0xA003] = 136
    source = photo.copy()
    source.info["exif"] = exif.tobytes()
    for small in (lcomp.decode(make(source), scale=1 / 4), lcomp.thumbnail(make(source), (50, 50))):
        kept = small.getexif()
        assert kept[0x010E] == "a parrot"
        assert (kept.get_ifd(0x8769)[0xA002], kept.get_ifd(0x8769)[0xA003]) == small.size == (50, 34)


def test_averages_are_rounded() -> None:
    assert averaged(np.array([[0, 1], [1, 1]], np.uint8), 2).tolist() == [[1]]
