"""VMAF and PSNR-HVS by the libvmaf of an ffmpeg: the one on PATH, or that of the package imageio-ffmpeg."""

import importlib.util
import json
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from lcomp.errors import LcompError
from lcomp.types import Pixels

SMALLEST_SIDE = 16
"""Smallest side in pixels for which libvmaf computes both."""

EXACT = 100.0
"""PSNR-HVS in dB of an exact copy, so that means over pictures stay finite."""

GRAPH = "[0:v]format=yuv444p[a];[1:v]format=yuv444p[b];[a][b]libvmaf=feature=name=psnr_hvs:log_fmt=json:log_path={}"


class Scores(NamedTuple):
    """What libvmaf says of a picture."""

    vmaf: float  # 0 to 100
    psnr_hvs: float  # dB


def candidates() -> list[str]:
    """The ffmpeg programs that may be used, the one on PATH first."""
    found = [program for program in (shutil.which("ffmpeg"),) if program]
    if importlib.util.find_spec("imageio_ffmpeg") is not None:
        from imageio_ffmpeg import get_ffmpeg_exe

        found.append(get_ffmpeg_exe())
    return found


@cache
def ffmpeg() -> str | None:
    """An ffmpeg with libvmaf; None where there is none."""
    for program in candidates():
        filters = subprocess.run([program, "-hide_banner", "-filters"], capture_output=True, text=True, check=False)
        if " libvmaf " in filters.stdout:
            return program
    return None


def scores(ours: Pixels, original: Pixels) -> Scores | None:
    """VMAF (Li 2016, its default model, made for video) and PSNR-HVS (Egiazarian 2006) of 8-bit RGB pixels [H, W, 3].

    None without ffmpeg and for pictures that are too small; raises LcompError where ffmpeg fails.
    """
    program = ffmpeg()
    if program is None or min(original.shape[:2]) < SMALLEST_SIDE:
        return None
    with tempfile.TemporaryDirectory(prefix="lcomp-vmaf-") as folder:
        for name, pixels in (("ours", ours), ("original", original)):
            Image.fromarray(pixels).save(f"{folder}/{name}.png", compress_level=1)
        # the log is named without its folder: a filter graph gives colons and backslashes of a path a meaning
        command = [program, "-hide_banner", "-nostdin", "-i", "ours.png", "-i", "original.png"]
        command += ["-lavfi", GRAPH.format("log.json"), "-f", "null", "-"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        try:
            pooled = json.loads(Path(folder, "log.json").read_text(encoding="utf-8"))["pooled_metrics"]
            vmaf, psnr_hvs = pooled["vmaf"]["mean"], pooled["psnr_hvs"]["mean"]
            return Scores(float(vmaf), EXACT if psnr_hvs is None else min(float(psnr_hvs), EXACT))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LcompError(f"ffmpeg computes no VMAF: {ran.stderr.strip().splitlines()[-1:]}") from error
