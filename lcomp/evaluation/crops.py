"""Crops of a few pictures as every codec renders them at the same file size, for the report."""

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lcomp.encoding.distortion import psnr
from lcomp.evaluation.codecs import Adapter, View
from lcomp.evaluation.datasets import Dataset
from lcomp.evaluation.measure import Original, open_original
from lcomp.evaluation.results import Row

PICTURES = 3
SIZE = (448, 336)
"""Largest width and height of a crop."""
QUALITY = 2.0
"""Quality of lcomp's files, whose size the other codecs are held to."""


@dataclass(frozen=True)
class Crop:
    """The crop as one codec renders it."""

    title: str
    setting: float
    size: int  # bytes of the file
    psnr: float  # of the whole picture
    image: bytes  # WebP, lossless


@dataclass(frozen=True)
class Comparison:
    """A crop of one picture: the original, and what the codecs make of it."""

    picture: str
    pixels: int  # of the whole picture
    width: int  # of the crop
    original: bytes  # WebP, lossless
    crops: tuple[Crop, ...]


def spread(names: list[str]) -> list[str]:
    """Up to PICTURES names, evenly spaced in a list."""
    count = min(PICTURES, len(names))
    return [names[(2 * index + 1) * len(names) // (2 * count)] for index in range(count)]


def cut(image: Image.Image) -> bytes:
    """The centre crop of a picture, as lossless WebP."""
    width, height = min(SIZE[0], image.width), min(SIZE[1], image.height)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    stream = io.BytesIO()
    image.convert("RGB").crop((left, top, left + width, top + height)).save(stream, "WEBP", lossless=True)
    return stream.getvalue()


def largest_setting(adapter: Adapter, image: Image.Image, rows: list[Row], limit: int) -> float:
    """The setting of the largest file of at most `limit` bytes; `smallest` where there is none.

    Bisects between the two measured settings of the picture whose files enclose the limit.
    """
    low, high = adapter.smallest, adapter.settings[-1]
    for setting in adapter.settings:
        size = next(row.bytes for row in rows if row.codec == adapter.name and row.setting == setting)
        assert size is not None
        if size > limit:
            high = setting
            break
        low = setting
    steps = math.floor(abs(high - low) / adapter.step + 0.5)
    direction = math.copysign(adapter.step, high - low)
    fits, fails = 0, steps
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if len(adapter.encode(image, low + middle * direction)) <= limit:
            fits = middle
        else:
            fails = middle
    return round(low + fits * direction, 6)


def render(adapter: Adapter, original: Original, setting: float) -> list[Crop]:
    """What a codec makes of a picture, in every view of its file."""
    data = adapter.encode(original.image, setting)
    crops = []
    for view in (View(adapter.title, adapter.decode), *adapter.views):
        decoded = view.decode(data).convert("RGB")
        quality = psnr(np.asarray(decoded), original.pixels, original.alpha)
        crops.append(Crop(view.title, setting, len(data), quality, cut(decoded)))
    return crops


def compare(path: Path, name: str, adapters: list[Adapter], rows: list[Row]) -> Comparison:
    """A picture as every codec renders it, none in a larger file than the first of lcomp's models at low quality.

    `rows` are those of the picture.
    """
    original = open_original(path)
    image = original.image
    reference = next(adapter for adapter in adapters if adapter.learned)
    crops = render(reference, original, QUALITY)
    others = [adapter for adapter in adapters if adapter is not reference]
    for other in others:
        crops += render(other, original, largest_setting(other, image, rows, crops[0].size))
    return Comparison(name, image.width * image.height, min(SIZE[0], image.width), cut(image), tuple(crops))


def comparisons(dataset: Dataset, adapters: list[Adapter], rows: list[Row]) -> list[Comparison]:
    """Comparisons on a few of the pictures that all codecs measured; none without a model of lcomp."""
    if not any(adapter.learned for adapter in adapters):
        return []
    wanted = sum(len(adapter.settings) for adapter in adapters)
    files = {dataset.picture_name(file): file for file in dataset.files}
    measured = {name: [row for row in rows if row.picture == name and not row.error] for name in files}
    names = [name for name, its in measured.items() if len(its) == wanted]
    return [compare(files[name], name, adapters, measured[name]) for name in spread(names)]
