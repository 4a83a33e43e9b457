"""What the decoders make of identical files: PSNR and SSIMULACRA2 at every quality, gains over `mse`, decode time.

python benchmarks/decoders.py path/to/kodak
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

import lcomp
from lcomp.encoding.distortion import psnr
from lcomp.encoding.ssimulacra2 import ssimulacra2
from lcomp.options import DEFAULT_MODEL, MSE
from lcomp.pictures.reading import PICTURE_SUFFIXES
from lcomp.zoo.registry import all_models


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("-q", "--qualities", default="1,2,3,4,5,6,7,8")
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.pictures.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    codec = lcomp.Codec(arguments.model)
    fitting = [model for model in all_models() if model.lineage[-1] == codec.model.lineage[-1]]
    names = [MSE, *(model.decoder_name for model in fitting if model.is_decoder)]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    gains: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for quality in map(float, arguments.qualities.split(",")):
        values: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for file in files[:: arguments.every]:
            image = Image.open(file).convert("RGB")
            original = np.asarray(image)
            data = codec.encode(image, lcomp.EncodeOptions(quality))
            for name in names:
                start = time.perf_counter()
                decoded = codec.decode(data, lcomp.DecodeOptions(decoder=name))
                seconds[name].append(time.perf_counter() - start)
                shown = np.asarray(decoded.convert("RGB"))
                values[name].append((psnr(shown, original), ssimulacra2(shown, original)))
        for name in names:
            differences = np.subtract(values[name], values[MSE])
            decibels, points = differences.mean(0)
            gains[name].append((decibels, points))
            level, score = np.mean(values[name], 0)
            worst = f", worst picture {differences.min(0)[0]:+.3f} dB" if name != MSE else ""
            print(
                f"q {quality:g}  {name:5} {level:.3f} dB {decibels:+.3f}, SSIMULACRA2 {score:.2f} {points:+.2f}{worst}",
                flush=True,
            )
    for name in names:
        ratio = np.median(np.divide(seconds[name], seconds[MSE]))
        decibels, points = np.mean(gains[name], 0)
        print(f"{name:5} {decibels:+.3f} dB and {points:+.2f} points in the mean, decode {ratio:.2f}x")


if __name__ == "__main__":
    main()
