"""How well `--size`, `--bpp` and `--psnr` are met: random targets for random pictures of a folder.

    python benchmarks/targets.py path/to/pictures --trials 200

Targets lie between what q = 1 and q = 8 give. Ends with an error where a size or rate was exceeded or a PSNR missed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import lcomp
from lcomp.encoding.distortion import psnr
from lcomp.pictures.reading import PICTURE_SUFFIXES

SIDE = 512
"""Pictures are cut to this side, to save time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--trials", type=int, default=200, help="of each kind of target")
    parser.add_argument("--effort", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the pictures and targets drawn")
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.pictures.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    random = np.random.default_rng(arguments.seed)
    codec = lcomp.Codec()
    used, rates, spare = [], [], []
    for number in range(arguments.trials):
        image = Image.open(files[random.integers(len(files))]).convert("RGB")
        image = image.crop((0, 0, min(image.width, SIDE), min(image.height, SIDE)))
        pixels, area = np.asarray(image), image.width * image.height
        ends = [codec.encode(image, lcomp.EncodeOptions(quality, effort=arguments.effort)) for quality in (1.0, 8.0)]
        low, high = (len(data) for data in ends)
        goal = int(np.exp(random.uniform(np.log(low), np.log(high))))
        used.append(len(codec.encode(image, lcomp.EncodeOptions(size=goal, effort=arguments.effort))) / goal)
        rates.append(
            8
            * len(codec.encode(image, lcomp.EncodeOptions(bpp=8 * goal / area, effort=arguments.effort)))
            / area
            / (8 * goal / area)
        )
        low, high = (psnr(np.asarray(codec.decode(data).convert("RGB")), pixels) for data in ends)
        level = random.uniform(low, high)
        reached = codec.decode(codec.encode(image, lcomp.EncodeOptions(psnr=level, effort=arguments.effort)))
        spare.append(psnr(np.asarray(reached.convert("RGB")), pixels) - level)
        if (number + 1) % 20 == 0:
            print(f"{number + 1} trials", file=sys.stderr)
    print(f"--size: {min(used):.2%} to {max(used):.2%} of the bytes used")
    print(f"--bpp: {min(rates):.2%} to {max(rates):.2%} of the rate")
    print(f"--psnr: {min(spare):+.3f} to {max(spare):+.3f} dB to spare")
    if max(used) > 1 or max(rates) > 1 or min(spare) < 0:
        sys.exit("a target was missed")


if __name__ == "__main__":
    main()
