"""The command line as a user meets it: files, names, errors."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.command import lcomp, lcomp_process, one_line
from helpers.paths import GOLDEN, ROOT
from lcomp import __version__
from lcomp.format import container
from lcomp.format.container import FORMAT_VERSION


@pytest.mark.slow
@pytest.mark.process
def test_encode_and_decode_beside_the_input(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.lic").write_bytes((folder / "photo.lic").read_bytes())
    result = lcomp_process("decode", "photo.lic", cwd=tmp_path)
    assert result.returncode == 0
    assert b"photo.png" in result.stderr
    assert not result.stdout
    with Image.open(tmp_path / "photo.png") as decoded, Image.open(folder / "photo.png") as original:
        difference = np.asarray(decoded).astype(float) - np.asarray(original)
    assert np.square(difference).mean() < 150
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.lic", "photo.png"]


def test_existing_output_needs_force(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.lic"
    target.write_bytes(b"precious")
    refused = lcomp("encode", folder / "photo.png", "-o", target)
    assert refused.returncode == 1
    assert "-f" in one_line(refused)
    assert target.read_bytes() == b"precious"
    assert lcomp("encode", folder / "photo.png", "-o", target, "-f").returncode == 0
    assert target.read_bytes() == (folder / "photo.lic").read_bytes()


def test_the_input_is_never_the_output(folder: Path) -> None:
    before = (folder / "photo.png").read_bytes()
    result = lcomp("encode", folder / "photo.png", "-o", folder / "photo.png", "-f")
    assert result.returncode == 1
    assert "input itself" in one_line(result)
    assert (folder / "photo.png").read_bytes() == before


def test_several_inputs_are_all_tried(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    result = lcomp(
        "encode", folder / "photo.png", tmp_path / "missing.png", tmp_path / "text.png", "-o", tmp_path / "out"
    )
    text = result.stderr.decode()
    assert result.returncode == 1
    assert "1 of 3 done, 2 failed" in text
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo.lic"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["encode", "missing.png"], 1, "No such file"),
        (["decode", "photo.png", "-o", "x.png"], 3, "not a .lic file"),
        (["encode", "photo.lic", "-o", "x.lic"], 3, "not a picture"),
        (["encode", "photo.png", "-o", "x.lic", "-m", "nothing"], 4, "unknown model"),
        (["encode", "photo.png", "-o", "x.lic", "--device", "cuda:99"], 1, "does not exist"),
        (["encode", "photo.png", "-o", "photo.png/x.lic"], 1, "cannot write"),
        (["info", "photo.png"], 3, "not a .lic file"),
    ],
)
def test_errors_are_one_line_with_a_documented_code(folder: Path, arguments: list[str], code: int, text: str) -> None:
    result = lcomp(*arguments, cwd=folder)
    assert result.returncode == code
    assert text in one_line(result)
    assert not result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode"],
        ["encode", "photo.png", "-q", "9"],
        ["encode", "photo.png", "-q", "high"],
        ["encode", "photo.png", "-q", "nan"],
        ["decode", "photo.lic", "--decoder", "gan", "--realism", "nan"],
        ["encode", "-", "-"],
        ["encode", "."],
        ["encode", "photo.png", "../cli/photo.jpg", "sub/photo.png", "-o", "out/"],
        ["encode", "a.png", "b.png", "-o", "-"],
        ["encode", "a.png", "b.png", "-o", "all.lic"],
        ["decode", "photo.lic", "--format", "doc"],
        ["decode", "photo.lic", "-o", "photo.doc"],
        ["encode", "photo.png", "-o", "x.lic", "--device", "quantum"],
        ["encode", "photo.png", "-o", "x.lic", "--coder", "huffman"],
        ["encode", "photo.png", "-o", "x.lic", "--frame", "-1"],
        ["encode", "photo.png", "-o", "x.lic", "--max-pixels", "0"],
        ["frobnicate"],
    ],
)
def test_wrong_usage_is_2(folder: Path, arguments: list[str]) -> None:
    assert lcomp(*arguments, cwd=folder).returncode == 2


@pytest.mark.process
@pytest.mark.parametrize(("arguments", "code"), [(["frobnicate"], 2), (["info", "photo.png"], 3), (["models"], 0)])
def test_a_process_says_and_returns_the_same(folder: Path, arguments: list[str], code: int) -> None:
    alone, within = lcomp_process(*arguments, cwd=folder), lcomp(*arguments, cwd=folder)
    assert alone.returncode == within.returncode == code
    assert (alone.stdout, alone.stderr.split()[-1:]) == (within.stdout, within.stderr.split()[-1:])


def test_damaged_files_are_3_and_leave_nothing(folder: Path, tmp_path: Path) -> None:
    data = (folder / "photo.lic").read_bytes()
    damaged = {"short": data[:-7], "flipped": data[:200] + bytes([data[200] ^ 4]) + data[201:], "empty": b""}
    for name, content in damaged.items():
        (tmp_path / f"{name}.lic").write_bytes(content)
        result = lcomp("decode", tmp_path / f"{name}.lic")
        assert result.returncode == 3
        one_line(result)
    assert not list(tmp_path.glob("*.png"))
    assert not list(tmp_path.glob(".lcomp*"))


def test_info_and_models(folder: Path) -> None:
    facts = json.loads(lcomp("info", folder / "photo.lic", "--json").stdout)
    assert (facts["width"], facts["height"], facts["quality"], facts["decodable"]) == (200, 136, 4.0, True)
    assert facts["bytes"] - facts["latents_bytes"] <= 32
    assert lcomp("info", "-", data=(folder / "photo.lic").read_bytes()).returncode == 0
    models = json.loads(lcomp("models", "--json").stdout)
    assert {model["name"] for model in models} >= {"hyperprior"}
    assert all(model["installed"] for model in models)


def test_info_tells_what_metadata_takes_and_what_it_is() -> None:
    file = container.read((GOLDEN / "deflated.lic").read_bytes())
    facts = json.loads(lcomp("info", GOLDEN / "deflated.lic", "--json").stdout)
    for kind, payload in (("icc", file.icc), ("exif", file.exif), ("xmp", file.xmp)):
        assert payload is not None
        assert 0 < facts[f"{kind}_bytes"] < facts[f"{kind}_original_bytes"] == len(payload)


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["models"],
        ["encode", "--help"],
        ["view", "--help"],
        ["eval", "--help"],
        ["info", "photo.lic"],
    ],
)
def test_light_commands_never_import_torch(folder: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom lcomp.__main__ import main\ntry:\n    main()\nfinally:\n    assert 'torch' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, cwd=folder, check=False)
    assert result.returncode == 0, result.stderr
    if arguments == ["--version"]:
        lines = result.stdout.decode().splitlines()
        assert lines[:2] == [f"lcomp {__version__}", f"format {FORMAT_VERSION}"]
        names = [line.split(": number ")[0] for line in lines[2:]]
        assert names[:2] == ["hyperprior", "autoregressive"]
        rest = re.compile(r"\d+, fingerprint [0-9a-f]{8}, weights [0-9a-f]{8}")
        assert all(rest.fullmatch(line.split(": number ")[1]) for line in lines[2:])


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege here, and there are no modes")
def test_links_are_followed_and_modes_kept(folder: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target.lic", tmp_path / "link.lic"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    assert lcomp("encode", folder / "photo.png", "-o", link).returncode == 1
    assert lcomp("encode", folder / "photo.png", "-o", link, "-f").returncode == 0
    assert link.is_symlink()
    assert target.read_bytes() == (folder / "photo.lic").read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege here")
def test_links_that_lead_nowhere_are_refused_before_the_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for output in ("loop", "loop/photo.lic"):
        result = lcomp("encode", folder / "photo.png", "-o", tmp_path / output, "-f")
        assert result.returncode == 1
        assert "cannot write" in one_line(result)


def test_folders_may_be_called_anything(folder: Path, tmp_path: Path) -> None:
    assert lcomp("decode", folder / "photo.lic", "-o", f"{tmp_path}/photos.2024/").returncode == 0
    assert (tmp_path / "photos.2024" / "photo.png").is_file()


def test_a_missing_input_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "missing.lic").touch()
    result = lcomp("encode", tmp_path / "missing.png", folder / "photo.png", "-o", tmp_path, "-f")
    assert result.returncode == 1
    assert (tmp_path / "photo.lic").stat().st_size > 100


def test_export_needs_a_checkpoint(tmp_path: Path) -> None:
    model = ROOT / "models" / "hyperprior.toml"
    result = lcomp("train", model, "--data", tmp_path, "--run", tmp_path, "--export-only")
    assert result.returncode == 1
    assert "no checkpoint" in one_line(result)
