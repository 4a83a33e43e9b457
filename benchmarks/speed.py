"""Encode and decode in megapixels per second, in one process: lcomp's models, other codecs, and CompressAI's models.

    python benchmarks/speed.py
    python benchmarks/speed.py --models visual,hyperprior --codecs webp --megapixels 0.4,12 --runs 5

Every model decodes with the decoder that it names. A picture is a Kodak photograph, mirrored to the size. CompressAI
1.2.8 wants numpy < 2 and so an environment of its own; where it is not installed, its models are left out:

    python -m venv ../compare && . ../compare/bin/activate
    pip install torch==2.13.0 && pip install compressai==1.2.8 . && python benchmarks/speed.py

Its models have random weights: ELIC has no others, and the time of mbt2018_mean does not depend on them much. They take
a picture at once, in memory that grows with it, and are timed up to a megapixel.
"""

import argparse
import importlib.util
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timing import median_seconds

import lcomp
from lcomp.evaluation.codecs.adapter import MissingLibraryError
from lcomp.evaluation.codecs.registry import BASELINES, open_adapter
from lcomp.zoo.registry import all_models

warnings.filterwarnings("ignore", category=FutureWarning)
PHOTO = Path(__file__).parent.parent / "tests" / "data" / "kodim05.png"
THEIR_MOST = 1.0
"""Megapixels up to which CompressAI's models are timed."""

Timed = Callable[[Image.Image, int], tuple[float, float] | None]
"""Given a picture and how often to repeat: seconds to encode and to decode, None where that is not done."""


def picture(megapixels: float) -> Image.Image:
    """A picture of 3:2; the photograph itself where it is about as large."""
    photo = Image.open(PHOTO).convert("RGB")
    if abs(megapixels * 1e6 / (photo.width * photo.height) - 1) < 0.1:
        return photo
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    beyond = ((0, height - photo.height), (0, round(1.5 * height) - photo.width), (0, 0))
    if min(beyond[0][1], beyond[1][1]) < 0:
        return photo.crop((0, 0, round(1.5 * height), height))
    return Image.fromarray(np.pad(np.asarray(photo), beyond, mode="symmetric"))


def both(encode: Callable[[], object], decode: Callable[[], object], runs: int) -> tuple[float, float]:
    """Median seconds of either."""
    return median_seconds(encode, runs), median_seconds(decode, runs)


def of_model(name: str) -> Timed:
    codec, options = lcomp.Codec(name, device="cpu"), lcomp.EncodeOptions(4.0)

    def timed(image: Image.Image, runs: int) -> tuple[float, float]:
        data = codec.encode(image, options)
        return both(lambda: codec.encode(image, options), lambda: codec.decode(data), runs)

    return timed


def of_codec(name: str) -> Timed:
    codec = open_adapter(name, (), "cpu")
    setting = codec.settings[len(codec.settings) // 2]

    def timed(image: Image.Image, runs: int) -> tuple[float, float]:
        data = codec.encode(image, setting)
        return both(lambda: codec.encode(image, setting), lambda: codec.decode(data), runs)

    return timed


def of_theirs(model: torch.nn.Module) -> Timed:
    torch.manual_seed(0)
    model.eval().update()

    @torch.inference_mode()
    def timed(image: Image.Image, runs: int) -> tuple[float, float] | None:
        if image.width * image.height > THEIR_MOST * 1e6:
            return None
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
        coded = model.compress(x)
        return both(lambda: model.compress(x), lambda: model.decompress(coded["strings"], coded["shape"]), runs)

    return timed


def contestants(models: list[str], codecs: list[str]) -> Iterator[tuple[str, Timed]]:
    """Names, and what is timed of them, of those that are installed."""
    for name in models:
        yield f"lcomp {name}", of_model(name)
    for name in codecs:
        try:
            yield name, of_codec(name)
        except MissingLibraryError as error:
            print(f"{name}: {error}", file=sys.stderr)
    if importlib.util.find_spec("compressai"):
        from compressai.models import Elic2022Official
        from compressai.zoo import mbt2018_mean

        yield "CompressAI mbt2018_mean(4)", of_theirs(mbt2018_mean(4))
        yield "CompressAI Elic2022Official", of_theirs(Elic2022Official())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [model.name for model in all_models()]
    parser.add_argument("--models", default=",".join(names))
    parser.add_argument("--codecs", default="avif,jxl,webp", help=f"of {', '.join(BASELINES)}, or NAME@LEVEL")
    parser.add_argument("--megapixels", default="0.4,12,50")
    parser.add_argument("--runs", type=int, default=5, help="of the smallest picture; larger ones have fewer")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    images = [picture(float(size)) for size in arguments.megapixels.split(",")]
    sizes = [image.width * image.height / 1e6 for image in images]
    heads = [f"{what} {image.width}x{image.height}" for what in ("encode", "decode") for image in images]
    print(f"MP/s, {arguments.threads} threads\n\n| codec | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    models, codecs = (each.split(",") if each else [] for each in (arguments.models, arguments.codecs))
    for name, timed in contestants(models, codecs):
        runs = [max(1, round(arguments.runs * min(sizes) / size)) for size in sizes]
        seconds = [timed(image, often) for image, often in zip(images, runs, strict=True)]
        rates = [
            "-" if each is None else f"{size / each[place]:.2f}"
            for place in (0, 1)
            for size, each in zip(sizes, seconds, strict=True)
        ]
        print(f"| {name} | {' | '.join(rates)} |", flush=True)


if __name__ == "__main__":
    main()
