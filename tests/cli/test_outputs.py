"""Where an output goes: what is refused, what is replaced, and how."""

import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
import typer

from helpers.command import PROGRAM, lcomp_process, one_line
from lcomp.cli.batch import Manner, run
from lcomp.cli.files import STREAM, Destination
from lcomp.cli.inputs import Job
from lcomp.cli.reports import RehearsalReport
from lcomp.errors import LcompError, OutputExistsError
from lcomp.types import Progress


def test_an_output_made_meanwhile_is_kept(tmp_path: Path) -> None:
    destination = Destination(str(tmp_path / "out"), STREAM, force=False)
    (tmp_path / "out").write_bytes(b"of another run")
    with pytest.raises(OutputExistsError):
        destination.write(b"ours")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"of another run"]
    with pytest.raises(OutputExistsError):
        Destination(str(tmp_path / "out"), STREAM, force=False)
    Destination(str(tmp_path / "out"), STREAM, force=True).write(b"ours")
    assert (tmp_path / "out").read_bytes() == b"ours"


def test_outputs_that_can_never_be_written_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"no folder")
    with pytest.raises(LcompError, match="Not a directory"):
        Destination(str(tmp_path / "file" / "sub" / "out"), STREAM, force=False)
    Destination(str(tmp_path / "new" / "sub" / "out"), STREAM, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    if os.name == "posix":
        monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
        with pytest.raises(LcompError, match="Permission denied"):
            Destination(str(tmp_path / "new" / "out"), STREAM, force=True)


@pytest.mark.skipif(sys.platform == "win32", reason="no links without privileges here")
def test_a_link_to_nothing_is_no_output_that_is_done(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(LcompError, match="exists") as refused:
        Destination(str(tmp_path / "link"), STREAM, force=False)
    assert not isinstance(refused.value, OutputExistsError)


@pytest.mark.skipif(os.name != "posix", reason="no modes here")
def test_modes_are_those_of_what_is_replaced_or_of_any_new_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    before = os.umask(0o277)  # what is new may not even be read by others, nor written to by anyone
    try:
        Destination(str(path), STREAM, force=False).write(b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    path.chmod(0o444)
    Destination(str(path), STREAM, force=True).write(b"newer")
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert path.read_bytes() == b"newer"


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_full_stdout_is_named(folder: Path) -> None:
    for command in (["info", "photo.lic"], ["encode", "photo.png", "-o", "-"]):
        with Path("/dev/full").open("wb") as full:
            result = lcomp_process(*command, cwd=folder, stdout=full)
        assert result.returncode == 1
        assert "cannot write stdout: No space left on device" in one_line(result)


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is used stays here")
def test_a_current_folder_that_is_gone(folder: Path, tmp_path: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    command = ["sh", "-c", script, "sh", *PROGRAM]
    command += ["encode", str(folder / "photo.png"), "-o", str(tmp_path / "photo.lic")]
    result = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert one_line(result) == "lcomp: the current folder is gone\n"


@dataclass(frozen=True)
class MoreThanAPipeHolds:
    """Work that writes a megabyte."""

    def __call__(self, source: str, output: str, progress: Progress) -> RehearsalReport:
        Destination(output, source, force=False).write(bytes(2**20))
        return RehearsalReport(source, output)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names here")
@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_pipe_that_nobody_reads_on_fails_alone(
    processes: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pipe, after = tmp_path / "a.out", tmp_path / "b.out"
    os.mkfifo(pipe)
    reader = Thread(target=lambda: pipe.open("rb").close())
    reader.start()
    jobs = [Job("a.in", str(pipe)), Job("b.in", str(after))]
    with pytest.raises(typer.Exit) as left:
        run(MoreThanAPipeHolds(), jobs, Manner("copying", verbose=False, quiet=False, jobs=processes))
    reader.join()
    assert left.value.exit_code == 1
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines[:-1]) == [f"b.in -> {after}", f"lcomp: a.in: cannot write {pipe}: Broken pipe"]
    assert lines[-1] == "1 of 2 done, 1 failed"
    assert after.stat().st_size == 2**20


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="a broken pipe is another error here")
def test_a_stdout_that_nobody_reads_on_ends_without_a_word(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        result = lcomp_process("info", "photo.lic", "photo.lic", cwd=folder, stdout=stdout)
    assert (result.returncode, result.stderr) == (1, b"")
