"""`lcomp view`: the page, what stands in it, and what is refused."""

import base64
import errno
import io
import json
import os
import re
import tempfile
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lcomp as package
from helpers.coded import coded
from helpers.command import lcomp, one_line
from helpers.paths import GOLDEN
from helpers.pictures import noise_image
from lcomp.format.container import MAGIC


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser would have opened."""
    found: list[str] = []

    def note(url: str) -> bool:
        found.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", note)
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small.png, and small.lic of `visual`, which has two decoders."""
    folder = tmp_path_factory.mktemp("view")
    noise_image(40, 24, noise=4).save(folder / "small.png")
    # the encoder itself would store a picture as small as this
    with Image.open(folder / "small.png") as image:
        (folder / "small.lic").write_bytes(coded(image, 2, "visual", effort=0).data)
    return folder


def contents(page: bytes | str) -> dict[str, Any]:
    """What the script of a page works on."""
    text = page if isinstance(page, str) else page.decode("ascii")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


def shown(data: dict[str, Any], version: dict[str, Any]) -> Image.Image:
    """A picture of a page."""
    kind, _, payload = data["images"][version["image"]].partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(payload)))
    assert kind == f"data:image/{str(image.format).lower()}"
    return image


def test_a_page_shows_what_the_decoders_make(small: Path) -> None:
    result = lcomp("view", "small.lic", "-o", "-", cwd=small)
    assert result.returncode == 0, result.stderr
    data = contents(result.stdout)
    (file,) = data["files"]
    assert (file["name"], file["width"], file["height"]) == ("small.lic", 40, 24)
    assert f"{(small / 'small.lic').stat().st_size:,} bytes" in file["size"]
    assert file["facts"] == ["model visual", "quality 2", "made for decoder mse"]
    versions = [(version["decoder"], version["realism"]) for version in file["versions"]]
    assert versions == [("mse", None), *(("gan", step / 4) for step in range(5)), ("fast", None)]
    assert versions[file["usual"]] == ("mse", None)
    source = (small / "small.lic").read_bytes()
    for version in file["versions"]:
        decoded = package.decode(source, "cpu", decoder=version["decoder"], realism=version["realism"])
        assert np.array_equal(np.asarray(shown(data, version)), np.asarray(decoded))
        assert not version["scores"]
    assert len(data["images"]) < len(versions)  # of no realism is what `mse` makes


def test_a_page_asks_nothing_of_others(small: Path) -> None:
    page = lcomp("view", "small.lic", "-o", "-", cwd=small).stdout.decode("ascii")
    addresses = set(re.findall(r"https?://[^\s\"'`<>)]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"} & addresses
    assert not re.search(r"<(script|img|iframe|link)[^>]+(src|href)=[\"'](?!data:)", page)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_an_original_is_measured_against(small: Path) -> None:
    result = lcomp("view", "small.lic", "--original", "small.png", "--decoder", "mse", "-o", "-", cwd=small)
    data = contents(result.stdout)
    original, file = data["files"]
    assert (original["name"], original["is_original"], file["original"]) == ("small.png", True, 0)
    assert data["metrics"] == ["SSIMULACRA2", "PSNR, dB", "MS-SSIM"]
    ((score, psnr, ms_ssim),) = [version["scores"] for version in file["versions"]]
    with Image.open(small / "small.png") as image:
        assert np.array_equal(np.asarray(shown(data, original["versions"][0])), np.asarray(image))
        ours = np.asarray(shown(data, file["versions"][0])).astype(float)
        square = np.square(ours - np.asarray(image)).mean()
    assert float(psnr) == pytest.approx(10 * np.log10(255**2 / square), abs=1e-3)
    assert float(score) < 100
    assert ms_ssim == "-"  # of a picture this small there is none


def test_one_original_is_that_of_all_files(small: Path) -> None:
    names = ("small.lic", "small.lic")
    result = lcomp("view", *names, "--original", "small.png", "--decoder", "gan", "-o", "-", cwd=small)
    data = contents(result.stdout)
    assert [file["original"] for file in data["files"]] == [None, 0, 0]
    # without the decoder that it was made for, all of the realism is shown at first
    assert data["files"][1]["versions"][data["files"][1]["usual"]]["realism"] == 1


def test_lossless_files_are_exact(tmp_path: Path) -> None:
    noise_image(32, 24).save(tmp_path / "a.png")
    assert lcomp("encode", "a.png", "--lossless", "--effort", "0", cwd=tmp_path).returncode == 0
    data = contents(lcomp("view", "a.lic", "--original", "a.png", "-o", "-", cwd=tmp_path).stdout)
    (version,) = data["files"][1]["versions"]
    assert (version["decoder"], version["realism"]) == (None, None)
    assert version["scores"][:2] == ["exact", "exact"]
    assert len(data["images"]) == 1


@pytest.mark.parametrize(
    ("name", "mode", "note"),
    [
        ("stored_alpha", "RGBA", None),
        ("lossless_deep_grey", "L", "16 bits"),
        ("lossless_deep_rgba", "RGBA", "16 bits"),
        ("stored_grey", "L", None),
    ],
)
def test_all_kinds_of_pictures_are_shown(name: str, mode: str, note: str | None) -> None:
    data = contents(lcomp("view", GOLDEN / f"{name}.lic", "-o", "-").stdout)
    (file,) = data["files"]
    image = shown(data, file["versions"][0])
    assert image.size == (file["width"], file["height"])
    decoded = package.Codec(device="cpu").decode_picture((GOLDEN / f"{name}.lic").read_bytes()).image
    assert np.array_equal(np.asarray(image.convert(mode)), np.asarray(decoded))
    assert any(note in each for each in file["notes"]) if note else not file["notes"]


def test_large_pictures_are_reduced_and_said_to_be(small: Path) -> None:
    data = contents(lcomp("view", "small.lic", "--max-side", "16", "--decoder", "mse", "-o", "-", cwd=small).stdout)
    (file,) = data["files"]
    assert shown(data, file["versions"][0]).size == (16, 10)
    assert (file["width"], file["height"]) == (40, 24)
    assert file["notes"] == ["shown at 16x10, reduced from 40x24 (--max-side); metrics are of full size"]


def test_metadata_stays_out_of_the_page(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    noise_image(24, 16).save(tmp_path / "a.png", exif=exif)
    assert lcomp("encode", "a.png", "--lossless", "-e", "0", cwd=tmp_path).returncode == 0
    data = contents(lcomp("view", "a.lic", "-o", "-", cwd=tmp_path).stdout)
    assert not shown(data, data["files"][0]["versions"][0]).getexif()


def test_a_page_is_opened_and_stays(
    small: Path, opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = lcomp("view", small / "small.lic", "--decoder", "mse")
    assert result.returncode == 0
    assert not result.stdout
    (page,) = tmp_path.rglob("*.html")
    assert opened == [page.as_uri()]
    assert str(page) in one_line(result)
    # in a place of one's own, and without a browser
    out = tmp_path / "my page.html"
    assert lcomp("view", small / "small.lic", "--decoder", "mse", "-o", out, "--no-open").returncode == 0
    assert contents(out.read_bytes())["files"]
    assert len(opened) == 1


def test_a_page_that_cannot_be_written_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "fsync", full)
    result = lcomp("view", GOLDEN / "stored_grey.lic")
    assert result.returncode == 1
    assert one_line(result).startswith("lcomp: cannot write a temporary page: No space left on device")
    assert not list(tmp_path.iterdir())


def test_without_a_browser_the_page_is_named(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    result = lcomp("view", small / "small.lic", "--decoder", "mse", "-o", tmp_path / "a.html", "--quiet")
    assert result.returncode == 0
    assert "no browser" in one_line(result)


def test_existing_pages_need_force(small: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(b"precious")
    refused = lcomp("view", small / "small.lic", "-o", page)
    assert refused.returncode == 1
    assert "-f" in one_line(refused)
    assert page.read_bytes() == b"precious"
    assert lcomp("view", small / "small.lic", "--decoder", "mse", "-o", page, "-f").returncode == 0
    assert page.read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["small.png"], 3, "small.png: not a .lic file"),
        (["missing.lic"], 1, "missing.lic: No such file"),
        (["short.lic"], 3, "short.lic: file is truncated"),
        (["small.lic", "--original", "missing.png"], 1, "missing.png: No such file"),
        (["small.lic", "--original", "small.lic"], 3, "small.lic: not a picture"),
        (["small.lic", "--original", "other.png"], 1, "is not the original of small.lic: 8x8 pixels, not 40x24"),
        (["small.lic", "--original", "film.gif"], 3, "film.gif: animated"),
        (["small.lic", "--decoder", "sr"], 4, "decoder 'sr' is not for files of 'visual' (mse, gan, fast)"),
        (["small.lic", "--max-pixels", "100"], 3, "limit 100"),
        (["small.lic", "--device", "cuda:99"], 1, "does not exist"),
        (["page.html", "-o", "page.html", "-f"], 1, "is an input"),
        (["small.lic", "-o", "small.lic/page.html"], 1, "cannot write"),
    ],
)
def test_errors_are_one_line_with_a_documented_code(
    small: Path, opened: list[str], arguments: list[str], code: int, text: str
) -> None:
    (small / "short.lic").write_bytes((small / "small.lic").read_bytes()[:-9])
    (small / "page.html").write_bytes(MAGIC)
    Image.new("RGB", (8, 8)).save(small / "other.png")
    Image.new("L", (40, 24)).save(small / "film.gif", save_all=True, append_images=[Image.new("L", (40, 24), 255)])
    result = lcomp("view", *arguments, cwd=small)
    assert result.returncode == code
    assert text in one_line(result)
    assert not result.stdout
    assert not opened


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["."],
        ["small.lic", "--original", "."],
        ["-", "-"],
        ["small.lic", "-o", "page.png"],
        ["small.lic", "-o", "small.lic", "-f"],
        ["small.lic", "-o", "page"],
        ["small.lic", "--max-side", "8"],
        ["small.lic", "--decoder", "vae"],
        ["small.lic", "--original", "small.png", "--original", "small.png"],
        ["small.lic", "--device", "quantum"],
    ],
)
def test_wrong_usage_is_2(small: Path, opened: list[str], arguments: list[str]) -> None:
    before = (small / "small.lic").read_bytes()
    assert lcomp("view", *arguments, cwd=small).returncode == 2
    assert (small / "small.lic").read_bytes() == before
    assert not opened


def test_a_bad_file_does_not_hide_the_others(small: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.lic").write_bytes(b"no")
    result = lcomp("view", tmp_path / "bad.lic", small / "small.lic", "--decoder", "mse", "-o", "-")
    assert result.returncode == 3
    assert "bad.lic: not a .lic file" in one_line(result)
    assert [file["name"] for file in contents(result.stdout)["files"]] == ["small.lic"]


def test_stdin_and_names_that_are_markup(small: Path, tmp_path: Path) -> None:
    data = (small / "small.lic").read_bytes()
    piped = lcomp("view", "-", "--decoder", "mse", "-o", "-", data=data)
    assert contents(piped.stdout)["files"][0]["name"] == "stdin"
    name = "<script>&é.lic"
    (tmp_path / name).write_bytes(data)
    page = lcomp("view", name, "--decoder", "mse", "-o", "-", cwd=tmp_path).stdout.decode("ascii")
    assert "<script>&" not in page
    assert contents(page)["files"][0]["name"] == name
    assert "<title>&lt;script&gt;&amp;&#233;.lic" in page


def test_names_tell_files_apart(small: Path, tmp_path: Path) -> None:
    for folder in ("p", "q"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.lic").write_bytes((small / "small.lic").read_bytes())
    result = lcomp("view", "p/a.lic", "q/a.lic", "--decoder", "mse", "-o", "-", cwd=tmp_path)
    data = contents(result.stdout)
    assert [file["name"] for file in data["files"]] == ["p/a.lic", "q/a.lic"]
    assert len(data["images"]) == 1
