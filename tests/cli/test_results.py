"""What a command says of its results, and the options that shape them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcomp as library
from helpers.command import lcomp, one_line
from helpers.pictures import see_through
from lcomp.cli.options import decoder_names, model_names
from lcomp.errors import ChecksumError, LcompError
from lcomp.format import container
from lcomp.parsing import parse_resize, parse_size
from lcomp.pictures.reading import to_picture
from lcomp.pictures.resizing import resized

FAST = ("-m", "hyperprior", "-e", "0", "-q", "2")


@pytest.fixture
def small(tmp_path: Path, photo: Image.Image) -> Path:
    photo.crop((0, 0, 64, 48)).save(tmp_path / "a.png")
    return tmp_path


def test_the_line_says_what_became_of_what(small: Path) -> None:
    line = one_line(lcomp("encode", "a.png", *FAST, cwd=small))
    before, after = ((small / name).stat().st_size for name in ("a.png", "a.lic"))
    assert line.startswith(f"a.png -> a.lic: {before} -> {after} bytes ({100 * after / before:.3g} %), ")
    assert f"{8 * after / (64 * 48):.3f} bpp" in line
    line = one_line(lcomp("decode", "a.lic", "-o", "b.jpg", cwd=small))
    assert line.startswith("a.lic -> b.jpg: 64x48 JPEG of quality 95, ")


def test_what_a_search_reached_is_said(small: Path) -> None:
    line = one_line(lcomp("encode", "a.png", "-m", "hyperprior", "-e", "0", "--psnr", "30", cwd=small))
    reached = float(line.partition(" dB")[0].rpartition(" ")[2])
    with Image.open(small / "a.png") as image, Image.open(small / "a.lic") as decoded:
        error = np.mean((np.asarray(image, float) - np.asarray(decoded, float)) ** 2)
    assert reached == pytest.approx(10 * np.log10(255**2 / error), abs=0.006)
    assert reached >= 30
    verbose = lcomp("encode", "a.png", "-f", "-v", "-m", "hyperprior", "-e", "0", "--psnr", "30", cwd=small)
    text = verbose.stderr.decode()
    assert "attempt: -q " in text
    assert " dB at -q " in text
    assert "loading torch" in text


def test_a_batch_ends_with_its_totals(small: Path) -> None:
    (small / "b.png").write_bytes((small / "a.png").read_bytes())
    last = lcomp("encode", "a.png", "b.png", *FAST, cwd=small).stderr.decode().splitlines()[-1]
    before, after = (2 * (small / name).stat().st_size for name in ("a.png", "a.lic"))
    assert last.startswith(f"2 of 2 done, 0 failed: {before} -> {after} bytes (")


def test_results_as_json(small: Path) -> None:
    result = lcomp("encode", "a.png", *FAST, "--json", cwd=small)
    assert not result.stderr
    facts = json.loads(result.stdout)
    assert (facts["input"], facts["output"], facts["width"]) == ("a.png", "a.lic", 64)
    assert facts["output_bytes"] == (small / "a.lic").stat().st_size
    facts = json.loads(lcomp("decode", "a.lic", "-o", "b.png", "--json", cwd=small).stdout)
    assert (facts["format"], facts["output_quality"]) == ("PNG", None)
    assert lcomp("encode", "a.png", "-o", "-", "--json", cwd=small).returncode == 2


def test_a_rehearsal_writes_nothing(small: Path) -> None:
    result = lcomp("encode", "a.png", "--dry-run", cwd=small)
    assert one_line(result) == "a.png -> a.lic\n"
    assert not (small / "a.lic").exists()
    (small / "a.lic").write_bytes(b"")
    assert lcomp("encode", "a.png", "--dry-run", cwd=small).returncode == 1
    assert lcomp("encode", "missing.png", "--dry-run", cwd=small).returncode == 1


def test_the_original_is_not_offered_to_be_replaced(small: Path) -> None:
    lcomp("encode", "a.png", *FAST, cwd=small)
    message = one_line(lcomp("decode", "a.lic", cwd=small))
    assert "-f" not in message
    assert "a.lic may have been made from it; name another with -o" in message
    again = one_line(lcomp("encode", "a.png", *FAST, cwd=small))
    assert "a.lic exists: name another with -o, or use -f" in again


def test_formats_that_are_written_are_listed(small: Path) -> None:
    message = lcomp("decode", "a.lic", "-o", "a.doc", cwd=small).stderr.decode()
    for name in ("png", "jpg", "tif", "avif"):
        assert name in message


def test_the_quality_of_a_lossy_output(small: Path) -> None:
    lcomp("encode", "a.png", *FAST, cwd=small)
    sizes = {}
    for name in ("jpg", "webp", "avif"):
        for quality in ("20", "90"):
            result = lcomp("decode", "a.lic", "-f", "-o", f"b.{name}", "--output-quality", quality, cwd=small)
            assert f"of quality {quality}" in one_line(result)
            sizes[name, quality] = (small / f"b.{name}").stat().st_size
        assert sizes[name, "20"] < sizes[name, "90"]
    lcomp("decode", "a.lic", "-f", "-o", "b.webp", cwd=small)
    with Image.open(small / "b.webp") as image:
        assert np.array_equal(np.asarray(image), library.decode(small / "a.lic", output="numpy"))
    refused = lcomp("decode", "a.lic", "-o", "b.png", "--output-quality", "50", cwd=small)
    assert refused.returncode == 2
    assert b"PNG" in refused.stderr


def test_pictures_are_made_smaller(small: Path) -> None:
    lcomp("encode", "a.png", *FAST, "--resize", "32", cwd=small)
    assert (library.info(small / "a.lic").width, library.info(small / "a.lic").height) == (32, 24)
    assert lcomp("encode", "a.png", "--resize", "half", cwd=small).returncode == 2
    assert (parse_resize("16x8"), parse_resize("7")) == ((16, 8), (7, 7))
    with pytest.raises(LcompError, match="start at 1"):
        library.EncodeOptions(resize=(0, 5))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_resizing_keeps_the_kind_of_picture(mode: str) -> None:
    picture = to_picture(see_through(mode))
    smaller = resized(picture, (15, 99))
    assert smaller.pixels.shape == (10, 15, 3)
    assert smaller.mode is picture.mode
    assert (smaller.alpha is None) == (picture.alpha is None)
    if smaller.alpha is not None:
        assert smaller.alpha.shape == (10, 15)
    assert resized(picture, (30, 20)) is picture
    assert resized(picture, (300, 200)) is picture


@pytest.mark.parametrize(("text", "size"), [("2k", 2000), ("1GB", 10**9), ("1Gi", 2**30), ("1.5M", 1_500_000)])
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_damage_names_its_tile_and_what_helps(small: Path, large: Path) -> None:
    data = bytearray((large / "large.lic").read_bytes())
    data[-30] ^= 1
    with pytest.raises(ChecksumError, match="section of the tile at 576,576,524,484"):
        container.read(bytes(data))
    (small / "large.lic").write_bytes(data)
    failed = lcomp("decode", "large.lic", cwd=small)
    assert failed.returncode == 3
    assert "(--salvage decodes what is left)" in one_line(failed)
    salvaged = lcomp("decode", "large.lic", "--salvage", cwd=small)
    assert salvaged.returncode == 3  # the picture is written, but not all of it is there
    assert (small / "large.png").exists()
    hopeless = lcomp("decode", "-", "-o", "x.png", data=bytes(data[:5]), cwd=small)
    assert "--salvage" not in one_line(hopeless)


def test_a_coder_that_is_not_there(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lcomp("encode", "a.png", *FAST, "--coder", "torchac", cwd=small)
    monkeypatch.setattr("lcomp.cli.options.find_spec", lambda name: None)
    monkeypatch.setattr("lcomp.cli.info.find_spec", lambda name: None)
    refused = lcomp("encode", "a.png", "--coder", "torchac", "-o", "b.lic", cwd=small)
    assert (refused.returncode, "lcomp[torchac]" in one_line(refused)) == (3, True)
    if made.returncode:
        pytest.skip("torchac cannot be built here")
    shown = lcomp("info", "a.lic", cwd=small)
    assert shown.returncode == 4
    assert "cannot be decoded here: it needs torchac" in one_line(shown)
    assert not json.loads(lcomp("info", "a.lic", "--json", cwd=small).stdout)["decodable"]


def test_names_complete() -> None:
    assert "hyperprior-visual" in model_names("hyper")
    assert decoder_names("g") == ["gan"]


def test_threads_change_nothing_but_the_time(small: Path) -> None:
    lcomp("encode", "a.png", *FAST, "--threads", "2", cwd=small)
    lcomp("encode", "a.png", *FAST, "-o", "b.lic", cwd=small)
    assert (small / "a.lic").read_bytes() == (small / "b.lic").read_bytes()
    assert lcomp("decode", "a.lic", "-o", "c.png", "--threads", "0", cwd=small).returncode == 2


def test_times_are_kept(small: Path) -> None:
    lcomp("encode", "a.png", *FAST, "--keep-times", cwd=small)
    assert (small / "a.lic").stat().st_mtime == (small / "a.png").stat().st_mtime
