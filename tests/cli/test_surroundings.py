"""What surrounds a command: names, folders and streams that are not as they should be (see the list of attacks)."""

import errno
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.command import PROGRAM, lcomp, lcomp_process, one_line
from helpers.pictures import noise_image
from lcomp.cli.app import run
from lcomp.cli.files import read_input
from lcomp.errors import LimitError
from lcomp.format.container import MAGIC

LIMITED = 'ulimit -v 4000000 2> /dev/null; exec "$@"'
"""A command that cannot fill the memory, where there is such a limit."""


def shell(text: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """A command line of sh, in which "$@" is lcomp with arguments."""
    command = ["sh", "-c", text, "sh", *PROGRAM, *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="such names are not allowed here")
def test_names_that_a_terminal_would_obey(folder: Path, tmp_path: Path) -> None:
    name = "two\nlines \x1b[2J.png"
    missing = lcomp("encode", name, cwd=tmp_path)
    assert missing.returncode == 1
    assert r"two\nlines \x1b[2J.png" in one_line(missing)
    (tmp_path / name).write_bytes((folder / "photo.png").read_bytes())
    done = lcomp("encode", name, cwd=tmp_path)
    assert done.returncode == 0
    assert r"two\nlines \x1b[2J.lic" in one_line(done)
    facts = lcomp("info", Path(name).with_suffix(".lic"), cwd=tmp_path)
    assert rb"two\nlines \x1b[2J.lic" in facts.stdout.splitlines()[0]


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text here")
def test_names_that_are_no_text(folder: Path, tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))).write_bytes((folder / "photo.png").read_bytes())
    result = lcomp_process("encode", "-r", ".", "-o", "out", cwd=tmp_path)
    assert result.returncode == 0
    assert one_line(result)
    assert [os.fsencode(path.name) for path in (tmp_path / "out").iterdir()] == [b"\xff.lic"]


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless device here")
def test_what_never_ends_is_not_read_on(tmp_path: Path) -> None:
    for command in ("decode", "info"):
        arguments = [command, "/dev/zero", *(["-o", tmp_path / "a.png"] if command == "decode" else [])]
        result = shell(LIMITED, *arguments)
        assert result.returncode == 3
        assert "not a .lic file" in one_line(result)
    piped = shell(f"{LIMITED} < /dev/zero", "decode", "-", "-o", tmp_path / "a.png")
    assert piped.returncode == 3
    # any start may be that of a picture, so what is too much depends on how large one may be
    for source in ("/dev/zero", "-"):
        picture = shell(f"{LIMITED} < /dev/zero", "encode", source, "--max-pixels", "1000", "-o", tmp_path / "a.lic")
        assert picture.returncode == 3
        assert "input has more than" in one_line(picture)
    assert not list(tmp_path.iterdir())


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="reads of a pipe wait here")
def test_what_is_not_there_yet_is_not_the_end(folder: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    arguments = [*PROGRAM, "decode", "-", "-o", str(tmp_path / "a.png")]
    with os.fdopen(reader, "rb") as pipe, os.fdopen(writer, "wb"):
        result = subprocess.run(arguments, stdin=pipe, capture_output=True, check=False, timeout=60)
    assert result.returncode == 1
    assert os.strerror(errno.EAGAIN) in one_line(result)


@pytest.mark.process
def test_a_slow_pipe_without_a_buffer_is_read_to_its_end(folder: Path, tmp_path: Path) -> None:
    data = (folder / "photo.lic").read_bytes()
    with subprocess.Popen(
        [*PROGRAM, "info", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdin is not None
        for part in (data[:2], data[2:100], data[100:]):
            time.sleep(0.2)
            process.stdin.write(part)
            process.stdin.flush()
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_stderr_that_takes_nothing_stops_nothing(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes((folder / "photo.png").read_bytes())
    inputs = [tmp_path / "a.png", tmp_path / "missing.png", tmp_path / "b.png"]
    for number, text in enumerate(['exec "$@" 2> /dev/full', '"$@" 2>&1 | sleep 0']):
        out = tmp_path / str(number)
        result = shell(text, "encode", *inputs, "-o", out)
        assert sorted(path.name for path in out.iterdir()) == ["a.lic", "b.lic"]
        assert not result.stderr
        # the second is that of `sleep`
        assert result.returncode == (1 if number == 0 else 0)


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no descriptors to close here")
@pytest.mark.parametrize("command", [["info"], ["info", "--json"], ["models"], ["decode", "-o", "-"]])
def test_a_closed_stdout_is_an_error(command: list[str], folder: Path) -> None:
    name, *options = command
    result = shell('exec "$@" >&-', name, *([] if name == "models" else [folder / "photo.lic"]), *options)
    assert result.returncode == 1
    assert "stdout is closed" in one_line(result)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only to this user")
def test_a_folder_that_may_not_be_written_to(folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    result = lcomp("encode", folder / "photo.png", "-o", tmp_path / "a.lic")
    tmp_path.chmod(0o700)
    assert result.returncode == 1
    assert "cannot write" in one_line(result)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no links without privileges here")
@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_the_input_by_another_name_is_not_overwritten(
    link: Callable[[Path, Path], None], folder: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes((folder / "photo.png").read_bytes())
    link(photo, tmp_path / "a.lic")
    result = lcomp("encode", photo, "-o", tmp_path / "a.lic", "-f")
    assert result.returncode == 1
    assert "input itself" in one_line(result)
    assert photo.read_bytes() == (folder / "photo.png").read_bytes()


def test_what_no_one_expected_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(standalone_mode: bool) -> None:
        raise ZeroDivisionError("of some library\nmore lines")

    monkeypatch.setattr("lcomp.cli.app.app", broken)
    assert run() == 1
    assert capfd.readouterr().err == "lcomp: unexpected ZeroDivisionError: of some library\\nmore lines\n"


def test_a_hole_in_a_file_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "hole.lic"
    with path.open("wb") as file:
        file.write(MAGIC)
        file.truncate(2**33)
    with pytest.raises(LimitError, match="more than"):
        read_input(str(path), 1, MAGIC)


@pytest.mark.process
def test_libraries_print_nothing_about_damaged_pictures(tmp_path: Path) -> None:
    """Libtiff would print a line for every row."""
    file = io.BytesIO()
    noise_image(200, 150).convert("1").save(file, "TIFF", compression="group4")
    data = bytearray(file.getvalue())
    for position in range(100, len(data) - 300, 97):
        data[position] ^= 0x5A
    (tmp_path / "a.tif").write_bytes(data)
    result = lcomp_process("encode", "a.tif", "-m", "hyperprior", "-q", "0", cwd=tmp_path)
    assert b"Fax4" not in result.stderr
    one_line(result)
