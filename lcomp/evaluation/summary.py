"""From rows to results: means, BD-rates and speeds."""

import datetime
import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean

import numpy as np

from lcomp import __version__
from lcomp.errors import LcompError
from lcomp.evaluation.bdrate import bd_rate
from lcomp.evaluation.codecs.adapter import Adapter
from lcomp.evaluation.datasets import KODAK, Dataset
from lcomp.evaluation.features import SETS, Features, all_packed, frechet_distance, unpacked
from lcomp.evaluation.intervals import metric_rates, rounded
from lcomp.evaluation.measure import Plan
from lcomp.evaluation.metrics.metric import Metric
from lcomp.evaluation.metrics.registry import METRICS
from lcomp.evaluation.originals import open_original
from lcomp.evaluation.published import published_kodak
from lcomp.evaluation.results import (
    CodecSummary,
    LosslessMean,
    Mean,
    Rate,
    Results,
    Row,
    Skipped,
    curve_of,
)
from lcomp.workers import processors

DIGITS = 6
"""Decimals that means keep."""

CPU_FILE = Path("/proc/cpuinfo")


def mean_of(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are there; None where none is."""
    known = [value for value in values if value is not None]
    return round(fmean(known), DIGITS) if known else None


def speed(rows: list[Row], seconds: list[float | None]) -> float | None:
    """Megapixels per second; None where a time is missing."""
    known = [value for value in seconds if value is not None]
    if not known or len(known) < len(rows):
        return None
    return round(sum(row.megapixels for row in rows) / sum(known), 3)


def encode_speed(rows: list[Row]) -> float | None:
    """Megapixels encoded per second."""
    return speed(rows, [row.encode_seconds for row in rows])


def decode_speed(rows: list[Row]) -> float | None:
    """Megapixels decoded per second."""
    return speed(rows, [row.decode_seconds for row in rows])


def machine() -> str:
    """The machine: its processor, system, architecture and usable processors."""
    total = os.cpu_count() or 1
    name = platform.processor()
    if CPU_FILE.is_file():
        lines = CPU_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    where = f"{platform.system()} {platform.machine()}, {processors()} of {total} processors"
    return f"{name}, {where}" if name else where


def mean_row(codec: str, setting: float, rows: list[Row], originals: Mapping[str, Features]) -> Mean:
    """Means of a codec at a setting; `originals` are features of the same pictures, by set."""
    scores, rates = {}, {}
    for metric in METRICS:
        score = mean_of(row.scores.get(metric.name) for row in rows)
        rate = mean_of(row.bpp for row in rows if row.scores.get(metric.name) is not None)
        if score is not None and rate is not None:
            scores[metric.name], rates[metric.name] = score, rate
    return Mean(
        codec=codec,
        setting=setting,
        bpp=mean_of(row.bpp for row in rows) or 0.0,
        scores=scores,
        rates=rates,
        frechet={name: mean_frechet(name, rows, its) for name, its in originals.items()},
        encode_mp_s=encode_speed(rows),
        decode_mp_s=decode_speed(rows),
    )


def mean_frechet(name: str, rows: list[Row], originals: Features) -> float:
    """Frechet distance of the features of rows, of the set called `name`."""
    ours = np.concatenate([unpacked(row.features[name], SETS[name]) for row in rows if row.features])
    return round(frechet_distance(ours, originals), DIGITS)


def original_features(
    dataset: Dataset, common: set[str], rows: list[Row], max_side: int | None
) -> Mapping[str, Features]:
    """Features by set of the pictures that all codecs measured; none where rows have none or patches are too few.

    Rounded to the precision of the journal, so that an exact copy has a distance of 0.
    """
    if not rows or any(row.features is None for row in rows):
        return {}
    files = [file for file in dataset.files if dataset.picture_name(file) in common]
    originals = (open_original(file, max_side) for file in files)
    texts = [all_packed(each.against(each.pixels).before) for each in originals]
    found = {name: np.concatenate([unpacked(its[name], SETS[name]) for its in texts]) for name in texts[0]}
    return {name: its for name, its in found.items() if len(its) > 1}


def all_rates(adapters: list[Adapter], means: dict[str, list[Mean]], rows: dict[str, list[Row]]) -> list[Rate]:
    """BD-rates of every codec against every other, in every metric that has such."""
    settings = {adapter.name: adapter.settings for adapter in adapters}
    rates = []
    for metric in METRICS:
        if metric.in_rates and any(metric.name in mean.scores for its in means.values() for mean in its):
            defined = {
                name: [row for row in its if row.scores.get(metric.name) is not None] for name, its in rows.items()
            }
            rates += metric_rates(metric, means, defined, settings)
    return rates


def published_rates(means: dict[str, list[Mean]], metrics: Iterable[Metric]) -> list[Rate]:
    """BD-rates of every codec against the published curves."""
    rates = []
    for metric in metrics:
        for name, its in means.items():
            for known in published_kodak():
                curve = known.curve(metric)
                value = bd_rate(curve_of(its, metric), curve) if curve else None
                if value is not None:
                    rates.append(Rate(name, known.name, metric.name, rounded(value) or 0.0, published=True))
    return rates


def picture_notes(dataset: Dataset, max_side: int | None) -> tuple[str, ...]:
    """What was done to the pictures before they were measured, with the number of pictures."""
    counts: Counter[str] = Counter()
    for file in dataset.files:
        try:
            counts.update(open_original(file, max_side).notes)
        except (LcompError, OSError, MemoryError):
            continue  # told as an error
    return tuple(f"{count} of {len(dataset.files)} pictures: {note}" for note, count in counts.items())


def summarise(
    dataset: Dataset, adapters: list[Adapter], skipped: list[Skipped], rows: list[Row], plan: Plan, command: str = ""
) -> Results:
    """Summarise the rows of an evaluation, errors among them."""
    count = sum(len(adapter.settings) for adapter in adapters)
    measured = Counter(row.picture for row in rows if not row.error)
    common = {picture for picture, its in measured.items() if its == count}
    # in one order of pictures, however many processes measured
    chosen = sorted((row for row in rows if row.picture in common), key=lambda row: row.picture)
    by_codec = {adapter.name: [row for row in chosen if row.codec == adapter.name] for adapter in adapters}
    lossy = [adapter for adapter in adapters if not adapter.lossless]
    lossy_rows = {adapter.name: by_codec[adapter.name] for adapter in lossy}
    compared = [row for its in lossy_rows.values() for row in its]
    originals = original_features(dataset, common, compared, plan.max_side)
    means: dict[str, list[Mean]] = {}
    for adapter in lossy if common else ():
        its = by_codec[adapter.name]
        means[adapter.name] = [
            mean_row(adapter.name, setting, [row for row in its if row.setting == setting], originals)
            for setting in adapter.settings
        ]
    rates = all_rates(lossy, means, lossy_rows)
    # published curves are means over all of Kodak
    if dataset.name == KODAK and len(common) == len(dataset.files) and plan.max_side is None:
        rates += published_rates(means, METRICS)
    return Results(
        lcomp=__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=machine(),
        command=command,
        dataset=dataset.name,
        pictures=len(dataset.files),
        common=len(common),
        notes=picture_notes(dataset, plan.max_side),
        codecs=tuple(summary_of(adapter, by_codec[adapter.name]) for adapter in adapters),
        skipped=tuple(skipped),
        means=tuple(mean for its in means.values() for mean in its),
        lossless=tuple(
            lossless_mean(adapter, by_codec[adapter.name]) for adapter in adapters if adapter.lossless and common
        ),
        rates=tuple(rates),
        rows=tuple(rows),
        timed=len(common) if plan.timed else 0,
    )


def summary_of(adapter: Adapter, rows: list[Row]) -> CodecSummary:
    """What is kept of a codec, with its speed over `rows`."""
    return CodecSummary(
        name=adapter.name,
        title=adapter.title,
        family=adapter.family,
        version=adapter.version,
        learned=adapter.learned,
        lossless=adapter.lossless,
        scale=adapter.scale,
        settings=adapter.settings,
        encode_mp_s=encode_speed(rows),
        decode_mp_s=decode_speed(rows),
    )


def lossless_mean(adapter: Adapter, rows: list[Row]) -> LosslessMean:
    """Rate and speed of a lossless codec."""
    bits = mean_of((row.bpp or 0.0) / 3 for row in rows) or 0.0
    return LosslessMean(adapter.name, bits, encode_speed(rows), decode_speed(rows))
