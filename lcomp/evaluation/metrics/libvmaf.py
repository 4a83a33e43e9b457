"""VMAF and PSNR-HVS by the libvmaf of an ffmpeg."""

import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from lcomp.errors import LcompError
from lcomp.evaluation.ffmpeg import program_with, run
from lcomp.evaluation.metrics.metric import Metric, Pair

EXACT = 100.0
"""PSNR-HVS in dB of an exact copy, so that means over pictures stay finite."""

GRAPH = "[0:v]format=yuv444p[a];[1:v]format=yuv444p[b];[a][b]libvmaf=feature=name=psnr_hvs:log_fmt=json:log_path={}"


class Scores(NamedTuple):
    """What libvmaf says of a picture."""

    vmaf: float  # 0 to 100
    psnr_hvs: float  # dB


@lru_cache(maxsize=1)
def scores(pair: Pair) -> Scores:
    """Both of a pair, in one run; raises LcompError where there is no ffmpeg or it fails."""
    program = program_with("filters", "libvmaf")
    if program is None:
        raise LcompError("there is no ffmpeg with libvmaf")
    with tempfile.TemporaryDirectory(prefix="lcomp-vmaf-") as folder:
        for name, pixels in (("ours", pair.after), ("original", pair.before)):
            Image.fromarray(pixels).save(f"{folder}/{name}.png", compress_level=1)
        # the log is named without its folder: a filter graph gives colons and backslashes of a path a meaning
        command = ["-i", "ours.png", "-i", "original.png", "-lavfi", GRAPH.format("log.json"), "-f", "null", "-"]
        run(program, command, b"", folder)
        try:
            pooled = json.loads(Path(folder, "log.json").read_text(encoding="utf-8"))["pooled_metrics"]
            vmaf, psnr_hvs = pooled["vmaf"]["mean"], pooled["psnr_hvs"]["mean"]
            return Scores(float(vmaf), EXACT if psnr_hvs is None else min(float(psnr_hvs), EXACT))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LcompError(f"ffmpeg computes no VMAF: {error}") from error


class LibvmafMetric(Metric):
    """A metric of libvmaf; no model is trained on it."""

    smallest_side = 20
    perceptual = True
    needs = "an ffmpeg with libvmaf"

    def available(self) -> bool:
        """Whether there is an ffmpeg with libvmaf."""
        return program_with("filters", "libvmaf") is not None


class Vmaf(LibvmafMetric):
    """VMAF (Li 2016), its default model, which was made for video."""

    name, title, decimals, axis = "vmaf", "VMAF", 1, "VMAF"

    def measure(self, pair: Pair) -> float:
        """A score of 0 to 100."""
        return scores(pair).vmaf


class PsnrHvs(LibvmafMetric):
    """PSNR-HVS (Egiazarian 2006)."""

    name, title, decimals, axis = "psnr_hvs", "PSNR-HVS", 2, "PSNR-HVS, dB"

    def measure(self, pair: Pair) -> float:
        """In dB."""
        return scores(pair).psnr_hvs
