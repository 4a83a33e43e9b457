"""Panoramas, whose left and right edge are neighbours."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from helpers.coded import coded
from helpers.command import lcomp as command
from helpers.command import one_line
from helpers.pictures import noise_image
from lcomp.decoding.area import decode_tiles
from lcomp.decoding.parts import panorama_of_file
from lcomp.encoding.streams import encode_tiles
from lcomp.errors import LcompError
from lcomp.format import container
from lcomp.format.container import AROUND, Coder, LicFile
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.loaded import LoadedModel
from lcomp.model.transforms import surroundings
from lcomp.options import DecodeOptions, EncodeOptions
from lcomp.pictures.panorama import WHOLE, number_of, panorama_in, panorama_of_part
from lcomp.types import Quality
from lcomp.zoo.registry import ModelInfo

CPU = torch.device("cpu")

Crop = tuple[int, int, int, int]

AROUND_GRID = Grid(320, 128, tile=128, wraps=True)

XMP = b'<a GPano:ProjectionType="equirectangular" xmlns:GPano="g"/>'


@pytest.fixture(scope="module")
def codec(tiny_info: ModelInfo) -> LoadedModel:
    return LoadedModel(tiny_info, CPU)


def test_the_parts_of_an_area_lie_in_the_picture() -> None:
    assert list(AROUND_GRID.parts(Rectangle(16, 0, 64, 8))) == [(Rectangle(16, 0, 64, 8), 0)]
    assert list(AROUND_GRID.parts(Rectangle(-32, 3, 64, 8))) == [
        (Rectangle(288, 3, 32, 8), 0),
        (Rectangle(0, 3, 32, 8), 32),
    ]
    places = [
        part.x + column for part, _ in AROUND_GRID.parts(Rectangle(-400, 0, 900, 8)) for column in range(part.width)
    ]
    assert places == [column % 320 for column in range(-400, 500)]


def test_latents_turn_with_the_panorama(codec: LoadedModel) -> None:
    pixels, transforms = np.asarray(noise_image(AROUND_GRID.width, AROUND_GRID.height)), codec.transforms

    def analyse(turned: np.ndarray, wraps: bool) -> torch.Tensor:
        around = surroundings(AROUND_GRID.picture, AROUND_GRID.picture, transforms.halo, wraps)
        rows, columns = AROUND_GRID.picture.latents().within(around.latents())
        return transforms.latents(transforms.signal(turned, around), 4000)[..., rows, columns]

    for wraps in (True, False):
        y, turned = analyse(pixels, wraps), analyse(np.roll(pixels, 48, 1), wraps)
        assert bool((torch.roll(y, 3, 3) - turned).abs().max() < 1e-2) == wraps


@pytest.mark.parametrize("regional", [False, True])
@pytest.mark.parametrize("effort", [1, 2])
def test_pictures_are_what_a_longer_one_has_in_its_middle(codec: LoadedModel, effort: int, regional: bool) -> None:
    """A panorama decodes like the middle of one that was repeated, of the same symbols."""
    grid, plain = AROUND_GRID, replace(AROUND_GRID, wraps=False)
    quality: Quality = 4000
    if regional:
        quality = np.linspace(1000, 8000, 10).astype(np.int64).reshape(2, 5)
    pixels = np.asarray(noise_image(grid.width, grid.height))
    tiles = encode_tiles(codec, pixels, quality, grid, Coder.CONSTRICTION, effort)
    assert tiles != encode_tiles(codec, pixels, quality, plain, Coder.CONSTRICTION, effort)

    def decode(within: Grid, area: Rectangle) -> np.ndarray:
        return decode_tiles(codec, tiles, quality, within, Coder.CONSTRICTION, area).pixels.astype(int)

    whole, flat = decode(grid, grid.picture), decode(plain, grid.picture)
    halo = codec.transforms.mse.halo
    assert 2 * halo < grid.width
    middle = slice(halo, grid.width - halo)
    assert np.abs(whole[:, middle] - flat[:, middle]).max() <= 1
    assert (whole[:, 0] != flat[:, 0]).any()
    assert (whole[:, -1] != flat[:, -1]).any()
    for area in (Rectangle(0, 0, 40, 128), Rectangle(300, 50, 20, 30), Rectangle(130, 0, 64, 64)):
        assert np.abs(decode(grid, area) - whole[area.within(grid.picture)]).max() <= 1

    # the same latents, three times side by side
    latents = torch.cat(
        [codec.transforms.mse.gather(*codec.tile.decode(*each)) for each in streams(codec, tiles, quality)], 3
    )
    longer = Rectangle(-grid.width, 0, 3 * grid.width, grid.height)
    of_latents = np.kron(quality, np.ones((4, 4), np.int64)) if regional else quality
    tripled: Quality = np.tile(of_latents, (1, 3)) if isinstance(of_latents, np.ndarray) else of_latents
    shown = codec.transforms.synthesize(
        codec.transforms.mse, latents.repeat(1, 1, 1, 3), grid.picture, longer, tripled, half=False
    )
    assert np.abs(shown.astype(int) - whole).max() <= 1


def streams(
    codec: LoadedModel, tiles: tuple[container.Encoded, ...], quality: Quality
) -> list[tuple[container.Encoded, Quality, int, int, Coder, int]]:
    """The arguments that the tiles of AROUND_GRID, which stand in a row, are decoded with."""
    found = []
    for number, encoded in enumerate(tiles):
        tile = AROUND_GRID.rectangle(number)
        here = quality if isinstance(quality, int) else quality[:, tile.x // 64 : -(-tile.right // 64)]
        found.append((encoded, here, tile.height, tile.width, Coder.CONSTRICTION, number))
    return found


def test_the_section_is_written_read_and_may_be_missing() -> None:
    header = container.Header(160, 80, container.Mode.RGB, 2000, 1, 0)
    tile = container.Encoded(b"abc", 0)
    for projection, width, half, wraps in (
        (AROUND, 160, False, True),
        (None, 160, False, False),
        (b"\2", 160, False, False),
        (b"", 160, False, False),
        (AROUND, 150, False, False),
        (AROUND, 160, True, True),
        (AROUND, 144, True, False),
    ):
        file = LicFile(replace(header, width=width, half=half), Coder.CONSTRICTION, (tile,), projection=projection)
        again = container.read(file.data)
        assert again == file
        assert again.grid.wraps == wraps


def test_crops_and_sizes_correct_what_xmp_says(photo: Image.Image) -> None:
    image = photo.resize((192, 96))
    image.info["xmp"] = XMP

    def told(xmp: bytes) -> dict[str, int | None]:
        names = ("FullPanoWidthPixels", "FullPanoHeightPixels", "CroppedAreaLeftPixels", "CroppedAreaTopPixels")
        sizes = ("CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels")
        return {name: number_of(xmp, name.encode()) for name in (*names, *sizes)}

    data = lcomp.encode(image, 1, "hyperprior")
    assert container.read(data).grid.wraps
    assert lcomp.decode(data).info["xmp"] == XMP
    part = lcomp.decode(data, crop=(48, 16, 96, 32))
    assert list(told(part.info["xmp"]).values()) == [192, 96, 48, 16, 96, 32]
    small = lcomp.decode(data, crop=(48, 16, 96, 32), scale=0.5)
    assert list(told(small.info["xmp"]).values()) == [96, 48, 24, 8, 48, 16]
    part.info["xmp"] = part.info["xmp"].replace(b"/></rdf:RDF>", b' Other="kept"/></rdf:RDF>')
    again = lcomp.encode(part, 1, "hyperprior")
    assert not container.read(again).grid.wraps
    twice = lcomp.decode(again, crop=(10, 10, 20, 20)).info["xmp"]
    assert list(told(twice).values()) == [192, 96, 58, 26, 20, 20]
    part_of_it = panorama_in(twice)
    assert part_of_it is not None
    assert not part_of_it.around
    resized = lcomp.decode(lcomp.encode(image, 1, "hyperprior", resize=(96, 96))).info["xmp"]
    assert list(told(resized).values()) == [96, 48, 0, 0, 96, 48]
    assert panorama_in(resized) == WHOLE
    across = lcomp.decode(data, crop=(150, 16, 96, 32))
    assert list(told(across.info["xmp"]).values()) == [192, 96, 150, 16, 96, 32]
    beyond = lcomp.decode(lcomp.encode(across, 1, "hyperprior"), crop=(60, 0, 20, 20)).info["xmp"]
    assert list(told(beyond).values()) == [192, 96, 18, 16, 20, 20]
    all_of_it = lcomp.decode(data, crop=(150, 0, 192, 96), scale=0.5).info["xmp"]
    assert list(told(all_of_it).values()) == [96, 48, 75, 0, 96, 48]
    turned_round = panorama_in(all_of_it)
    assert turned_round is not None
    assert turned_round.around
    assert turned_round.right - turned_round.left == pytest.approx(2 * np.pi)
    whole = Rectangle(0, 0, 192, 96)
    assert panorama_of_part(b"<a/>", None, whole, whole, (96, 48)) is None


def turned(image: Image.Image, crop: Crop) -> np.ndarray:
    """What a crop across the meridian shows of a decoded panorama."""
    pixels, (x, y, width, height) = np.asarray(image).astype(int), crop
    return np.roll(pixels, -x, 1)[y : y + height, :width]


@pytest.mark.parametrize("width", [192, 200])
@pytest.mark.parametrize("crop", [(150, 10, 100, 40), (191, 0, 2, 96), (40, 30, 192, 1), (40, 0, 200, 96)])
def test_a_crop_goes_on_across_the_meridian(width: int, crop: Crop, photo: Image.Image) -> None:
    data = lcomp.encode(photo.resize((width, 96)), 2, "hyperprior", projection="equirect")
    if crop[2] > width:
        with pytest.raises(LcompError, match="crop 40,0,200,96 is not within the picture of 192x96 pixels"):
            lcomp.decode(data, crop=crop)
        return
    told: list[tuple[int, int]] = []
    part = lcomp.decode(data, crop=crop, progress=lambda *values: told.append(values))
    assert np.abs(np.asarray(part).astype(int) - turned(lcomp.decode(data), crop)).max() <= 1
    assert part.size == crop[2:]
    assert told == sorted(told)
    assert told[-1] == (crop[2] * crop[3], crop[2] * crop[3])


@pytest.mark.parametrize("kind", ["RGBA", "lossless", "stored", "deep"])
def test_all_that_a_file_has_goes_on_across_the_meridian(kind: str, photo: Image.Image) -> None:
    image, crop = photo.resize((192, 96)), (150, 10, 100, 40)
    options = EncodeOptions(lossless=kind != "RGBA", projection="equirect")
    if kind == "RGBA":
        image.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
    if kind == "stored":
        image = Image.new("RGB", (192, 96), "teal")
        image.putpixel((191, 12), (0, 0, 0))
    samples = np.asarray(image, np.uint16) * 255 + 7 if kind == "deep" else np.asarray(image)
    file = lcomp.Codec("hyperprior", "cpu").encode_file(samples, options)
    assert (file.stored is not None) == (kind == "stored")
    # without losses a file says by its XMP alone what it is of
    data = replace(file, xmp=XMP).data
    codec = lcomp.Codec(device="cpu")
    whole, part = (codec.decode_array(data, DecodeOptions(crop=area)) for area in (None, crop))
    expected = np.roll(whole, -150, 1)[10:50, :100]
    assert np.abs(part.astype(int) - expected).max() <= (kind == "RGBA")
    assert part.dtype == samples.dtype


@pytest.mark.parametrize("scale", [1 / 2, 1 / 8])
@pytest.mark.parametrize("lossless", [False, True])
def test_a_reduced_crop_goes_on_across_the_meridian(scale: float, lossless: bool, photo: Image.Image) -> None:
    image = photo.resize((192, 96))
    image.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
    image.info["xmp"] = XMP
    options = {"lossless": True} if lossless else {"quality": 2, "model": "hyperprior"}
    data, factor = lcomp.encode(image, **options), round(1 / scale)
    whole = lcomp.decode(data, scale=scale)
    part = lcomp.decode(data, scale=scale, crop=(160, 16, 64, 48))
    crop = (160 // factor, 16 // factor, 64 // factor, 48 // factor)
    assert np.abs(np.asarray(part).astype(int) - turned(whole, crop)).max() <= 1
    # the last pixels of an odd width are made of fewer
    odd = lcomp.decode(data, scale=scale, crop=(155, 3, 46, 50))
    assert abs(odd.width - 46 / factor) <= 2


def test_half_size_goes_on_across_the_meridian(photo: Image.Image) -> None:
    image = photo.resize((192, 96))
    data = lcomp.encode(image, 0.1, "hyperprior", projection="equirect")
    assert lcomp.info(data).half
    part = lcomp.decode(data, crop=(151, 10, 100, 40))
    assert np.abs(np.asarray(part).astype(int) - turned(lcomp.decode(data), (151, 10, 100, 40))).max() <= 1


def test_a_flat_picture_has_no_other_side(photo: Image.Image) -> None:
    image = photo.resize((192, 96))
    flat, around = (lcomp.encode(image, 1, "hyperprior", projection=kind) for kind in ("flat", "equirect"))
    image.info["xmp"] = XMP.replace(
        b"/>", b' GPano:FullPanoWidthPixels="400" GPano:CroppedAreaImageWidthPixels="192"/>'
    )
    part = lcomp.encode(image, 1, "hyperprior")
    message = "crop 150,10,100,40 is not within the picture of 192x96 pixels"
    for data in (flat, part):
        with pytest.raises(LcompError, match=message):
            lcomp.decode(data, crop=(150, 10, 100, 40))
    for crop in ((192, 0, 10, 10), (10, 0, 193, 10), (150, 60, 100, 40)):
        with pytest.raises(LcompError, match="is not within the picture of 192x96 pixels"):
            lcomp.decode(around, crop=crop)


def test_what_is_lost_on_either_side_is_named_once(photo: Image.Image, caplog: pytest.LogCaptureFixture) -> None:
    file = coded(photo.resize((192, 96)), 1, wraps=True)
    data = replace(file, tiles=(container.Encoded(b"damaged" * 9, 0),)).data
    part = lcomp.decode(data, crop=(150, 10, 100, 40), salvage=True)
    assert part.size == (100, 40)
    assert "1 of 1 tiles damaged" in caplog.text


def test_the_command_crops_across_the_meridian(tmp_path: Path, photo: Image.Image) -> None:
    photo.resize((192, 96)).save(tmp_path / "a.png")
    for name in ("flat", "equirect"):
        arguments = ("-m", "hyperprior", "-q", "1", "--projection", name, "-o", f"{name}.lic")
        assert command("encode", "a.png", *arguments, cwd=tmp_path).returncode == 0
    assert command("decode", "equirect.lic", "--crop", "150,0,100,96", cwd=tmp_path).returncode == 0
    with Image.open(tmp_path / "equirect.png") as part:
        assert part.size == (100, 96)
    result = command("decode", "flat.lic", "--crop", "150,0,100,96", cwd=tmp_path)
    assert result.returncode == 1
    assert "flat.lic: crop 150,0,100,96 is not within the picture of 192x96 pixels" in one_line(result)
    assert not (tmp_path / "flat.png").exists()


def test_what_a_file_is_of_is_in_its_xmp_or_its_projection(photo: Image.Image) -> None:
    file = coded(photo.resize((192, 96)), 1, wraps=True)
    assert panorama_of_file(file) == WHOLE
    strip = XMP.replace(b"/>", b' GPano:FullPanoHeightPixels="192" GPano:CroppedAreaImageHeightPixels="96"/>')
    strip = strip.replace(b"/>", b' GPano:CroppedAreaTopPixels="48"/>')
    assert panorama_of_file(replace(file, xmp=strip)) == pytest.approx((np.pi / 4, -np.pi / 4, True, -np.pi, np.pi))
    assert panorama_of_file(replace(file, projection=None, xmp=XMP)) == WHOLE
    assert panorama_of_file(replace(file, projection=None)) is None


@pytest.mark.slow
def test_no_seam_shows_at_the_meridian(photo: Image.Image) -> None:
    """Where a panorama meets itself, columns differ no more than they do beside; without the section they do."""
    picture = photo.convert("RGB").resize((192, 96), Image.Resampling.LANCZOS)
    turned = Image.fromarray(np.roll(np.hstack([picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]), 50, 1))

    def seam(wraps: bool) -> float:
        file = coded(turned, 1.0, "autoregressive", wraps=wraps)
        pixels = np.asarray(lcomp.decode(file.data, device="cpu")).astype(float)
        errors = pixels - np.asarray(turned)
        steps = np.abs(errors - np.roll(errors, 1, 1)).mean((0, 2))
        return float(steps[0] / np.median(steps))

    assert seam(wraps=True) < 1.5 < 2.5 < seam(wraps=False)
