"""A disk that is full: one line, exit code 1, nothing half-written taken for whole, nothing old lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.command import PROGRAM
from helpers.paths import GOLDEN

resource = pytest.importorskip("resource", reason="no limits of file sizes here")

LIMIT = 5000
"""Bytes that fit; what takes more ends with an error after this many, as on a disk that is full."""


def limited(*arguments: str | Path, stdout: Path, unbuffered: bool = False) -> tuple[int, str]:
    """Exit code and stderr of a command that can write no more than LIMIT bytes to any file."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if unbuffered:
        environment["PYTHONUNBUFFERED"] = "1"
    # in a shell of its own, so that the limit is not ours
    program = (
        f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}));"
        "sys.argv[0] = 'lcomp'; runpy.run_module('lcomp', run_name='__main__')"
    )
    with stdout.open("wb") as stream:
        command = [sys.executable, "-B", "-c", program, *map(str, arguments)]
        result = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, check=False, env=environment)
    return result.returncode, result.stderr.decode()


@pytest.mark.slow
@pytest.mark.process
def test_a_file_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_text("old")
    for name, force in (("new.png", []), ("old.png", ["-f"])):
        code, text = limited("decode", GOLDEN / "q4.lic", "-o", tmp_path / name, *force, stdout=tmp_path / "stdout")
        assert code == 1
        assert "cannot write" in text
        assert len(text.splitlines()) == 1
    assert (tmp_path / "old.png").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.png", "stdout"]


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_stdout_that_takes_a_part(unbuffered: bool, tmp_path: Path) -> None:
    code, text = limited("decode", GOLDEN / "q4.lic", "-o", "-", stdout=tmp_path / "stdout", unbuffered=unbuffered)
    assert (tmp_path / "stdout").stat().st_size == LIMIT
    assert code == 1
    assert len(text.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.process
def test_what_fits_is_written(tmp_path: Path) -> None:
    code, text = limited("decode", GOLDEN / "q4.lic", "-o", tmp_path / "a.jpg", stdout=tmp_path / "stdout")
    assert code == 0, text
    assert 0 < (tmp_path / "a.jpg").stat().st_size <= LIMIT


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_stdout_that_takes_nothing() -> None:
    # less than the buffer holds, so that the interpreter has it still when it ends
    commands = [["decode", str(GOLDEN / "dot.lic"), "-o", "-"], ["info", str(GOLDEN / "q4.lic")], ["models", "--json"]]
    for command in commands:
        with Path("/dev/full").open("wb") as stream:
            result = subprocess.run([*PROGRAM, *command], stdout=stream, stderr=subprocess.PIPE, check=False)
        assert result.returncode == 1, result.stderr
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert b"No space left on device" in result.stderr
