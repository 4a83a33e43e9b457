"""Very low rates: PSNR, MS-SSIM and SSIMULACRA2 of every codec at a given number of bits per pixel.

    python benchmarks/low_rate.py path/to/kodak --bpp 0.05

Each codec writes its best file that is not larger, found by search over its setting. Where it cannot
write one as small as that, its smallest counts, with its rate. `plain` is `autoregressive` without coding at half the
size. Of our models every file is decoded twice: as it is by default, and with cubic interpolation in place of the
upscaler.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import torch
from PIL import Image
from pytorch_msssim import ms_ssim

import lcomp
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.distortion import psnr
from lcomp.encoding.ssimulacra2 import ssimulacra2
from lcomp.encoding.streams import encode_tiles
from lcomp.format import container
from lcomp.format.container import Coder, Encoded
from lcomp.model.cache import load_model
from lcomp.pictures.reading import PICTURE_SUFFIXES

halves: dict[str, list[bool]] = {}
"""Which files of a model were coded at half size."""

OVERHEAD = 32
"""Bytes of a file of one tile besides its stream."""


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()


def largest(encode: Callable[[int], bytes], settings: range, limit: int) -> bytes:
    """The file of the last setting that is not larger than the limit, sizes rising; else that of the first."""
    low, high = 0, len(settings)
    best = encode(settings[0])
    while high - low > 1:
        middle = (low + high) // 2
        data = encode(settings[middle])
        if len(data) <= limit:
            low, best = middle, data
        else:
            high = middle
    return best


def avif(image: Image.Image, limit: int) -> tuple[int, np.ndarray]:
    def encode(quality: int) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "AVIF", quality=quality, subsampling="4:2:0", speed=4, max_threads=2)
        return stream.getvalue()

    data = largest(encode, range(0, 60), limit)
    return len(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def jxl(image: Image.Image, limit: int) -> tuple[int, np.ndarray]:
    def encode(step: int) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(np.asarray(image), distance=25 - step / 10, effort=7))

    data = largest(encode, range(0, 240), limit)
    return len(data), imagecodecs.jpegxl_decode(data)


def plain(image: Image.Image, limit: int) -> tuple[int, np.ndarray]:
    model = lcomp.Codec("autoregressive").model
    codec, pixels = load_model(model, torch.device("cpu")), np.asarray(image)
    grid = container.Header(*image.size, container.Mode.RGB, 0, 0, 0).grid
    tiles: dict[bytes, tuple[tuple[Encoded, ...], int]] = {}

    def encode(quality: int) -> bytes:
        streams = encode_tiles(codec, pixels, quality, grid, Coder.CONSTRICTION)
        data = bytes(OVERHEAD) + b"".join(tile.stream for tile in streams)
        tiles[data] = streams, quality
        return data

    data = largest(encode, range(0, 4000, 4), limit)
    streams, quality = tiles[data]
    decoded = decode_tiles(codec, streams, quality, grid, Coder.CONSTRICTION, grid.picture)
    return len(data), decoded.pixels


def ours(model: str) -> Callable[[Image.Image, int], dict[str, tuple[int, np.ndarray]]]:
    codec = lcomp.Codec(model)

    def code(image: Image.Image, limit: int) -> dict[str, tuple[int, np.ndarray]]:
        try:
            file = codec.encode_file(image, lcomp.EncodeOptions(size=limit))
        except lcomp.LcompError:
            file = codec.encode_file(image, lcomp.EncodeOptions(0.0))
        halves.setdefault(model, []).append(file.header.half)
        cubic = lcomp.DecodeOptions("mse" if file.header.half else None)
        return {
            f"{model}{name}": (len(file), np.asarray(codec.decode(file.data, options)))
            for name, options in (("", lcomp.DecodeOptions()), (" (cubic)", cubic))
        }

    return code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--bpp", type=float, default=0.05)
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    parser.add_argument("--codecs", default="visual,autoregressive,plain,avif,jxl")
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.pictures.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    others = {"plain": plain, "avif": avif, "jxl": jxl}
    chosen = arguments.codecs.split(",")
    models = {name: ours(name) for name in chosen if name not in others}
    rows: dict[str, list[tuple[float, float, float, float]]] = {}
    for file in files[:: arguments.every]:
        image = Image.open(file).convert("RGB")
        pixels, area = np.asarray(image), image.width * image.height
        limit = int(arguments.bpp * area / 8)
        coded = {name: code(image, limit) for name, code in others.items() if name in chosen}
        for model in models.values():
            coded |= model(image, limit)
        for name, (size, decoded) in coded.items():
            similarity = ms_ssim(as_tensor(decoded), as_tensor(pixels), data_range=255).item()
            found = 8 * size / area, psnr(decoded, pixels), similarity, ssimulacra2(decoded, pixels)
            rows.setdefault(name, []).append(found)
    for name, values in rows.items():
        rate, quality, similarity, score = np.mean(values, 0)
        print(f"{name:24} {rate:.4f} bpp  {quality:.3f} dB  MS-SSIM {similarity:.4f}  SSIMULACRA2 {score:.2f}")
    for name, found in halves.items():
        print(f"{name}: {sum(found)} of {len(found)} files at half size")


if __name__ == "__main__":
    main()
