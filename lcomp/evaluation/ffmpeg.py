"""An ffmpeg: the one on PATH, or that of the package imageio-ffmpeg, whichever has what is needed."""

import importlib.util
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Literal

from lcomp.errors import LcompError


def candidates() -> list[str]:
    """The ffmpeg programs that may be used, the one on PATH first."""
    found = [program for program in (shutil.which("ffmpeg"),) if program]
    if importlib.util.find_spec("imageio_ffmpeg") is not None:
        from imageio_ffmpeg import get_ffmpeg_exe

        found.append(get_ffmpeg_exe())
    return found


@cache
def program_with(kind: Literal["filters", "encoders"], name: str) -> str | None:
    """An ffmpeg with a filter or an encoder; None where there is none."""
    for program in candidates():
        listed = subprocess.run([program, "-hide_banner", f"-{kind}"], capture_output=True, text=True, check=False)
        if f" {name} " in listed.stdout:
            return program
    return None


def run(program: str, arguments: list[str], data: bytes, folder: str | Path | None = None) -> bytes:
    """What ffmpeg writes to stdout for the data on its stdin; raises LcompError where it fails."""
    command = [program, "-hide_banner", "-loglevel", "error", *arguments]
    ran = subprocess.run(command, input=data, cwd=folder, capture_output=True, check=False)
    if ran.returncode:
        last = ran.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
        raise LcompError(f"ffmpeg fails: {last[0]}")
    return ran.stdout
