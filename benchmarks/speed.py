"""Encode and decode time against CompressAI's mbt2018_mean(4), in one process and on one image.

Needs an environment of its own, because CompressAI 1.2.8 wants numpy < 2:

    python -m venv ../compare && . ../compare/bin/activate
    pip install torch==2.13.0 && pip install compressai==1.2.8 . && python benchmarks/speed.py
"""

import argparse
import warnings
from pathlib import Path

import torch
from PIL import Image
from timing import median_seconds

import lcomp

warnings.filterwarnings("ignore", category=FutureWarning)
PHOTO = Path(__file__).parent.parent / "tests" / "data" / "kodim05.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    from compressai.zoo import mbt2018_mean

    image = Image.open(PHOTO).convert("RGB")
    codec = lcomp.Codec(device="cpu")
    data = codec.encode(image, 4.0)
    ours_encode = median_seconds(lambda: codec.encode(image, 4.0), arguments.runs)
    ours_decode = median_seconds(lambda: codec.decode(data), arguments.runs)

    torch.manual_seed(0)
    theirs = mbt2018_mean(4, pretrained=False).eval()
    theirs.update()
    x = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    x = x.view(1, image.height, image.width, 3).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        coded = theirs.compress(x)
        theirs_encode = median_seconds(lambda: theirs.compress(x), arguments.runs)
        theirs_decode = median_seconds(lambda: theirs.decompress(coded["strings"], coded["shape"]), arguments.runs)

    print(f"{image.width}x{image.height}, {arguments.threads} threads, median of {arguments.runs} runs, seconds")
    print(f"lcomp hyperprior          encode {ours_encode:.3f}  decode {ours_decode:.3f}")
    print(f"CompressAI mbt2018_mean   encode {theirs_encode:.3f}  decode {theirs_decode:.3f}")
    print(f"encode + decode: {(theirs_encode + theirs_decode) / (ours_encode + ours_decode):.2f}x faster")


if __name__ == "__main__":
    main()
