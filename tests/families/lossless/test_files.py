"""Whole files that the lossless model codes: tiles, crops, damage, and the commands."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcomp
from helpers.command import lcomp as run
from helpers.command import one_line
from helpers.lossless import coded_losslessly, lossless_model
from helpers.pictures import alpha_ramp, noise_image, ramp
from lcomp.encoding import stored
from lcomp.errors import ChecksumError, FormatError, LcompError, ModelError, TruncatedError
from lcomp.families.registry import model_of
from lcomp.format import container
from lcomp.format.container import Coder, LicFile, Mode
from lcomp.options import DecodeOptions, EncodeOptions
from lcomp.zoo.registry import all_models


@pytest.fixture(scope="module")
def wide() -> Image.Image:
    """A picture of two tiles."""
    return noise_image(1100, 20, noise=4)


@pytest.fixture(scope="module")
def file(wide: Image.Image) -> LicFile:
    return coded_losslessly(wide)


@pytest.mark.parametrize("size", [(1030, 9), (9, 1030), (1026, 1), (2060, 8), (1, 1)])
@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA"])
def test_pictures_of_several_tiles_come_back(size: tuple[int, int], mode: str) -> None:
    image = noise_image(*size).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    coded = coded_losslessly(image)
    assert len(coded.tiles) == -(-max(size) // 1024)
    decoded = lcomp.decode(coded.data, device="cpu")
    assert (decoded.mode, decoded.tobytes()) == (mode, image.tobytes())


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_smaller_file_is_taken(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise_image(40, 30).convert(mode)
    coded = coded_losslessly(image)
    for padding in (0, 100_000):
        write = stored.write_stored
        monkeypatch.setattr(stored, "write_stored", lambda pixels, n=padding, write=write: write(pixels) + bytes(n))
        found = container.read(lcomp.encode(image, device="cpu", lossless=True))
        assert len(found) <= len(coded)
        assert padding == 0 or found.data == coded.data


def test_the_header_names_the_model(file: LicFile) -> None:
    header, model = container.read(file.data).header, lossless_model()
    assert (header.model, header.fingerprint) == (model.number, model.fingerprint)
    assert header.lossless
    assert not header.stored
    assert header.mode is Mode.RGB
    assert model in lcomp.models()
    assert model.number not in {other.number for other in all_models()}
    assert model.weights_path.stat().st_size <= 2**20


def test_other_weights_and_models_are_named(file: LicFile) -> None:
    header = file.header
    with pytest.raises(ModelError, match="written with other weights of 'lossless'"):
        lcomp.decode(replace(file, header=replace(header, fingerprint=1)).data)
    with pytest.raises(ModelError, match="needs model number 99, which is not installed"):
        lcomp.decode(replace(file, header=replace(header, model=99)).data)
    for other in all_models():
        with pytest.raises(FormatError, match=f"without losses, which '{other.name}' does not code"):
            lcomp.decode(replace(file, header=replace(header, model=other.number)).data)
    with pytest.raises(FormatError, match="with losses, which 'lossless' does not code"):
        lcomp.decode(replace(file, header=replace(header, lossless=False)).data)
    assert model_of(header) == lossless_model()


@pytest.mark.parametrize("crop", [(0, 0, 1, 1), (570, 3, 20, 9), (1000, 0, 100, 20), (3, 19, 1090, 1)])
@pytest.mark.parametrize("mode", ["RGBA", "L"])
def test_crops_are_those_of_the_whole(wide: Image.Image, crop: tuple[int, int, int, int], mode: str) -> None:
    image = wide.convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    left, top, width, height = crop
    decoded = lcomp.decode(coded_losslessly(image).data, device="cpu", crop=crop)
    assert decoded.tobytes() == image.crop((left, top, left + width, top + height)).tobytes()


def test_a_crop_needs_only_its_tiles(wide: Image.Image, file: LicFile) -> None:
    first, second = file.tiles
    assert first is not None
    assert second is not None
    damaged = replace(file, tiles=(first, second._replace(symbols_crc=0))).data
    assert lcomp.decode(damaged, crop=(0, 0, 500, 20)).tobytes() == wide.crop((0, 0, 500, 20)).tobytes()
    with pytest.raises(ChecksumError):
        lcomp.decode(damaged, crop=(500, 0, 200, 20))


def test_lost_tiles_are_grey_and_named(wide: Image.Image, file: LicFile, caplog: pytest.LogCaptureFixture) -> None:
    edge = file.grid.rectangle(1).x
    left, right = wide.crop((0, 0, edge, 20)), wide.crop((edge, 0, 1100, 20))
    grey = Image.new("RGB", right.size, (128, 128, 128))
    data = bytearray(file.data)
    data[-9] ^= 1  # in the last section
    with pytest.raises(ChecksumError):
        lcomp.decode(bytes(data))
    for damaged in (bytes(data), file.data[:-30], replace(file, tiles=(file.tiles[0], file.tiles[0])).data):
        caplog.clear()
        decoded = lcomp.decode(damaged, salvage=True)
        assert decoded.crop((0, 0, edge, 20)).tobytes() == left.tobytes()
        assert decoded.crop((edge, 0, 1100, 20)).tobytes() == grey.tobytes()
        assert f"1 of 2 tiles damaged and filled in, at x,y,width,height: {edge},0,{1100 - edge},20" in caplog.text
    swapped = replace(file, tiles=file.tiles[::-1]).data
    with pytest.raises(FormatError):
        lcomp.decode(swapped)
    assert lcomp.decode(swapped, salvage=True).getextrema() == ((128, 128),) * 3


def test_missing_tiles_and_other_coders_are_format_errors(file: LicFile) -> None:
    with pytest.raises(TruncatedError, match="1 of 2 tiles are missing"):
        lcomp.decode(replace(file, tiles=file.tiles[:1]).data)
    with pytest.raises(FormatError, match="coded by torchac"):
        lcomp.decode(replace(file, coder=Coder.TORCHAC).data)
    with pytest.raises(FormatError, match="more latents sections"):
        lcomp.decode(replace(file, tiles=file.tiles * 2).data)


def test_every_truncation_is_one_of_the_errors(file: LicFile) -> None:
    data = coded_losslessly(noise_image(33, 21)).data
    for length in range(0, len(data), 7):
        with pytest.raises(FormatError):
            lcomp.decode(data[:length])


def test_the_model_may_be_named_instead() -> None:
    image = alpha_ramp("RGB")
    expected = lcomp.encode(image, lossless=True)
    assert lcomp.encode(image, model="lossless") == expected
    codec = lcomp.Codec("lossless", "cpu")
    assert codec.encode(image, EncodeOptions(lossless=True)) == expected
    assert codec.encode(image, EncodeOptions(strip=True)) == expected
    assert codec.decode(expected).tobytes() == image.tobytes()
    for options in (EncodeOptions(5.0), EncodeOptions(psnr=40.0)):
        with pytest.raises(LcompError, match="lossless excludes"):
            codec.encode(image, options)


def test_progress_ends_with_all_pixels(wide: Image.Image, file: LicFile) -> None:
    told: list[tuple[int, int]] = []
    codec = lcomp.Codec(device="cpu")
    codec.encode(wide, EncodeOptions(lossless=True), lambda *done: told.append(done))
    assert [total for _, total in told] == [22_000, 22_000]
    assert told[-1] == (22_000, 22_000)
    told.clear()
    codec.decode(file.data, DecodeOptions(crop=(0, 0, 1100, 2)), lambda *done: told.append(done))
    assert told[-1] == (2200, 2200)


def test_the_command_line(tmp_path: Path, wide: Image.Image, file: LicFile) -> None:
    wide.save(tmp_path / "a.png")
    (tmp_path / "coded.lic").write_bytes(file.data)
    facts = json.loads(run("info", "--json", tmp_path / "coded.lic").stdout)
    assert {key: facts[key] for key in ("model", "quality", "decoder", "decodable", "coder", "tiles")} == {
        "model": "lossless",
        "quality": None,
        "decoder": "none",
        "decodable": True,
        "coder": "constriction",
        "tiles": 2,
    }
    crop = run("decode", tmp_path / "coded.lic", "--crop", "500,2,300,9", "-o", tmp_path / "crop.png")
    assert crop.returncode == 0
    with Image.open(tmp_path / "crop.png") as image:
        assert image.tobytes() == wide.crop((500, 2, 800, 11)).tobytes()
    chosen = run("decode", "-", "--decoder", "gan", "-o", "-", "--format", "png", data=file.data)
    assert chosen.returncode == 0
    (tmp_path / "b.png").write_bytes(chosen.stdout)
    with Image.open(tmp_path / "b.png") as image:
        assert image.tobytes() == wide.tobytes()
    made = [
        run("encode", tmp_path / "a.png", "--lossless", "-v", "-o", tmp_path / "1.lic"),
        run("encode", tmp_path / "a.png", "-m", "lossless", "-o", tmp_path / "2.lic"),
        run("encode", "-", "-o", "-", "-m", "lossless", "--lossless", data=(tmp_path / "a.png").read_bytes()),
    ]
    assert [result.returncode for result in made] == [0, 0, 0]
    assert "[lossless, cpu" in made[0].stderr.decode()
    assert (tmp_path / "1.lic").read_bytes() == (tmp_path / "2.lic").read_bytes() == made[2].stdout
    refused = run("encode", tmp_path / "a.png", "-m", "lossless", "-q", "4", "-o", tmp_path / "3.lic")
    assert refused.returncode == 2
    assert b"--lossless excludes" in refused.stderr
    assert "lossless" in run("models").stdout.decode()
    salvaged = run("decode", "--salvage", "-", "-o", tmp_path / "s.png", data=file.data[:-40])
    assert b"1 of 2 tiles damaged" in salvaged.stderr
    broken = run("decode", "-", "-o", tmp_path / "t.png", data=file.data[:-40])
    assert broken.returncode != 0
    assert "truncated" in one_line(broken)
    other = replace(file, header=replace(file.header, fingerprint=3))
    wrong = run("decode", "-", "-o", tmp_path / "t.png", data=other.data)
    assert "file was written with other weights of 'lossless' by an unknown version" in one_line(wrong)
    assert not (tmp_path / "t.png").exists()


def test_near_lossless_files_keep_their_bound(tmp_path: Path, photo: Image.Image) -> None:
    image = photo.crop((0, 0, 250, 180))
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    sizes = []
    for max_error in (0, 1, 2, 15):
        data = lcomp.encode(image, lossless=True, max_error=max_error)
        assert container.read(data).header.max_error == max_error
        found = lcomp.decode(data)
        difference = np.abs(np.asarray(found).astype(int) - np.asarray(image))
        assert difference[..., :3].max() == max_error
        assert difference[..., 3].max() == 0
        crop = lcomp.decode(data, crop=(31, 17, 50, 60))
        assert crop.tobytes() == found.crop((31, 17, 81, 77)).tobytes()
        sizes.append(len(data))
    assert sizes == sorted(sizes, reverse=True)
    image.save(tmp_path / "a.png")
    made = run("encode", tmp_path / "a.png", "--max-error", "2", "-o", tmp_path / "a.lic")
    assert made.returncode == 0
    assert ", off by 2 at most" in made.stderr.decode()
    assert (tmp_path / "a.lic").stat().st_size == sizes[2]
    assert json.loads(run("info", "--json", tmp_path / "a.lic").stdout)["max_error"] == 2
    assert b"off by 2 at most" in run("info", tmp_path / "a.lic").stdout
    for options in (("-q", "4"), ("--psnr", "40")):
        refused = run("encode", tmp_path / "a.png", "--max-error", "2", *options, "-o", tmp_path / "b.lic")
        assert refused.returncode == 2
        assert b"--max-error excludes" in refused.stderr
    assert run("encode", tmp_path / "a.png", "--max-error", "16", "-o", tmp_path / "b.lic").returncode == 2


@pytest.mark.parametrize(
    ("max_error", "problem"), [(-1, "out of range"), (16, "out of range"), (1, "give lossless too")]
)
def test_impossible_errors_are_refused(max_error: int, problem: str) -> None:
    with pytest.raises(LcompError, match=problem):
        EncodeOptions(max_error=max_error)


def test_a_picture_that_is_smaller_exactly_is_kept_so() -> None:
    data = lcomp.encode(Image.new("RGB", (90, 70), "teal"), lossless=True, max_error=3)
    assert container.read(data).header.max_error == 0
    assert container.read(data).header.stored


def test_it_cannot_be_evaluated_over_qualities(tmp_path: Path) -> None:
    ramp("RGB").resize((64, 64)).save(tmp_path / "a.png")
    result = run("eval", "--dataset", tmp_path, "--models", "lossless", "--codecs", "")
    assert result.returncode == 2
    assert b"model 'lossless' has no quality" in result.stderr


def test_the_encoder_may_be_given_any_layout(wide: Image.Image) -> None:
    turned = wide.transpose(Image.Transpose.ROTATE_90)
    assert np.array_equal(np.asarray(lcomp.decode(coded_losslessly(turned).data)), np.asarray(turned))
