"""Reduced sizes and prefixes of files: how near they come, and to what.

python benchmarks/reduced.py FOLDER [-m MODEL] [-q QUALITY] [-n PICTURES]

For every scale the PSNR of `decode(scale=...)` against the averaged picture of full size, in dB, and the mean
difference of R, G and B; for every share of a file's bytes, the PSNR of `decode(partial=True)` against the original.
"""

import argparse
import logging
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lcomp
from lcomp.options import SCALES

SHARES = (0.1, 0.25, 0.5, 0.75)
LARGEST = 640
"""Pictures are cut to this side."""


def psnr(difference: NDArray[np.float64]) -> float:
    return float(10 * np.log10(255**2 / max(np.square(difference).mean(), 1e-9)))


def samples(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image, np.float64)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("-m", "--model", default="visual")
    parser.add_argument("-q", "--quality", type=float, default=4)
    parser.add_argument("-n", "--pictures", type=int, default=8)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what is cut off
    found: defaultdict[str, list[float]] = defaultdict(list)
    biases: defaultdict[str, list[NDArray[np.float64]]] = defaultdict(list)
    paths = sorted(path for path in arguments.folder.iterdir() if path.is_file())
    for path in paths[:: max(1, len(paths) // arguments.pictures)][: arguments.pictures]:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        image = image.crop((0, 0, min(image.width, LARGEST), min(image.height, LARGEST)))
        image.info.clear()  # what stands before the tiles
        data = lcomp.encode(image, arguments.quality, arguments.model)
        whole = lcomp.decode(data)
        for scale in SCALES[1:]:
            factor = round(1 / scale)
            difference = samples(lcomp.decode(data, scale=scale)) - samples(whole.reduce(factor))
            found[f"1/{factor}"].append(psnr(difference))
            biases[f"1/{factor}"].append(difference.mean((0, 1)))
        for share in SHARES:
            part = lcomp.decode(data[: int(share * len(data))], partial=True)
            found[f"{share:.0%} of the bytes"].append(psnr(samples(part) - samples(image)))
        found["all bytes"].append(psnr(samples(whole) - samples(image)))
    for name, values in found.items():
        bias = f", mean difference {np.mean(biases[name], 0).round(2)}" if name in biases else ""
        print(f"{name}: {np.mean(values):.2f} dB, least {min(values):.2f}{bias}", flush=True)


if __name__ == "__main__":
    main()
