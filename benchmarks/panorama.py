"""What is gained by coding panoramas as such, on files of both kinds, all bytes counted and decoded.

    python benchmarks/skyboxes.py path/to/photographs panoramas
    python benchmarks/panorama.py panoramas -m hyperprior

Of each equirectangular panorama of a folder files are made with `--projection equirect` and with `--projection flat`.
BD-rates are those of the first, at equal WS-PSNR, and with `--views` at equal SSIMULACRA2 of what is seen in six
directions. The seam is how much the error changes across the meridian, relative to how much it does where other latents
meet, on both sides of it: every 16 columns, where it changes more than from column to column elsewhere.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from skyboxes import views

import lcomp
from lcomp.encoding.ssimulacra2 import ssimulacra2
from lcomp.evaluation.bdrate import Curve, bd_rate
from lcomp.evaluation.metrics.metric import Pair
from lcomp.evaluation.metrics.psnr import WsPsnr
from lcomp.options import EncodeOptions
from lcomp.pictures.reading import pictures_below
from lcomp.types import STRIDE, Pixels

PROJECTIONS = ("equirect", "flat")

BESIDE = 4
"""Latents on either side of the meridian, where a picture shows much the same."""


class Point(NamedTuple):
    """A file, measured."""

    bpp: float
    ws_psnr: float
    seen: float  # mean SSIMULACRA2 of the views; 0 without them
    seam: float


def seam(decoded: Pixels, original: Pixels) -> float:
    """How much the error changes across the meridian, relative to where BESIDE latents meet on either side."""
    errors = decoded.astype(float) - original
    steps = np.abs(errors - np.roll(errors, 1, 1)).mean((0, 2))[::STRIDE]
    return float(2 * steps[0] / (steps[1 : BESIDE + 1].mean() + steps[-BESIDE:].mean()))


def measured(data: bytes, codec: lcomp.Codec, original: Pixels, seen: list[Pixels]) -> Point:
    """What a file of a panorama is worth, whose `views` are given."""
    decoded = np.asarray(codec.decode(data).convert("RGB"))
    height, width = original.shape[:2]
    scores = [0.0] if not seen else [ssimulacra2(*both) for both in zip(views(decoded, width // 4), seen, strict=True)]
    quality = WsPsnr().measure(Pair(decoded, original))
    return Point(8 * len(data) / (height * width), quality, float(np.mean(scores)), seam(decoded, original))


def saved(points: dict[str, list[Point]], of: str) -> float:
    """BD-rate in percent of panoramas coded as such, by a field of the points."""
    equirect, flat = (
        Curve(tuple(point.bpp for point in points[name]), tuple(getattr(point, of) for point in points[name]))
        for name in PROJECTIONS
    )
    found = bd_rate(equirect, flat)  # None where there is nothing to compare
    return float("nan") if found is None else found


def told(ws_psnr: float, seen: float, views: bool) -> str:
    """BD-rates in words."""
    return f"BD-rate by WS-PSNR {ws_psnr:+.1f} %" + (f", by SSIMULACRA2 of views {seen:+.1f} %" if views else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panoramas", type=Path)
    parser.add_argument("-m", "--model", default=None)
    parser.add_argument("-q", "--quality", type=float, nargs="+", default=[2.0, 3.0, 4.0, 6.0])
    parser.add_argument("-e", "--effort", type=int, default=1)
    parser.add_argument("--views", action="store_true", help="measure what is seen too")
    arguments = parser.parse_args()
    codec = lcomp.Codec(arguments.model)
    rates, seams = [], []
    for file in pictures_below(arguments.panoramas):
        original = np.asarray(Image.open(file).convert("RGB"))
        seen = views(original, original.shape[1] // 4) if arguments.views else []
        points: dict[str, list[Point]] = {}
        for name in PROJECTIONS:
            files = [
                codec.encode(original, EncodeOptions(quality, arguments.effort, projection=name))
                for quality in arguments.quality
            ]
            points[name] = [measured(data, codec, original, seen) for data in files]
        rates.append([saved(points, "ws_psnr"), saved(points, "seen")])
        seams.append([np.mean([point.seam for point in points[name]]) for name in PROJECTIONS])
        print(
            f"{file.name:24}",
            told(*rates[-1], arguments.views),
            f"seam {seams[-1][0]:.2f} {seams[-1][1]:.2f}",
            flush=True,
        )
    (ours, theirs) = np.mean(seams, 0)
    print(f"{len(rates)} panoramas: {told(*np.mean(rates, 0), arguments.views)}, seam {ours:.2f}, without {theirs:.2f}")


if __name__ == "__main__":
    main()
