"""What `--effort` brings and takes: BD-rate against effort 0 and encode time in relation to it, for each model.

    python benchmarks/effort.py path/to/kodak --every 4

BD-rates are of mean PSNR, or MS-SSIM in dB where the model is tuned for it, over mean bits per pixel of real files, at
q = 2, 4, 6 and 8.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

import lcomp
from lcomp.encoding.distortion import psnr
from lcomp.evaluation.bdrate import Curve, bd_rate
from lcomp.evaluation.metrics.metric import Pair, decibels
from lcomp.evaluation.metrics.ms_ssim import MultiScaleSsim
from lcomp.pictures.reading import PICTURE_SUFFIXES
from lcomp.types import Pixels
from lcomp.zoo.registry import all_models

QUALITIES = (2.0, 4.0, 6.0, 8.0)


def score(codec: lcomp.Codec, decoded: Pixels, original: Pixels) -> float:
    """PSNR or MS-SSIM in dB."""
    if codec.model.metric == "mse":
        return psnr(decoded, original)
    metric = MultiScaleSsim()
    assert min(original.shape[:2]) >= metric.smallest_side, "the picture is too small for MS-SSIM"
    return decibels(metric.measure(Pair(decoded, original)))


def measure(codec: lcomp.Codec, images: list[Image.Image], effort: int) -> tuple[Curve, float]:
    """Mean rates and what the model is tuned for, in dB, at all qualities, and seconds per picture."""
    rates, values, seconds = [], [], 0.0
    for quality in QUALITIES:
        points = []
        for image in images:
            start = time.perf_counter()
            data = codec.encode(image, lcomp.EncodeOptions(quality, effort=effort))
            seconds += time.perf_counter() - start
            decoded = np.asarray(codec.decode(data).convert("RGB"))
            points.append((8 * len(data) / (image.width * image.height), score(codec, decoded, np.asarray(image))))
        rate, value = np.mean(points, 0)
        rates.append(float(rate))
        values.append(float(value))
    return Curve(tuple(rates), tuple(values)), seconds / len(images) / len(QUALITIES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    parser.add_argument("--efforts", default="0,1,2,3,4,5,6,7,8,9")
    parser.add_argument("--models", default=",".join(model.name for model in all_models() if not model.inventive))
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.pictures.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    images = [Image.open(file).convert("RGB") for file in files[:: arguments.every]]
    for model in arguments.models.split(","):
        codec = lcomp.Codec(model)
        codec.encode(images[0], lcomp.EncodeOptions(4.0))  # not counted: the model is loaded
        anchor, least = measure(codec, images, 0)
        for effort in map(int, arguments.efforts.split(",")):
            curve, seconds = (anchor, least) if effort == 0 else measure(codec, images, effort)
            rate = bd_rate(curve, anchor)
            gain = "     - %" if rate is None else f"{rate:+6.2f} %"
            print(f"{model:18} effort {effort}: {gain}  {seconds:7.2f} s  {seconds / least:6.1f}x", flush=True)


if __name__ == "__main__":
    main()
