"""Regions of interest and importance maps: what they ask for, and what becomes of it."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from helpers.command import lcomp as command
from helpers.command import one_line
from helpers.paths import DATA
from helpers.pictures import noise_image
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.distortion import psnr
from lcomp.encoding.importance import by_lmbda, quality_offsets
from lcomp.encoding.streams import encode_tiles
from lcomp.errors import LcompError
from lcomp.format import container
from lcomp.format.container import Coder
from lcomp.format.qualities import of_tile, read_offsets, with_offsets
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import lmbda
from lcomp.options import EncodeOptions, Region
from lcomp.parsing import parse_region
from lcomp.pictures.panorama import WHOLE, Panorama, panorama_in
from lcomp.zoo.registry import ModelInfo

CPU = torch.device("cpu")


def offsets(
    width: int, height: int, half: bool = False, panorama: Panorama | None = None, **options: object
) -> list[list[int]]:
    found = quality_offsets(EncodeOptions(**options), width, height, half, panorama)
    assert found is not None
    return found.tolist()


def section(data: bytes) -> list[list[int]] | None:
    file = container.read(data)
    return None if file.offsets is None else read_offsets(file.offsets, file.grid.width, file.grid.height).tolist()


def test_a_region_is_better_by_its_steps() -> None:
    assert quality_offsets(EncodeOptions(), 300, 200, half=False) is None
    assert offsets(192, 100, roi=[(64, 0, 64, 64)]) == [[0, 20, 0], [0, 0, 0]]
    assert offsets(192, 64, roi=[(64, 0, 128, 64, 1.0), (128, 0, 64, 64, -2)]) == [[0, 8, -16]]
    # an edge block counts as large as it is
    assert offsets(100, 100, roi=[(64, 64, 36, 36, 2)]) == [[0, 0], [0, 16]]
    assert offsets(256, 128, half=True, roi=[(0, 0, 128, 128, 2)]) == [[16, 0]]


def test_a_block_that_is_covered_in_part_lies_between() -> None:
    # half of its errors weigh 100^(4/7) times as much
    between = round(8 * np.log((1 + 100 ** (4 / 7)) / 2) / np.log(100 ** (1 / 7)))
    assert offsets(192, 64, roi=[(0, 0, 96, 64, 4)]) == [[32, between, 0]]
    # unless that part is all of the region
    assert offsets(128, 64, roi=[(9, 9, 3, 3, 2)]) == [[16, 0]]


@pytest.mark.parametrize("kind", ["grey", "steps"])
def test_a_map_of_any_size_is_scaled_to_the_picture(kind: str) -> None:
    steps = np.array([[0.0, 1.0], [-1.0, -2.0]])
    importance = (128 + 64 * steps).astype(np.uint8) if kind == "grey" else steps
    expected = np.kron(8 * steps, np.ones((2, 3), int)).astype(int).tolist()
    for times in (1, 4, 70):
        assert offsets(6 * 64, 4 * 64, importance=importance.repeat(times, 0).repeat(times, 1)) == expected
    assert offsets(192, 64, importance=np.full((5, 7), 128, np.uint8), roi=[(0, 0, 64, 64, 1)]) == [[8, 0, 0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"roi": [(-1, 0, 5, 5)]}, "start at 0"),
        ({"roi": [(0, 0, 0, 5)]}, "at 1"),
        ({"roi": [(0, 0, 5, 5, 9)]}, "out of range"),
        ({"roi": [(0, 0, 5, 5, float("nan"))]}, "out of range"),
        ({"roi": [(0, 0, 5, 5)], "lossless": True}, "lossless excludes"),
        ({"importance": np.zeros((2, 2)), "lossless": True}, "lossless excludes"),
        ({"importance": np.zeros((2, 2, 3), np.uint8)}, r"not \[2, 2, 3\]"),
        ({"importance": np.zeros((0, 2))}, r"not \[0, 2\]"),
        ({"importance": np.zeros((2, 2), np.int64)}, "not int64"),
        ({"importance": np.full((2, 2), np.nan)}, "not finite"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(LcompError, match=message):
        EncodeOptions(**options)


def test_what_is_no_array_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not list"):
        EncodeOptions(importance=[[1, 2]])  # type: ignore[arg-type]
    for wrong in ((0, 0, 9, 9), [(0, 0, 9)], 5):
        with pytest.raises(TypeError, match="roi is a list of regions"):
            EncodeOptions(roi=wrong)  # type: ignore[arg-type]


def test_regions_as_text() -> None:
    assert parse_region("1,2,30,40") == Region(1, 2, 30, 40)
    assert parse_region("1, 2, 30, 40, -1.5") == Region(1, 2, 30, 40, -1.5)
    for wrong in ("", "1,2,3", "1,2,3,4,5,6", "a,2,3,4", "-1,2,3,4", "1,2,3,4,x"):
        with pytest.raises(LcompError, match="is no region"):
            parse_region(wrong)


def test_what_changes_nothing_changes_no_byte(photo: Image.Image) -> None:
    plain = lcomp.encode(photo, model="hyperprior")
    neutral = np.full((3, 5), 128, np.uint8)
    assert lcomp.encode(photo, model="hyperprior", importance=neutral) == plain
    assert lcomp.encode(photo, model="hyperprior", roi=[(0, 0, 100, 100, 0)]) == plain
    best = lcomp.encode(photo, 8, "hyperprior")
    assert lcomp.encode(photo, 8, "hyperprior", roi=[(0, 0, 100, 100)]) == best  # it is as good as can be


def test_a_region_is_better_and_the_rest_is_as_before(photo: Image.Image) -> None:
    plain, better = lcomp.encode(photo, 3, "hyperprior"), lcomp.encode(photo, 3, "hyperprior", roi=[(0, 0, 64, 128, 3)])
    assert section(better) == [[24, 0, 0, 0], [24, 0, 0, 0], [0, 0, 0, 0]]
    assert lcomp.info(better).quality == 3000
    original = np.asarray(photo)
    first, second = (np.asarray(lcomp.decode(data)) for data in (plain, better))
    assert psnr(second[:128, :64], original[:128, :64]) > psnr(first[:128, :64], original[:128, :64]) + 2
    far = np.s_[:, 128:]
    assert psnr(second[far], original[far]) == pytest.approx(psnr(first[far], original[far]), abs=0.3)


def test_regions_are_those_of_the_upright_picture(photo: Image.Image) -> None:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    photo.save(stream, "PNG", exif=exif)
    upright = photo.transpose(Image.Transpose.ROTATE_270)
    asked = {"model": "hyperprior", "strip": True, "roi": [(64, 128, 60, 64)]}
    assert lcomp.encode(stream.getvalue(), **asked) == lcomp.encode(upright, **asked)
    with pytest.raises(LcompError, match="region 190,0,10,10 is not within the picture of 136x200 pixels"):
        lcomp.encode(stream.getvalue(), roi=[(190, 0, 10, 10)])


def test_regions_are_those_before_resizing() -> None:
    image = noise_image(256, 128)
    data = lcomp.encode(image, model="hyperprior", resize=(128, 64), roi=[(128, 0, 128, 128, 2)])
    assert lcomp.info(data).width == 128
    assert section(data) == [[0, 16]]
    assert Region(0, 0, 3, 3).scaled(256, 128, 64, 32) == Region(0, 0, 1, 1)


def test_half_size_is_tried_where_nothing_is_better_than_1(photo: Image.Image) -> None:
    low = lcomp.encode(photo, 0.2, "hyperprior", roi=[(0, 0, 128, 128, 0.5)])
    assert lcomp.info(low).half
    assert container.read(low).grid.width == 100
    assert section(low) is not None
    assert lcomp.decode(low).size == photo.size
    assert not lcomp.info(lcomp.encode(photo, 0.2, "hyperprior", roi=[(0, 0, 128, 128, 2)])).half


@pytest.mark.parametrize("target", [{"size": 2000}, {"bpp": 0.6}, {"psnr": 36.0}])
def test_targets_are_met(target: dict[str, float], photo: Image.Image) -> None:
    data = lcomp.encode(photo, model="hyperprior", roi=[(0, 0, 64, 64)], **target)
    assert section(data) is not None
    if "psnr" in target:
        assert psnr(np.asarray(lcomp.decode(data)), np.asarray(photo)) >= 36
    else:
        limit = int(target.get("size", 0.6 * 200 * 136 / 8))
        assert 0.97 * limit < len(data) <= limit


def panorama(**more: int) -> bytes:
    """XMP of a panorama, its numbers as attributes or elements."""
    numbers = "".join(f"<GPano:{name}>{value}</GPano:{name}>" for name, value in more.items())
    return f'<a GPano:ProjectionType="equirectangular" xmlns:GPano="g">{numbers}</a>'.encode()


def test_rows_of_a_panorama_count_by_their_area() -> None:
    [pole], [middle], *_ = offsets(64, 4 * 64, panorama=WHOLE)
    assert pole == round(8 * np.log((1 - 0.5**0.5) / (np.pi / 4)) / np.log(100 ** (1 / 7)))
    assert middle == round(8 * np.log(0.5**0.5 / (np.pi / 4)) / np.log(100 ** (1 / 7)))
    assert offsets(64, 4 * 64, panorama=WHOLE) == [[pole], [middle], [middle], [pole]]
    assert panorama_in(panorama()) == WHOLE
    part = panorama(FullPanoHeightPixels=400, CroppedAreaImageHeightPixels=100, CroppedAreaTopPixels=300)
    assert panorama_in(part) == pytest.approx((-np.pi / 4, -np.pi / 2, True, -np.pi, np.pi))
    side = panorama(FullPanoWidthPixels=400, CroppedAreaImageWidthPixels=100, CroppedAreaLeftPixels=350)
    assert panorama_in(side) == pytest.approx((np.pi / 2, -np.pi / 2, False, 0.75 * np.pi, 1.25 * np.pi))
    impossible = panorama(FullPanoHeightPixels=40, CroppedAreaImageHeightPixels=100, CroppedAreaTopPixels=0)
    assert panorama_in(impossible) == WHOLE
    for other in (None, b"", b"<a/>", panorama().replace(b"equirect", b"cyl")):
        assert panorama_in(other) is None


@pytest.mark.parametrize("quality", [0, 500, 1000, 1700, 3000, 8000])
def test_errors_of_a_panorama_weigh_as_much_below_1(quality: int) -> None:
    """Lmbda follows the weights wherever there is a quality for it, though it is five times as steep below q = 1."""
    steps = np.arange(-128, 128, dtype=np.int8)
    found = quality + 125 * by_lmbda(quality, steps).astype(int)
    asked = lmbda(torch.tensor([quality / 1000])) * 100 ** (torch.from_numpy(steps).double() / 8 / 7)
    lowest, highest = lmbda(torch.tensor([0.0, 8.0])).tolist()
    got = lmbda(torch.from_numpy(found / 1000))
    assert found.min() >= 0
    assert found.max() <= 8000
    # within half of what an eighth of a quality is, which is largest where lmbda is steep
    assert (got / asked.clamp(lowest, highest)).log().abs().max() < 5 * np.log(100) / 7 / 8 * (
        1 if quality % 125 else 0.51
    )


def test_panoramas_are_recognised(photo: Image.Image) -> None:
    plain = lcomp.encode(photo, 3, "hyperprior")
    around = lcomp.encode(photo, 3, "hyperprior", projection="equirect")
    assert section(plain) is None
    found = section(around)
    assert found is not None
    assert found[0][0] < found[1][0]
    image = photo.copy()
    image.info["xmp"] = panorama()
    assert section(lcomp.encode(image, 3, "hyperprior", resize=(200, 136))) == found
    image.info["xmp"] = panorama(FullPanoWidthPixels=400, CroppedAreaImageWidthPixels=200)
    part = lcomp.encode(image, 3, "hyperprior")
    assert section(part) == found
    assert [container.read(data).projection for data in (plain, around, part)] == [None, container.AROUND, None]
    assert section(lcomp.encode(image, 3, "hyperprior", resize=(100, 100))) is not None
    assert lcomp.encode(image, 3, "hyperprior", strip=True, projection="flat") == plain
    with pytest.raises(LcompError, match="unknown projection"):
        EncodeOptions(projection="fisheye")


def test_metadata_and_other_options_go_together(photo: Image.Image) -> None:
    image = photo.copy()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    decoded = lcomp.decode(lcomp.encode(image, roi=[(0, 0, 64, 64)]))
    assert decoded.mode == "RGBA"
    grey = lcomp.decode(lcomp.encode(photo.convert("L"), importance=np.linspace(-2, 2, 20).reshape(4, 5)))
    assert grey.mode == "L"


@pytest.mark.parametrize(("effort", "kind"), [(0, "tiny"), (1, "context"), (3, "context")])
def test_every_effort_makes_files_that_decode(
    effort: int, kind: str, tiny_info: ModelInfo, context_info: ModelInfo
) -> None:
    codec = LoadedModel(tiny_info if kind == "tiny" else context_info, CPU)
    grid, pixels = Grid(150, 70, tile=128), np.asarray(noise_image(150, 70))
    qualities = with_offsets(4000, np.array([[0, 16, -8], [-16, 3, 0]], np.int8))
    tiles = encode_tiles(codec, pixels, qualities, grid, Coder.CONSTRICTION, effort)
    decoded = decode_tiles(codec, tiles, qualities, grid, Coder.CONSTRICTION, grid.picture).pixels
    part = Rectangle(50, 20, 90, 49)
    crop = decode_tiles(codec, tiles, qualities, grid, Coder.CONSTRICTION, part).pixels
    assert np.abs(decoded[20:69, 50:140].astype(int) - crop).max() <= 1
    same = np.full_like(qualities, 4000)
    assert encode_tiles(codec, pixels, same, grid, Coder.CONSTRICTION, effort) == encode_tiles(
        codec, pixels, 4000, grid, Coder.CONSTRICTION, effort
    )


def test_the_symbols_of_a_tile_follow_from_its_own_qualities(context_info: ModelInfo) -> None:
    codec, pixels = LoadedModel(context_info, CPU), np.asarray(noise_image(128, 64))
    qualities = with_offsets(3000, np.array([[0, 30]], np.int8))
    [encoded] = encode_tiles(codec, pixels, qualities, Grid(128, 64), Coder.CONSTRICTION)
    y_hat = codec.tile.decode(encoded, qualities, 64, 128, Coder.CONSTRICTION).y_hat()
    left, right = y_hat.abs().mean((0, 1, 2)).chunk(2)
    assert right.mean() > 1.2 * left.mean()  # finer steps, larger numbers
    assert of_tile(qualities, Rectangle(64, 0, 64, 64)).tolist() == [[6750]]


@pytest.mark.parametrize("scale", [1 / 2, 1 / 4, 1 / 8, 1 / 16])
def test_reduced_sizes_show_the_same_picture(scale: float, photo: Image.Image) -> None:
    data = lcomp.encode(photo, 4, "hyperprior", roi=[(64, 0, 64, 128)])
    small = lcomp.decode(data, scale=scale)
    expected = lcomp.decode(data).reduce(round(1 / scale))
    assert small.size == expected.size
    inner = (0, 0, small.width - 1, small.height - 1)  # the last row and column are of fewer pixels
    assert psnr(np.asarray(small.crop(inner)), np.asarray(expected.crop(inner))) > 35


def test_the_commands(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.png")
    mask = Image.new("L", (20, 10), 128)
    mask.paste(255, (10, 0, 20, 10))
    mask.save(tmp_path / "mask.png")
    arguments = ("-m", "hyperprior", "--roi", "0,0,64,64", "--roi", "0,64,64,64,1.5", "--importance", "mask.png")
    result = command("encode", "a.png", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = section((tmp_path / "a.lic").read_bytes())
    assert found is not None
    assert (found[0][0], found[1][0], found[0][3]) == (20, 12, 16)
    assert b"-q 4 (4 to 6.5)" in command("info", "a.lic", cwd=tmp_path).stdout
    facts = json.loads(command("info", "a.lic", "--json", cwd=tmp_path).stdout)
    assert (facts["quality"], facts["worst_quality"], facts["best_quality"]) == (4, 4, 6.5)
    for wrong, text in (
        (("--roi", "1,2,3"), "is no region"),
        (("--roi", "0,0,9,9,9"), "out of range"),
        (("--lossless", "--roi", "0,0,9,9"), "--lossless excludes --roi, --importance and --protect"),
        (("--max-error", "1", "--importance", "mask.png"), "--max-error excludes --roi, --importance and --protect"),
    ):
        result = command("encode", "a.png", *wrong, "-f", cwd=tmp_path)
        assert result.returncode == 2
        assert text in " ".join(result.stderr.decode().replace("│", " ").split())
    for wrong, code, text in (
        (("--roi", "0,0,900,9"), 1, "a.png: region 0,0,900,9 is not within the picture of 200x136 pixels"),
        (("--importance", "none.png"), 1, "none.png: No such file"),
        (("--importance", "a.lic"), 3, "a.lic: "),
    ):
        result = command("encode", "a.png", *wrong, "-f", cwd=tmp_path)
        assert result.returncode == code
        assert text in one_line(result)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["visual", "autoregressive"])
def test_a_quarter_gains_at_equal_size(model: str) -> None:
    with Image.open(DATA / "kodim23.png") as image:
        image = image.crop((0, 0, 512, 512))
    original, inside = np.asarray(image), np.s_[128:384, 128:384]
    plain = lcomp.encode(image, 4, model)
    better = lcomp.encode(image, size=len(plain), model=model, roi=[(128, 128, 256, 256)])
    first, second = (np.asarray(lcomp.decode(data))[inside] for data in (plain, better))
    assert psnr(second, original[inside]) > psnr(first, original[inside]) + 1.2
