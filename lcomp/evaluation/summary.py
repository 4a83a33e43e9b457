"""From rows to results: means, BD-rates and speeds."""

import datetime
import os
import platform
from collections.abc import Iterable
from statistics import fmean

import numpy as np

from lcomp import __version__
from lcomp.evaluation.bdrate import Curve, bd_rate
from lcomp.evaluation.codecs import Adapter
from lcomp.evaluation.datasets import KODAK, Dataset
from lcomp.evaluation.features import Features, features, frechet_distance, packed, unpacked
from lcomp.evaluation.measure import open_original
from lcomp.evaluation.published import published_kodak
from lcomp.evaluation.results import (
    CodecSummary,
    Mean,
    Metric,
    Rate,
    Results,
    Row,
    Skipped,
    curve_of,
    ms_ssim_curve,
    psnr_curve,
)
from lcomp.workers import processors

DIGITS = 6
"""Decimals that means and BD-rates keep."""


def mean_of(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are there; None where none is."""
    known = [value for value in values if value is not None]
    return round(fmean(known), DIGITS) if known else None


def speed(rows: list[Row], seconds: list[float | None]) -> float | None:
    """Megapixels per second; None where a time is missing."""
    known = [value for value in seconds if value is not None]
    if not known or len(known) < len(rows):
        return None
    return round(sum((row.width or 0) * (row.height or 0) for row in rows) / 1e6 / sum(known), 3)


def encode_speed(rows: list[Row]) -> float | None:
    """Megapixels encoded per second."""
    return speed(rows, [row.encode_seconds for row in rows])


def decode_speed(rows: list[Row]) -> float | None:
    """Megapixels decoded per second."""
    return speed(rows, [row.decode_seconds for row in rows])


def machine() -> str:
    """The machine: its system, architecture and usable processors."""
    total = os.cpu_count() or 1
    return f"{platform.system()} {platform.machine()}, {processors()} of {total} processors"


def mean_row(codec: str, setting: float, rows: list[Row], originals: Features | None) -> Mean:
    """Means of a codec at a setting; `originals` are the features of the same pictures, where they were measured."""
    bpp, psnr = mean_of(row.bpp for row in rows), mean_of(row.psnr for row in rows)
    assert bpp is not None
    assert psnr is not None
    return Mean(
        codec=codec,
        setting=setting,
        bpp=bpp,
        psnr=psnr,
        ms_ssim=mean_of(row.ms_ssim for row in rows),
        ms_ssim_bpp=mean_of(row.bpp for row in rows if row.ms_ssim is not None),
        ssimulacra2=mean_of(row.ssimulacra2 for row in rows),
        haarpsi=mean_of(row.haarpsi for row in rows),
        gmsd=mean_of(row.gmsd for row in rows),
        vif=mean_of(row.vif for row in rows),
        vmaf=mean_of(row.vmaf for row in rows),
        psnr_hvs=mean_of(row.psnr_hvs for row in rows),
        detail=mean_of(row.detail for row in rows),
        frechet=None if originals is None else mean_frechet(rows, originals),
        encode_mp_s=encode_speed(rows),
        decode_mp_s=decode_speed(rows),
    )


def mean_frechet(rows: list[Row], originals: Features) -> float:
    """Frechet distance of the features of rows."""
    ours = np.concatenate([unpacked(row.features) for row in rows if row.features])
    return round(frechet_distance(ours, originals), DIGITS)


def original_features(dataset: Dataset, common: set[str], rows: list[Row]) -> Features | None:
    """Features of the pictures that all codecs measured; None where rows have none or there are too few patches.

    Rounded to the precision of the journal, so that an exact copy has a distance of 0.
    """
    if not rows or any(row.features is None for row in rows):
        return None
    files = [file for file in dataset.files if dataset.picture_name(file) in common]
    originals = map(open_original, files)
    found = np.concatenate([unpacked(packed(features(each.seen(each.pixels)))) for each in originals])
    return found if len(found) > 1 else None


def rounded_rate(curve: Curve, anchor: Curve | None) -> float | None:
    """BD-rate with DIGITS decimals; None where there is none."""
    rate = bd_rate(curve, anchor) if anchor else None
    return None if rate is None else round(rate, DIGITS)


IN_RATES = (Metric.PSNR, Metric.MS_SSIM, Metric.SSIMULACRA2, Metric.HAARPSI, Metric.VMAF, Metric.PSNR_HVS)
"""The metrics of a `Rate`, in the order of its fields."""


def all_rates(means: dict[str, list[Mean]], published: bool) -> list[Rate]:
    """BD-rates of every codec against every other and, with `published`, against the published curves."""
    rates = []
    for name, ours in means.items():
        psnr, ms_ssim = psnr_curve(ours), ms_ssim_curve(ours)
        for anchor, theirs in means.items():
            if anchor != name:
                values = [rounded_rate(curve_of(ours, metric), curve_of(theirs, metric)) for metric in IN_RATES]
                rates.append(Rate(name, anchor, False, *values))
        for curve in published_kodak() if published else ():
            known = rounded_rate(psnr, curve.psnr_curve()), rounded_rate(ms_ssim, curve.ms_ssim_curve())
            rates.append(Rate(name, curve.name, True, *known))
    return rates


def summarise(dataset: Dataset, adapters: list[Adapter], skipped: list[Skipped], rows: list[Row]) -> Results:
    """Summarise the rows of an evaluation, errors among them."""
    wanted = sum(len(adapter.settings) for adapter in adapters)
    measured: dict[str, list[Row]] = {}
    for row in rows:
        if not row.error:
            measured.setdefault(row.picture, []).append(row)
    common = {picture for picture, its in measured.items() if len(its) == wanted}
    chosen = [row for row in rows if row.picture in common]
    by_codec = {adapter.name: [row for row in chosen if row.codec == adapter.name] for adapter in adapters}
    originals = original_features(dataset, common, chosen)
    means: dict[str, list[Mean]] = {}
    for adapter in adapters if common else ():
        its = by_codec[adapter.name]
        means[adapter.name] = [
            mean_row(adapter.name, setting, [row for row in its if row.setting == setting], originals)
            for setting in adapter.settings
        ]
    codecs = [
        CodecSummary(
            name=adapter.name,
            title=adapter.title,
            version=adapter.version,
            learned=adapter.learned,
            settings=adapter.settings,
            encode_mp_s=encode_speed(by_codec[adapter.name]),
            decode_mp_s=decode_speed(by_codec[adapter.name]),
        )
        for adapter in adapters
    ]
    # published curves are means over all of Kodak
    overlay = dataset.name == KODAK and len(common) == len(dataset.files)
    return Results(
        lcomp=__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=machine(),
        dataset=dataset.name,
        pictures=len(dataset.files),
        common=len(common),
        codecs=tuple(codecs),
        skipped=tuple(skipped),
        means=tuple(mean for its in means.values() for mean in its),
        rates=tuple(all_rates(means, overlay)),
        rows=tuple(rows),
    )
