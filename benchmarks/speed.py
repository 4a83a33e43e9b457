"""Encode and decode time against CompressAI's models, in one process and on one image.

Needs an environment of its own, because CompressAI 1.2.8 wants numpy < 2:

    python -m venv ../compare && . ../compare/bin/activate
    pip install torch==2.13.0 && pip install compressai==1.2.8 . && python benchmarks/speed.py

CompressAI's models have random weights: ELIC has no others, and the time of mbt2018_mean does not depend on them much.
"""

import argparse
import warnings
from pathlib import Path

import torch
from PIL import Image
from timing import median_seconds

import lcomp
from lcomp.zoo.registry import all_models

warnings.filterwarnings("ignore", category=FutureWarning)
PHOTO = Path(__file__).parent.parent / "tests" / "data" / "kodim05.png"


def report(name: str, encode_seconds: float, decode_seconds: float) -> None:
    print(f"{name:24} encode {encode_seconds:7.3f}  decode {decode_seconds:7.3f}", flush=True)


def time_theirs(model: torch.nn.Module, x: torch.Tensor, runs: int) -> tuple[float, float]:
    torch.manual_seed(0)
    model.eval().update()
    with torch.inference_mode():
        coded = model.compress(x)
        return (
            median_seconds(lambda: model.compress(x), runs),
            median_seconds(lambda: model.decompress(coded["strings"], coded["shape"]), runs),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    from compressai.models import Elic2022Official
    from compressai.zoo import mbt2018_mean

    image = Image.open(PHOTO).convert("RGB")
    print(f"{image.width}x{image.height}, {arguments.threads} threads, median of {arguments.runs} runs, seconds")
    for model in all_models():
        codec = lcomp.Codec(model.name, device="cpu")
        data = codec.encode(image, lcomp.EncodeOptions(4.0))
        report(
            f"lcomp {model.name}",
            median_seconds(lambda codec=codec: codec.encode(image, lcomp.EncodeOptions(4.0)), arguments.runs),
            median_seconds(lambda codec=codec, data=data: codec.decode(data), arguments.runs),
        )
    x = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    x = x.view(1, image.height, image.width, 3).permute(0, 3, 1, 2).float() / 255
    for name, theirs in (("mbt2018_mean(4)", mbt2018_mean(4)), ("Elic2022Official", Elic2022Official())):
        report(f"CompressAI {name}", *time_theirs(theirs, x, arguments.runs))


if __name__ == "__main__":
    main()
