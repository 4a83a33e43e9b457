"""A few pictures as every codec renders them at the same file size, or at the same PSNR, for the report."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lcomp.encoding.distortion import psnr
from lcomp.evaluation.codecs.adapter import Adapter, View
from lcomp.evaluation.datasets import Dataset
from lcomp.evaluation.metrics.metric import Metric
from lcomp.evaluation.metrics.psnr import RgbPsnr
from lcomp.evaluation.metrics.ssimulacra2 import Ssimulacra2
from lcomp.evaluation.originals import Original, open_original
from lcomp.evaluation.results import Results, Row
from lcomp.evaluation.standing import best_model, families, rival
from lcomp.types import Pixels

PICTURES = 3
WINDOW = (480, 360)
"""Largest width and height that is shown, the middle of larger pictures: a page of all codecs stays below 10 MB."""

LEVELS = (0.25, 0.75)
"""Places among the measured qualities of lcomp's model whose files the other codecs are held to."""

FAITHFUL = 42.0
"""PSNR in dB that the pictures of the page have at least, against what they show."""

EMBEDDED_QUALITIES = (70, 78, 84, 90, 95, 100)

Fits = Callable[[bytes], bool]


@dataclass(frozen=True)
class Rendering:
    """A picture as one codec renders it."""

    title: str
    setting: float
    size: int  # bytes of the file
    psnr: float  # of the whole picture
    ssimulacra2: float | None
    image: bytes  # AVIF, see FAITHFUL


@dataclass(frozen=True)
class Comparison:
    """A picture and what the codecs make of it; the first is lcomp's, to which the others are held."""

    picture: str
    held: str  # what is equal
    pixels: int  # of the whole picture
    width: int  # of what is shown
    height: int
    original: bytes  # AVIF
    renderings: tuple[Rendering, ...]


def spread(names: list[str]) -> list[str]:
    """Up to PICTURES names, evenly spaced in a list."""
    count = min(PICTURES, len(names))
    return [names[(2 * index + 1) * len(names) // (2 * count)] for index in range(count)]


def embedded(pixels: Pixels) -> bytes:
    """The middle of a picture as an AVIF that browsers show, hardly to be told from it."""
    height, width = (min(most, side) for most, side in zip(WINDOW[::-1], pixels.shape, strict=False))
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    shown = np.ascontiguousarray(pixels[top : top + height, left : left + width])
    data = b""
    for quality in EMBEDDED_QUALITIES:
        stream = io.BytesIO()
        options = {"subsampling": "4:4:4", "speed": 8, "max_threads": 2, "advanced": {"tune": "psnr"}}
        Image.fromarray(shown).save(stream, "AVIF", quality=quality, **options)
        data = stream.getvalue()
        if psnr(np.asarray(Image.open(stream).convert("RGB")), shown) >= FAITHFUL:
            break
    return data


def largest_setting(adapter: Adapter, image: Image.Image, measured: Callable[[float], bool], fits: Fits) -> float:
    """The setting of the best file that `fits`; `smallest` where there is none.

    Bisects between the two measured settings that enclose it; `measured` says whether the file at one fits.
    """
    low, high = adapter.smallest, adapter.settings[-1]
    for setting in adapter.settings:
        if not measured(setting):
            high = setting
            break
        low = setting
    steps = math.floor(abs(high - low) / adapter.step + 0.5)
    direction = math.copysign(adapter.step, high - low)
    good, bad = 0, steps
    while bad - good > 1:
        middle = (good + bad) // 2
        if fits(adapter.encode(image, low + middle * direction)):
            good = middle
        else:
            bad = middle
    return round(low + good * direction, 6)


def render(adapter: Adapter, original: Original, setting: float) -> list[Rendering]:
    """What a codec makes of a picture, in every view of its file."""
    data = adapter.encode(original.image, setting)
    found = []
    for view in (View(adapter.title, adapter.decode), *adapter.views):
        pixels = np.asarray(view.decode(data).convert("RGB"))
        pair = original.against(pixels)
        scores = Ssimulacra2()
        score = scores.measure(pair) if min(pixels.shape[:2]) >= scores.smallest_side else None
        found.append(Rendering(view.title, setting, len(data), RgbPsnr().measure(pair), score, embedded(pixels)))
    return found


@dataclass(frozen=True)
class Hold:
    """What the other codecs are held to: the size of lcomp's file, or its PSNR."""

    words: str
    metric: Metric  # in which codecs compete
    by_psnr: bool

    def fits(self, adapter: Adapter, original: Original, first: Rendering) -> Fits:
        """Whether a file is no larger than lcomp's, or decodes to no better a picture."""
        if not self.by_psnr:
            return lambda data: len(data) <= first.size
        pixels = original.pixels
        return lambda data: psnr(np.asarray(adapter.decode(data).convert("RGB")), pixels, original.alpha) <= first.psnr

    def row_fits(self, row: Row, first: Rendering) -> bool:
        """The same of a file that was measured."""
        if self.by_psnr:
            return (row.scores["psnr"] or 0.0) <= first.psnr
        return (row.bytes or 0) <= first.size


SIZE = Hold("at equal bytes", Ssimulacra2(), by_psnr=False)
PSNR = Hold("at equal PSNR", RgbPsnr(), by_psnr=True)


def compare(
    original: Original, name: str, adapters: list[Adapter], rows: list[Row], hold: Hold, at: float
) -> Comparison:
    """A picture as codecs render it, the first at a setting and the others held to what it has there.

    `rows` are those of the picture.
    """
    image = original.image
    renderings = render(adapters[0], original, at)
    first = renderings[0]
    for other in adapters[1:]:
        known = {row.setting: hold.row_fits(row, first) for row in rows if row.codec == other.name}
        fits = hold.fits(other, original, first)
        renderings += render(other, original, largest_setting(other, image, known.__getitem__, fits))
    width, height = min(WINDOW[0], image.width), min(WINDOW[1], image.height)
    pixels = image.width * image.height
    return Comparison(name, hold.words, pixels, width, height, embedded(original.pixels), tuple(renderings))


def contenders(results: Results, adapters: list[Adapter], metric: Metric) -> list[Adapter]:
    """The best of lcomp's models in a metric, its other ones, and the best codec of each family."""
    by_name = {adapter.name: adapter for adapter in adapters}
    ours = best_model(results, metric)
    if ours is None:
        return []
    names = [ours.name, *(codec.name for codec in results.lossy if codec.learned and codec.name != ours.name)]
    names += [other.name for family in families(results) if (other := rival(results, family, metric))]
    return [by_name[name] for name in names]


def comparisons(results: Results, dataset: Dataset, adapters: list[Adapter], max_side: int | None) -> list[Comparison]:
    """Comparisons on a few of the pictures that all codecs measured; none without a model of lcomp.

    At equal bytes: at two rates for the first of them, at the lower one for the others. And at equal PSNR, the first
    figure of the field, for the first.
    """
    count = sum(len(adapter.settings) for adapter in adapters)
    files = {dataset.picture_name(file): file for file in dataset.files}
    measured = {name: [row for row in results.rows if row.picture == name and not row.error] for name in files}
    names = spread([name for name, its in measured.items() if len(its) == count])
    found = []
    for number, name in enumerate(names):
        original = open_original(Path(files[name]), max_side)
        for hold in (SIZE, PSNR) if number == 0 else (SIZE,):
            chosen = contenders(results, adapters, hold.metric)
            if not chosen:
                return []
            settings = chosen[0].settings
            for level in LEVELS if hold is SIZE and number == 0 else LEVELS[:1]:
                at = settings[min(int(level * len(settings)), len(settings) - 1)]
                found.append(compare(original, name, chosen, measured[name], hold, at))
    return found
