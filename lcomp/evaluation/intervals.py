"""BD-rates with their intervals: how far they would move with other pictures of the kind."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lcomp.evaluation.bdrate import Curve, LogRate, log_rate, log_ratio, percent
from lcomp.evaluation.metrics.metric import Metric
from lcomp.evaluation.results import Mean, Rate, Row, curve_of

RESAMPLES = 300
"""Sets of pictures that are drawn, with replacement."""

LEAST_PICTURES = 5
"""Below this an interval would say nothing."""

LEVELS = (2.5, 97.5)
"""Percentiles that are the ends of a 95 % interval."""

DIGITS = 4
"""Decimals that BD-rates keep."""

Weights = NDArray[np.float64]
"""How often each picture is in a set, relative to its size: [sets, pictures]."""


def draws(pictures: int) -> Weights:
    """Sets of pictures drawn with replacement, the same ones each time (Efron 1979)."""
    return np.random.default_rng(0).multinomial(pictures, np.full(pictures, 1 / pictures), RESAMPLES) / pictures


def resampled(rows: list[Row], settings: tuple[float, ...], metric: Metric, weights: Weights) -> list[LogRate | None]:
    """The curve of a codec over each set of pictures; `rows` are in the same order of pictures at every setting."""
    bpp = np.array([[row.bpp for row in rows if row.setting == setting] for setting in settings], float)
    values = np.array([[row.scores[metric.name] for row in rows if row.setting == setting] for setting in settings])
    rates, means = bpp @ weights.T, values.astype(float) @ weights.T
    return [
        log_rate(Curve(tuple(rate), tuple(metric.quality(value) for value in mean)), metric.within)
        for rate, mean in zip(rates.T, means.T, strict=True)
    ]


def metric_rates(
    metric: Metric,
    means: Mapping[str, list[Mean]],
    rows: Mapping[str, list[Row]],
    settings: Mapping[str, tuple[float, ...]],
) -> list[Rate]:
    """BD-rates of every codec against every other in one metric, over the same pictures; both ways round.

    `rows` are those of the pictures for which the metric is defined.
    """
    curves = {name: log_rate(curve_of(its, metric), metric.within) for name, its in means.items()}
    first = next(iter(rows), None)
    count = len(rows[first]) // max(len(settings[first]), 1) if first else 0
    sets: dict[str, list[LogRate | None]] = {}
    if count >= LEAST_PICTURES:
        weights = draws(count)
        sets = {name: resampled(rows[name], settings[name], metric, weights) for name in means}
    rates = []
    for ours, theirs in combinations(means, 2):
        ratio = log_ratio(curves[ours], curves[theirs])
        if ratio is None:
            continue
        pairs = zip(sets.get(ours, ()), sets.get(theirs, ()), strict=True)
        drawn = [each for one, other in pairs if (each := log_ratio(one, other)) is not None]
        rates += [
            rate(ours, theirs, metric, ratio, drawn),
            rate(theirs, ours, metric, -ratio, [-each for each in drawn]),
        ]
    return rates


def rate(codec: str, anchor: str, metric: Metric, ratio: float, drawn: list[float]) -> Rate:
    """A BD-rate with its interval, none where too few sets have one."""
    low = high = None
    if len(drawn) > RESAMPLES // 2:
        low, high = (rounded(percent(float(end))) for end in np.percentile(drawn, LEVELS))
    return Rate(codec, anchor, metric.name, rounded(percent(ratio)) or 0.0, low, high)


def rounded(value: float | None) -> float | None:
    """A BD-rate with DIGITS decimals."""
    return None if value is None else round(value, DIGITS)
