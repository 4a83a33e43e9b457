"""What the decoder `fast` loses against `mse`, and the time that it saves.

python benchmarks/light.py FOLDER [-m MODEL] [-n PICTURES]

Every picture is coded once at each whole quality and decoded by both, in turn, warm, in one process: the mean loss of
PSNR and of SSIMULACRA2, and the ratio of the times of whole decodes.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

import lcomp
from lcomp.encoding.distortion import psnr
from lcomp.encoding.ssimulacra2 import ssimulacra2

DECODERS = "mse", "fast"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-m", "--model", default="visual")
    parser.add_argument("-n", "--pictures", type=int, default=24)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.iterdir() if path.suffix != ".csv")
    chosen = paths[:: max(1, len(paths) // arguments.pictures)][: arguments.pictures]
    codec, losses, ratios = lcomp.Codec(arguments.model), [], []
    for quality in range(1, 9):
        found = []
        for path in chosen:
            with Image.open(path) as opened:
                pixels = np.asarray(opened.convert("RGB"))
            data, scores, seconds = codec.encode(pixels, lcomp.EncodeOptions(quality)), [], []
            for decoder in DECODERS:
                options = lcomp.DecodeOptions(decoder)
                codec.decode(data, options)
                start = time.perf_counter()
                shown = np.asarray(codec.decode(data, options))
                seconds.append(time.perf_counter() - start)
                scores.append((psnr(shown, pixels), ssimulacra2(shown, pixels)))
            found.append(np.subtract(*scores))
            ratios.append(seconds[0] / seconds[1])
        losses.append(np.mean(found, 0))
        print(f"q {quality}: {losses[-1][0]:.2f} dB, {losses[-1][1]:.2f} points of SSIMULACRA2", flush=True)
    loss, points = np.mean(losses, 0)
    print(f"mean: {loss:.2f} dB, {points:.2f} points; decodes take 1/{np.median(ratios):.2f} of the time (median)")


if __name__ == "__main__":
    main()
