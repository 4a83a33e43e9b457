"""The command line among other processes: pipes, terminals, signals."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.command import PROGRAM, lcomp, lcomp_process
from helpers.pictures import noise_image


@pytest.mark.slow
@pytest.mark.process
def test_pipes_carry_payload_only(folder: Path) -> None:
    encoded = lcomp_process("encode", "-", "-q", "4", data=(folder / "photo.png").read_bytes())
    assert encoded.returncode == 0
    assert encoded.stdout == (folder / "photo.lic").read_bytes()
    decoded = lcomp_process("decode", "-", data=encoded.stdout)
    assert decoded.returncode == 0
    assert Image.open(io.BytesIO(decoded.stdout)).format == "PNG"
    ppm = lcomp("decode", "-", "--format", "ppm", "--quiet", data=encoded.stdout)
    assert ppm.stdout.startswith(b"P6")
    assert not ppm.stderr
    # a file to stdout, and stdin to a file
    assert lcomp("encode", folder / "photo.png", "-o", "-").stdout == encoded.stdout


@pytest.mark.process
def test_nothing_binary_goes_to_a_terminal(folder: Path) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    master, slave = pty.openpty()
    process = subprocess.run(
        [*PROGRAM, "encode", str(folder / "photo.png"), "-o", "-"],
        stdout=slave,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(slave)
    os.close(master)
    assert process.returncode == 1
    assert b"terminal" in process.stderr


@pytest.mark.process
def test_nothing_binary_is_read_from_a_terminal() -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    for command in (["encode", "-", "-o", "x.lic"], ["decode", "-"], ["info", "-"]):
        master, slave = pty.openpty()
        process = subprocess.run([*PROGRAM, *command], stdin=slave, capture_output=True, check=False, timeout=60)
        os.close(slave)
        os.close(master)
        assert process.returncode == 1
        assert b"terminal" in process.stderr
        assert len(process.stderr.splitlines()) == 1


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no descriptors to close here")
def test_stdout_is_checked_below_a_bar_too(folder: Path) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    command = [*PROGRAM, "encode", str(folder / "photo.png"), "-o", "-"]
    for shell, text in (('exec "$@" >&-', b"stdout is closed"), ('exec "$@" >&2', b"to a terminal")):
        master, slave = pty.openpty()
        process = subprocess.Popen(["sh", "-c", shell, "sh", *command], stderr=slave)
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):
            while part := os.read(master, 65536):
                shown += part
        os.close(master)
        assert process.wait() == 1
        assert text in shown
        assert b"Traceback" not in shown


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no name for stdout here")
def test_a_pipe_with_a_name(folder: Path) -> None:
    result = lcomp_process("encode", folder / "photo.png", "-o", "/dev/stdout")
    assert result.returncode == 0, result.stderr
    assert result.stdout == (folder / "photo.lic").read_bytes()


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process here")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", -signal.SIGINT), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_interrupt_leaves_no_file(name: str, code: int, tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.asarray(noise_image(600, 500)), (10, 10, 1))).save(tmp_path / "large.ppm")
    if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        pytest.skip(f"{name} is ignored here, and so in what is started here")
    process = subprocess.Popen(
        [*PROGRAM, "encode", str(tmp_path / "large.ppm"), "-v", "--device", "cpu"],
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert any(b"loading visual" in line for line in process.stderr)  # it is at work
    time.sleep(1)
    process.send_signal(getattr(signal, name))
    _, stderr = process.communicate(timeout=60)
    assert b"Traceback" not in stderr
    assert stderr.endswith(b"lcomp: interrupted\n") == (name == "SIGINT")
    assert process.returncode == code
    assert [path.name for path in tmp_path.iterdir()] == ["large.ppm"]


@pytest.mark.slow
@pytest.mark.process
def test_closed_pipe_is_quiet(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [*PROGRAM, "decode", str(folder / "photo.lic"), "-o", "-"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert result.returncode == 1
    assert b"Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no descriptors to close here")
def test_a_closed_stderr_does_not_matter(folder: Path, tmp_path: Path) -> None:
    command = [*PROGRAM, "encode", str(folder / "photo.png"), "-q", "4", "-o"]
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh"]
    result = subprocess.run([*closed, *command, "-"], stdout=subprocess.PIPE, check=False)
    assert result.returncode == 0
    assert result.stdout == (folder / "photo.lic").read_bytes()
    missing = [*command[:4], str(tmp_path / "nothing.png"), "-o", "-"]
    result = subprocess.run([*closed, *missing], stdout=subprocess.PIPE, check=False)
    assert result.returncode == 1
    assert result.stdout == b""


@pytest.mark.slow
@pytest.mark.process
def test_a_bar_shows_on_a_terminal(large: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "decode", str(large / "large.lic"), "-o", str(tmp_path / "out.png")],
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert process.wait() == 0
    assert b"decoding" in shown
    assert "\u2501".encode() in shown
