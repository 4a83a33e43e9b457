"""Peak memory and time of `lcomp encode` and `lcomp decode` for a large picture: 100 megapixels by default.

    python benchmarks/memory.py
    python benchmarks/memory.py --alpha
    python benchmarks/memory.py --decoder sr
    python benchmarks/memory.py --side 4000 --effort 2

The picture is a Kodak photograph repeated, a PPM or, with alpha, a PNG. Not for Windows.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from lcomp.options import DEFAULT_EFFORT

PHOTO = Path(__file__).parent.parent / "tests" / "data" / "kodim05.png"


def report(name: str, arguments: list[str]) -> None:
    """Run lcomp and print its peak memory and its time."""
    start = time.perf_counter()
    process = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "lcomp", *arguments])
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"lcomp {name} failed")
    print(f"{name}: {usage.ru_maxrss / 2**20:.2f} GiB, {seconds:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=10_000, help="width and height in pixels")
    parser.add_argument("--alpha", action="store_true", help="give the picture an alpha channel")
    parser.add_argument("--decoder", default="mse", help="decoder that makes the pixels")
    parser.add_argument("--effort", type=int, default=DEFAULT_EFFORT, help="time spent looking for a better file")
    arguments = parser.parse_args()
    pixels = np.asarray(Image.open(PHOTO).convert("RGB"))
    height, width = pixels.shape[:2]
    pixels = np.tile(pixels, (-(-arguments.side // height), -(-arguments.side // width), 1))
    pixels = pixels[: arguments.side, : arguments.side]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / f"large.{'png' if arguments.alpha else 'ppm'}"
        if arguments.alpha:
            Image.fromarray(np.dstack([pixels, pixels[:, ::-1, :1]])).save(picture, compress_level=1)
        else:
            Image.fromarray(pixels).save(picture)
        del pixels
        coded = f"{folder}/large.lic"
        effort = str(arguments.effort)
        report("encode", ["encode", str(picture), "-o", coded, "-q", "4", "--effort", effort, "--quiet"])
        output = f"{folder}/decoded.{'png' if arguments.alpha else 'ppm'}"
        report("decode", ["decode", coded, "-o", output, "--decoder", arguments.decoder, "--quiet"])


if __name__ == "__main__":
    main()
