"""Which inputs a command takes, and what it says about them."""

import json
from pathlib import Path

import pytest
import typer
from PIL import Image

from helpers.command import lcomp, one_line
from lcomp.cli.inputs import plan
from lcomp.format.container import MAGIC

PNG, LIC = frozenset({".png"}), frozenset({".lic"})


def test_an_output_in_the_place_of_an_input_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the programs of other codecs take it: else the original would be decoded to."""
    monkeypatch.chdir(tmp_path)
    pictures = frozenset({".png", ".jpg"})
    for name in ("a.lic", "b.lic", "b.png", "c.png"):
        Path(name).touch()
    for name in ("a.lic", "b.lic"):
        Path(name).write_bytes(MAGIC)
    Path("d.lic").mkdir()
    refused = (
        ["a.lic", "a.png"],
        ["a.lic", "restored.png"],
        ["a.lic", "restored"],
        ["a.lic", "b.png"],
        ["a.lic", "x.JPG"],
        ["a.lic", "-"],
        ["-", "x.png"],
        ["a.lic", "b.lic", "x.png"],
    )
    for inputs in refused:
        with pytest.raises(typer.BadParameter, match="name that with -o"):
            plan(inputs, None, ".png", LIC, results=pictures)
    for inputs in (["c.png", "c.lic"], ["b.png", "x.lic"], ["b.png", "a.lic"], ["b.png", "c.png", "x.lic"]):
        with pytest.raises(typer.BadParameter, match="name that with -o"):
            plan(inputs, None, ".lic", PNG)
    Path("misnamed.png").write_bytes(MAGIC)
    for inputs in (
        ["a.lic", "b.lic"],
        ["b.lic", "b.png"],
        ["a.lic", "misnamed.png"],
        ["a.lic", "b.lic", "b.png"],
        ["a.lic", "missing.lic"],
    ):
        assert len(plan(inputs, None, ".png", LIC, results=pictures).jobs) == len(inputs)
    assert len(plan(["b.png", "x.lic"], "out/", ".lic", PNG).jobs) == 2
    assert len(plan([".", "d.lic"], None, ".lic", PNG, recursive=True).jobs) == 3


def test_what_was_made_before_is_no_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Path(name).touch()
    Path("a.lic").write_bytes(MAGIC)
    jobs = plan(["a.lic", "a.png", "b.png"], "out", ".lic", PNG).jobs
    assert [job.problem for job in jobs] == ["is a .lic file already", "", ""]
    assert [Path(job.output).name for job in jobs] == ["a.lic", "a.lic", "b.lic"]
    assert jobs[0].is_output
    # what is only called so is tried, as it is alone
    Path("a.lic").touch()
    Path("b.png").write_bytes(MAGIC)
    assert not any(job.problem for job in plan(["b.png", "c.lic"], "out", ".png", LIC).jobs)
    assert not plan(["a.lic"], "out.lic", ".lic", PNG).jobs[0].problem


def test_a_glob_goes_on(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes((folder / "photo.png").read_bytes())
    (tmp_path / "b").mkdir()
    first = lcomp("encode", "a.png", "b", cwd=tmp_path)
    assert first.returncode == 1
    assert b"lcomp: b: is a directory: use --recursive\n1 of 2 done, 1 failed\n" in first.stderr
    again = lcomp("encode", "a.lic", "a.png", "--skip-existing", cwd=tmp_path)
    assert again.returncode == 0
    assert one_line(again) == "0 of 2 done, 0 failed, 2 skipped\n"
    assert one_line(lcomp("encode", "a.png", "--skip-existing", cwd=tmp_path)) == "0 of 1 done, 0 failed, 1 skipped\n"


def test_names_are_not_empty() -> None:
    cases: list[tuple[list[str], str | None]] = [([""], None), (["a.png", ""], None), (["a.png"], "")]
    for inputs, output in cases:
        with pytest.raises(typer.BadParameter, match="empty"):
            plan(inputs, output, ".lic", PNG)


def test_info_of_several_files(folder: Path) -> None:
    photo, missing = folder / "photo.lic", folder / "missing.lic"
    shown = lcomp("info", photo, missing, photo)
    assert shown.returncode == 1
    assert "missing.lic: No such file" in one_line(shown)
    first, second = shown.stdout.decode().splitlines()
    assert first == second
    assert first.split()[1:4] == ["200x136", "RGB", str(photo.stat().st_size)]
    assert first.endswith("checksums ok")
    first, second = lcomp("info", "-v", photo, photo).stdout.decode().split("\n\n")
    assert first == second.rstrip("\n")
    assert "checksums ok" in first
    lines = lcomp("info", photo, photo, "--json").stdout.splitlines()
    assert [json.loads(line)["width"] for line in lines] == [200, 200]
    damaged = lcomp("info", "-", data=photo.read_bytes()[:-9])
    assert damaged.returncode == 3
    assert one_line(damaged).startswith("lcomp: stdin: file is truncated")
    assert lcomp("info", folder).returncode == 2
    empty = folder / "empty"
    empty.mkdir()
    nothing = lcomp("info", "-r", empty)
    assert (nothing.returncode, one_line(nothing)) == (1, f"lcomp: there is no .lic file in {empty}\n")
    assert lcomp("info", "-r", folder).stdout.count(b"checksums ok") == len(list(folder.rglob("*.lic")))


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_notes_name_their_input(jobs: str, folder: Path, tmp_path: Path) -> None:
    with Image.open(folder / "photo.png") as image:
        image.convert("CMYK").save(tmp_path / "a.tif")
    result = lcomp("encode", "a.tif", folder / "photo.png", "-o", "out", "--jobs", jobs, cwd=tmp_path)
    assert result.returncode == 0
    assert b"lcomp: a.tif: CMYK without" in result.stderr
