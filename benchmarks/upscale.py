"""`decode --upscale 2` against interpolation: pictures halved, coded, and shown at their first size again.

    python benchmarks/upscale.py path/to/pictures -n 12

Each picture is cut to an even size and halved as the encoder does (Lanczos), coded at a few qualities and without
losses, and decoded at twice that size: by the network, and by Lanczos and bicubic interpolation of the same decoded
pixels. PSNR in dB and SSIMULACRA2 against the original.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
from PIL import Image

import lcomp
from lcomp.encoding.distortion import psnr
from lcomp.encoding.half_size import halve
from lcomp.encoding.ssimulacra2 import ssimulacra2
from lcomp.pictures.reading import pictures_below

FILTERS = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("-n", type=int, default=12, help="of so many pictures, evenly by name")
    parser.add_argument("--models", default="visual,autoregressive")
    parser.add_argument("-q", default="2,4,6,lossless")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # that detail is a guess
    files = pictures_below(arguments.pictures)
    codec = lcomp.Codec()
    for model in arguments.models.split(","):
        encoder = lcomp.Codec(model)
        for quality in arguments.q.split(","):
            lossless = quality == "lossless"
            options = lcomp.EncodeOptions(lossless=True) if lossless else lcomp.EncodeOptions(float(quality))
            rows: dict[str, list[tuple[float, float]]] = {}
            for file in files[:: max(len(files) // arguments.n, 1)][: arguments.n]:
                image = Image.open(file).convert("RGB")
                original = np.asarray(image.crop((0, 0, image.width // 2 * 2, image.height // 2 * 2)))
                data = encoder.encode(Image.fromarray(halve(original)), options)
                small = codec.decode(data)
                shown = {name: small.resize(original.shape[1::-1], kind) for name, kind in FILTERS.items()}
                shown["upscale"] = codec.decode(data, lcomp.DecodeOptions(upscale=2))
                for name, picture in shown.items():
                    pixels = np.asarray(picture)
                    rows.setdefault(name, []).append((psnr(pixels, original), ssimulacra2(pixels, original)))
            for name, values in rows.items():
                decibels, score = np.mean(values, 0)
                print(f"{model:14} -q {quality:8} {name:8} {decibels:.3f} dB  SSIMULACRA2 {score:.2f}", flush=True)


if __name__ == "__main__":
    main()
