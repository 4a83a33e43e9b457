"""Where an output goes: what is refused, what is replaced, and how."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.command import PROGRAM, lcomp_process, one_line
from lcomp.cli.files import STREAM, Destination
from lcomp.errors import LcompError, OutputExistsError


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
