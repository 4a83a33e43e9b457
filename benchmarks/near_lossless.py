"""Near-lossless coding of a folder of pictures: bits per sample by largest error, all bytes counted and decoded.

python benchmarks/near_lossless.py path/to/kodak
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import lcomp
from lcomp.options import EncodeOptions
from lcomp.pictures.reading import pictures_below


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="measure one picture in so many")
    parser.add_argument("--errors", type=int, nargs="+", default=[0, 1, 2, 3, 5])
    arguments = parser.parse_args()
    pictures = [
        np.asarray(Image.open(file).convert("RGB")) for file in pictures_below(arguments.folder)[:: arguments.every]
    ]
    codec, exact = lcomp.Codec(), 0.0
    print(f"{len(pictures)} pictures")
    print("| largest error | bits per sample | smaller than exact | PSNR, dB |\n|---|---|---|---|")
    for error in arguments.errors:
        rates, losses = [], []
        for pixels in pictures:
            data = codec.encode(pixels, EncodeOptions(lossless=True, max_error=error))
            difference = np.abs(codec.decode_array(data).astype(int) - pixels)
            assert difference.max() <= error
            rates.append(8 * len(data) / pixels.size)
            losses.append(np.mean(difference**2))
        rate = float(np.mean(rates))
        exact = exact or rate
        psnr = np.mean(20 * np.log10(255 / np.sqrt(losses))) if error else float("inf")
        print(f"| {error} | {rate:.3f} | {100 * (1 - rate / exact):.1f} % | {psnr:.1f} |", flush=True)


if __name__ == "__main__":
    main()
