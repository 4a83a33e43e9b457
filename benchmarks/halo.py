"""CPU seconds of decoding with halos that are cropped from layer to layer, against whole halos in all layers.

    python benchmarks/halo.py
    python benchmarks/halo.py --models visual --decoders mse --megapixels 4,12 --crops 64,256,512 --runs 5

Whole pictures, and square crops in their middle, by turns in one process and on one thread; the median of each, and in
brackets their ratio. Of whole pictures g_a alone as well. A picture is a Kodak photograph, mirrored to the size.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from speed import picture
from torch import Tensor

import lcomp
from lcomp.decoding.area import decode_area
from lcomp.encoding.streams import WINDOW
from lcomp.format import container
from lcomp.format.tiles import Rectangle
from lcomp.model.cache import load_decoder, load_model
from lcomp.model.decoders import Decoder
from lcomp.model.transforms import surroundings
from lcomp.networks.halo import NO_HALO, Halo
from lcomp.zoo.registry import model_by_name

CPU = torch.device("cpu")


class WholeHalo(Decoder):
    """A decoder that computes all of a halo in all of its layers."""

    def __init__(self, inner: Decoder) -> None:
        self.inner, self.halo, self.channels = inner, inner.halo, inner.channels

    def synthesize(self, known: Tensor, place: Rectangle, w: Tensor, half: bool, halo: Halo = NO_HALO) -> Tensor:
        """See `Decoder.synthesize`."""
        return halo.crop(self.inner.synthesize(known, place, w, half), 1, 0)


def by_turns(before: Callable[[], object], after: Callable[[], object], runs: int) -> str:
    """Median CPU seconds of either, and their ratio; one run of each warms up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for run in range(runs + 1):
        for work, taken in zip((before, after), seconds, strict=True):
            start = time.process_time()
            work()
            if run:
                taken.append(time.process_time() - start)
    first, second = map(statistics.median, seconds)
    return f"{first:.2f} to {second:.2f} ({second / first:.2f})"


def compare(name: str, decoders: list[str], megapixels: float, crops: list[int], runs: int) -> None:
    """Print the figures of one model and size."""
    image, model = picture(megapixels), load_model(model_by_name(name).coding, CPU)
    file = container.read(lcomp.encode(image, 4, name))
    grid, transforms, pixels = file.grid, model.transforms, np.asarray(image)
    middle = [
        Rectangle((grid.width - side) // 2, (grid.height - side) // 2, side, side)
        for side in crops
        if side <= min(grid.width, grid.height)
    ]
    for decoder_name in decoders:
        decoder = load_decoder(decoder_name, model.info, model)
        whole = WholeHalo(decoder)
        for area in (grid.picture, *middle):
            taken = by_turns(
                lambda area=area, whole=whole: decode_area(model, file, area, whole),
                lambda area=area, decoder=decoder: decode_area(model, file, area, decoder),
                runs,
            )
            print(f"{name}, {decoder_name}, {area} of {grid.width}x{grid.height}: {taken}", flush=True)

    def analyse(crop: bool) -> None:
        for window in grid.windows(grid.picture, WINDOW):
            around = surroundings(window, grid.picture, transforms.halo)
            halo = Halo.of(window, around) if crop else NO_HALO
            transforms.latents(transforms.signal(pixels, around), 4000, halo)

    taken = by_turns(lambda: analyse(crop=False), lambda: analyse(crop=True), runs)
    print(f"{name}, g_a of {grid.width}x{grid.height}: {taken}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="visual,autoregressive")
    parser.add_argument("--decoders", default="mse,fast")
    parser.add_argument("--megapixels", default="0.4,4")
    parser.add_argument("--crops", default="256", help="sides in pixels")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    crops = [int(side) for side in arguments.crops.split(",") if side]
    for name in arguments.models.split(","):
        for size in arguments.megapixels.split(","):
            compare(name, arguments.decoders.split(","), float(size), crops, arguments.runs)


if __name__ == "__main__":
    main()
