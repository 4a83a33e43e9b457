"""Lossless coding of a folder of pictures: bits per sample, all bytes counted, and megapixels per second each way.

    pip install '.[eval]'
    python benchmarks/lossless.py path/to/kodak

Every file is decoded and compared. One process; each codec takes the threads that it takes by itself.
"""

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lcomp
from lcomp.pictures.reading import pictures_below

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Contender:
    """A lossless codec."""

    name: str
    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes], Pixels]


def pillow(name: str, kind: str, **options: object) -> Contender:
    """One of Pillow's formats."""

    def encode(pixels: Pixels) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **options)
        return buffer.getvalue()

    return Contender(name, encode, lambda data: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def jpeg_xl(effort: int) -> Contender:
    """JPEG XL by libjxl at an effort."""

    def encode(pixels: Pixels) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=effort))

    return Contender(f"JPEG XL, effort {effort}", encode, imagecodecs.jpegxl_decode)


CONTENDERS = (
    Contender(
        "lcomp --lossless",
        lambda pixels: lcomp.encode(Image.fromarray(pixels), lossless=True),
        lambda data: np.asarray(lcomp.decode(data)),
    ),
    *(jpeg_xl(effort) for effort in (9, 7, 3)),
    pillow("WebP", "WEBP", lossless=True),
    Contender("JPEG-LS", lambda pixels: bytes(imagecodecs.jpegls_encode(pixels)), imagecodecs.jpegls_decode),
    Contender(
        "JPEG 2000", lambda pixels: bytes(imagecodecs.jpeg2k_encode(pixels, reversible=True)), imagecodecs.jpeg2k_decode
    ),
    Contender("QOI", lambda pixels: bytes(imagecodecs.qoi_encode(pixels)), imagecodecs.qoi_decode),
    pillow("PNG", "PNG", optimize=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="measure one picture in so many")
    parser.add_argument("--codecs", default="", help="names to measure, by their first letters; all by default")
    arguments = parser.parse_args()
    files = pictures_below(arguments.folder)[:: arguments.every]
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    print(f"{len(pictures)} pictures")
    print("| codec | bits per sample | encode, MP/s | decode, MP/s |\n|---|---|---|---|")
    wanted = tuple(arguments.codecs.split(","))
    for contender in CONTENDERS:
        if not contender.name.startswith(wanted):
            continue
        contender.decode(contender.encode(pictures[0]))  # models are loaded, threads started
        rates, encoding, decoding = [], 0.0, 0.0
        for pixels in pictures:
            start = time.perf_counter()
            data = contender.encode(pixels)
            middle = time.perf_counter()
            decoded = contender.decode(data)
            encoding, decoding = encoding + middle - start, decoding + time.perf_counter() - middle
            assert np.array_equal(decoded, pixels), contender.name
            rates.append(8 * len(data) / pixels.size)
        megapixels = sum(pixels.shape[0] * pixels.shape[1] for pixels in pictures) / 1e6
        rate = f"{np.mean(rates):.3f} | {megapixels / encoding:.2f} | {megapixels / decoding:.2f}"
        print(f"| {contender.name} | {rate} |", flush=True)


if __name__ == "__main__":
    main()
