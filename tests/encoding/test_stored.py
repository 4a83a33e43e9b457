"""Lossless files: asked for, and where they are smaller than what a model makes of a picture."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from PIL.PngImagePlugin import PngInfo

import lcomp
from helpers.coded import coded
from helpers.command import lcomp as run
from helpers.command import one_line
from helpers.paths import DATA
from helpers.pictures import alpha_ramp, noise_image, ramp, reopened
from helpers.profiles import SRGB
from lcomp.encoding import picture, stored
from lcomp.encoding.stored import may_take
from lcomp.errors import ChecksumError, FormatError, LcompError, UnsupportedError
from lcomp.format import container
from lcomp.options import DecodeOptions, EncodeOptions
from lcomp.pictures.hidden import over_grey
from lcomp.pictures.reading import to_picture

BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) * 16 + 8


@pytest.fixture(scope="module")
def halftone() -> Image.Image:
    """A photograph in dots of black and white."""
    with Image.open(DATA / "kodim23.png") as photo:
        grey = np.asarray(photo.convert("L"))
    return Image.fromarray(grey > np.tile(BAYER, (len(grey) // 4, grey.shape[1] // 4)))


def drawings() -> list[Image.Image]:
    """Pictures that take few bytes without losses."""
    rows, columns = np.mgrid[:300, :400]
    lines = Image.fromarray(np.where((rows % 12 < 2) ^ (columns % 30 < 1), 0, 255).astype(np.uint8))
    return [Image.new("RGB", (300, 200), "teal"), lines, lines.convert("RGB"), Image.linear_gradient("L")]


def halves(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Colours and alpha of a picture."""
    return np.asarray(image.convert("RGB")), np.asarray(image.getchannel("A"))


@pytest.mark.parametrize("quality", [1.0, 4.0, 8.0])
def test_halftones_and_drawings_are_stored_where_that_is_smaller(halftone: Image.Image, quality: float) -> None:
    codec = lcomp.Codec("hyperprior", "cpu")
    for image in (halftone, *drawings()):
        png, exact = io.BytesIO(), lcomp.encode(image, lossless=True)
        image.save(png, "PNG", optimize=True)
        file = codec.encode_file(image, EncodeOptions(quality))
        assert len(file) <= min(png.tell(), len(exact))
        if file.header.stored:
            assert file.data == exact
            plain = image.convert("L") if image.mode == "1" else image
            assert codec.decode(file.data).tobytes() == plain.tobytes()
    assert codec.encode_file(halftone, EncodeOptions(quality)).header.stored


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_photographs_are_not_even_tried(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "write_stored", None)
    for name in ("kodim05", "kodim23"):
        with Image.open(DATA / f"{name}.png") as photo:
            image = photo.convert(mode).crop((0, 0, 256, 192))
            assert not may_take(to_picture(photo.convert(mode)), 90_000)
        lcomp.encode(image, 6, "hyperprior")
        lcomp.encode(image, model="hyperprior", size=10_000)
        blurred = photo.convert(mode).resize((1536, 1024)).filter(ImageFilter.GaussianBlur(8))
        assert not may_take(to_picture(blurred), 8_000)


@pytest.mark.parametrize("size", [(1, 300_000), (300_000, 1), (40_000, 8), (17_000, 40)])
def test_long_pictures_are_sampled(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    flat = to_picture(Image.new("RGB", size, "teal"))
    assert may_take(flat, 200_000)
    assert may_take(to_picture(Image.fromarray(noise)), noise.size)


def test_a_lossless_file_is_exact() -> None:
    palette = ramp("RGB").quantize(16)
    animation = io.BytesIO()
    ramp("L").save(animation, "PNG", save_all=True, append_images=[ramp("L").rotate(180)])
    for image, mode in (
        *((ramp(mode), "L" if mode == "1" else mode) for mode in ("1", "L", "RGB")),
        *((alpha_ramp(mode), mode) for mode in ("L", "RGB")),
        (palette, "RGB"),
        (reopened(palette, "PNG", transparency=3), "RGBA"),
        (reopened(ramp("RGB"), "JPEG"), "RGB"),
    ):
        expected = image.convert(image.mode if image.mode in ("LA", "RGBA") else mode)
        decoded = lcomp.decode(lcomp.encode(image, lossless=True))
        assert decoded.mode == expected.mode
        assert decoded.tobytes() == expected.tobytes()  # what is hidden too


def test_metadata_is_kept_with_it_or_stripped() -> None:
    image = ramp("RGB")
    exif = Image.Exif()
    exif[0x010E] = "a description"
    image.info |= {"icc_profile": SRGB, "exif": exif.tobytes(), "xmp": b"<x/>"}
    assert lcomp.decode(lcomp.encode(image, lossless=True)).info == image.info
    assert set(lcomp.decode(lcomp.encode(image, lossless=True, strip=True)).info) == {"icc_profile"}


def test_what_cannot_be_exact_is_refused() -> None:
    for image in (
        *(ramp("RGB").convert(mode) for mode in ("CMYK", "YCbCr", "HSV", "F", "I")),
        *(alpha_ramp("RGB").convert("RGBa"), alpha_ramp("L").convert("La")),
    ):
        with pytest.raises(UnsupportedError, match="only grey and RGB pictures of 8 or 16 bits can be kept losslessly"):
            lcomp.encode(image, lossless=True)


def test_lossless_excludes_a_quality_and_targets() -> None:
    for options in ({"quality": 5.0}, {"size": 100}, {"bpp": 1.0}, {"psnr": 40.0}, {"ssimulacra2": 70.0}):
        with pytest.raises(LcompError, match="lossless excludes"):
            EncodeOptions(lossless=True, **options)  # type: ignore[arg-type]
    with pytest.raises(LcompError, match="more than that of an exact copy"):
        EncodeOptions(ssimulacra2=100.5)


def test_targets_take_the_stored_file_where_it_serves(halftone: Image.Image) -> None:
    photo = noise_image(120, 90)
    exact, exact_photo = (lcomp.encode(image, lossless=True) for image in (halftone, photo))
    for options in (
        *(EncodeOptions(size=len(exact)), EncodeOptions(bpp=8.0), EncodeOptions(size=10**6)),
        *(EncodeOptions(psnr=17.2), EncodeOptions(ssimulacra2=100.0), EncodeOptions(psnr=300.0)),
    ):
        assert lcomp.Codec("hyperprior").encode(halftone.crop((0, 0, 768, 512)), options) == exact
    assert lcomp.encode(photo, model="hyperprior", size=len(exact_photo)) == exact_photo
    assert lcomp.encode(photo, model="hyperprior", psnr=99.0) == exact_photo
    below = container.read(lcomp.encode(photo, model="hyperprior", size=len(exact_photo) - 1))
    assert not below.header.stored
    assert not container.read(lcomp.encode(photo, model="hyperprior", psnr=30.0)).header.stored


def test_hidden_colours_of_a_stored_picture_are_filled_in_unless_it_is_to_be_lossless(halftone: Image.Image) -> None:
    image = halftone.convert("RGB")
    image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda alpha: 255 * (alpha > 99)))
    image.paste((1, 200, 3, 0), (0, 0, 9, 9))
    file = lcomp.encode(image, 3, "hyperprior")
    assert lcomp.info(file).stored
    assert lcomp.decode(file).getpixel((3, 3)) != (1, 200, 3, 0)
    assert over_grey(*halves(lcomp.decode(file))).tobytes() == over_grey(*halves(image)).tobytes()
    for data in (lcomp.encode(image, lossless=True), lcomp.encode(image, 3, "hyperprior", keep_hidden=True)):
        assert lcomp.decode(data).tobytes() == image.tobytes()


def test_no_file_is_larger_than_the_lossless_one(halftone: Image.Image) -> None:
    plain, veil = halftone.convert("RGB").crop((0, 0, 256, 192)), Image.linear_gradient("L").resize((256, 192))
    flat, disc = Image.new("RGB", (256, 192), (250, 240, 230)), Image.radial_gradient("L").resize((256, 192))
    for image, alpha in ((plain, veil), (flat, veil), (flat, disc.point(lambda far: max(0, 150 - far)))):
        image.putalpha(alpha)
        for options in (EncodeOptions(1.0), EncodeOptions(8.0), EncodeOptions(psnr=90.0)):
            file = lcomp.Codec("hyperprior").encode(image, options)
            assert len(file) <= len(lcomp.encode(image, lossless=True))


def test_no_search_precedes_a_stored_file_that_is_smaller_than_the_first_attempt(
    halftone: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "meet", None)
    image = halftone.crop((0, 0, 256, 192))
    for options in (EncodeOptions(psnr=17.2), EncodeOptions(ssimulacra2=50.0)):
        assert lcomp.Codec("hyperprior").encode_file(image, options).header.stored


def test_a_crop_of_a_stored_picture_and_options_that_mean_nothing_to_it(halftone: Image.Image) -> None:
    veiled = halftone.convert("RGB")
    veiled.putalpha(Image.linear_gradient("L").resize(veiled.size))
    seen: list[tuple[int, int]] = []
    for image in (halftone.convert("L"), veiled):
        data = lcomp.encode(image, lossless=True)
        for options in (DecodeOptions(crop=(700, 500, 60, 12)), DecodeOptions("gan", 0.5, (700, 500, 60, 12))):
            cut = lcomp.Codec().decode(data, options, lambda done, total: seen.append((done, total)))
            assert cut.tobytes() == image.crop((700, 500, 760, 512)).tobytes()
        with pytest.raises(LcompError, match="not within the picture"):
            lcomp.decode(data, crop=(760, 500, 60, 12))
    assert seen == [(720, 720)] * 4


def test_it_needs_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    data = lcomp.encode(ramp("RGB"), lossless=True)
    monkeypatch.setattr("lcomp.families.hyperprior.codec.load_model", None)
    assert lcomp.decode(data).tobytes() == ramp("RGB").tobytes()
    assert lcomp.encode(ramp("RGB"), lossless=True) == data


def test_a_damaged_stored_picture_cannot_be_salvaged_but_its_alpha_may_be_lost() -> None:
    image = alpha_ramp("RGB")
    file = container.read(lcomp.encode(image, lossless=True))
    for damaged in (file.data[:-9] + b"?" + file.data[-8:], file.data[:-1]):
        with pytest.raises(FormatError):
            lcomp.decode(damaged)
        with pytest.raises(ChecksumError, match="nothing can be salvaged"):
            lcomp.decode(damaged, salvage=True)
    veil = bytearray(file.data)
    veil[40] ^= 1
    assert lcomp.decode(bytes(veil), salvage=True).tobytes() == image.convert("RGB").tobytes()
    with pytest.raises(FormatError, match="damaged stored picture"):
        lcomp.decode(replace(file, stored=(file.stored or b"")[:-9]).data, salvage=True)


def test_the_command_line(tmp_path: Path, halftone: Image.Image) -> None:
    halftone.save(tmp_path / "a.png")
    ramp("CMYK").save(tmp_path / "cmyk.jpg")
    result = run("encode", tmp_path / "a.png", "-m", "hyperprior")
    assert result.returncode == 0
    assert ", lossless" in one_line(result)
    assert "lossless (WebP)" in run("info", tmp_path / "a.lic").stdout.decode()
    assert b'"quality": null' in run("info", "--json", tmp_path / "a.lic").stdout
    chosen = run("decode", tmp_path / "a.lic", "--realism", "0.5", "--decoder", "gan", "-o", tmp_path / "b.png")
    assert chosen.returncode == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.tobytes() == halftone.convert("L").tobytes()
    assert run("encode", tmp_path / "a.png", "--lossless", "-o", tmp_path / "b.lic").returncode == 0
    assert (tmp_path / "a.lic").read_bytes() == (tmp_path / "b.lic").read_bytes()
    refused = run("encode", tmp_path / "cmyk.jpg", "--lossless")
    assert refused.returncode == 3
    assert "only grey and RGB pictures of 8 or 16 bits" in one_line(refused)
    for wrong in (["-q", "4"], ["--size", "9kB"], ["--bpp", "1"], ["--psnr", "40"], ["--ssimulacra2", "70"]):
        result = run("encode", tmp_path / "a.png", "--lossless", *wrong, "-o", tmp_path / "c.lic")
        assert result.returncode == 2
        assert b"--lossless excludes" in result.stderr


def test_coded_files_are_still_made_where_they_are_smaller(photo: Image.Image) -> None:
    file = lcomp.Codec("hyperprior", "cpu").encode_file(photo, EncodeOptions(4))
    assert file.data == coded(photo).data


def test_what_a_lossless_file_leaves_out_is_named(caplog: pytest.LogCaptureFixture) -> None:
    texts = PngInfo()
    texts.add_text("Comment", "by hand")
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "PNG", pnginfo=texts)
    lcomp.encode(Image.open(buffer), lossless=True)
    assert [record.getMessage() for record in caplog.records] == ["left out: PNG text (Comment)"]
