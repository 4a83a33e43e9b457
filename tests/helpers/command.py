"""The command line in a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import BinaryIO


def lcomp(
    *arguments: str | Path,
    data: bytes | None = None,
    cwd: Path | None = None,
    stdout: int | BinaryIO = subprocess.PIPE,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "lcomp", *map(str, arguments)],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        cwd=cwd,
    )


def one_line(result: subprocess.CompletedProcess[bytes]) -> str:
    """The single line of an error message."""
    text = result.stderr.decode()
    assert len(text.splitlines()) == 1, text
    return text
