"""BD-rate: the mean difference of bit rate at equal quality (Bjontegaard 2001), with piecewise cubics.

The logarithm of the rate is interpolated over the quality (PCHIP) and averaged over the quality that both curves cover.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

MIN_OVERLAP = 0.25
"""Share of the shorter curve's range of quality that both curves must have in common."""

EVERYWHERE = (-math.inf, math.inf)


class Curve(NamedTuple):
    """Operating points of a codec: bits per pixel and quality."""

    bpp: tuple[float, ...]
    quality: tuple[float, ...]


def efficient(curve: Curve) -> Curve:
    """The Pareto front: points in order of rate, without those that a cheaper one equals or beats."""
    points: list[tuple[float, float]] = []
    for bpp, quality in sorted(zip(*curve, strict=True)):
        if math.isfinite(quality) and (not points or (quality > points[-1][1] and bpp > points[-1][0])):
            points.append((bpp, quality))
    return Curve(tuple(bpp for bpp, _ in points), tuple(quality for _, quality in points))


class LogRate:
    """The logarithm of a codec's rate as a function of the quality, between the ends `low` and `high`."""

    def __init__(self, curve: Curve, within: tuple[float, float] = EVERYWHERE) -> None:
        """Interpolate a curve of at least two efficient points; the ends are `within` a range of qualities."""
        curve = efficient(curve)
        self.low, self.high = max(curve.quality[0], within[0]), min(curve.quality[-1], within[1])
        self.integral = PchipInterpolator(curve.quality, np.log(curve.bpp)).antiderivative()

    def mean(self, low: float, high: float) -> float:
        """Mean over a range of qualities between the ends."""
        return float(self.integral(high) - self.integral(low)) / (high - low)


def log_rate(curve: Curve, within: tuple[float, float] = EVERYWHERE) -> LogRate | None:
    """A curve's LogRate; None where it has too few points, or none within the range."""
    if len(efficient(curve).bpp) < 2:
        return None
    found = LogRate(curve, within)
    return found if found.low < found.high else None


def log_ratio(ours: LogRate | None, anchor: LogRate | None) -> float | None:
    """Mean of the logarithm of our rate over the anchor's; None where they share too little of their quality."""
    if ours is None or anchor is None:
        return None
    low, high = max(ours.low, anchor.low), min(ours.high, anchor.high)
    if high - low < MIN_OVERLAP * min(ours.high - ours.low, anchor.high - anchor.low):
        return None
    return ours.mean(low, high) - anchor.mean(low, high)


def percent(ratio: float | None) -> float | None:
    """A logarithm of a ratio as a difference in percent."""
    return None if ratio is None else 100 * math.expm1(ratio)


def bd_rate(curve: Curve, anchor: Curve, within: tuple[float, float] = EVERYWHERE) -> float | None:
    """Mean rate of a curve relative to an anchor's at equal quality, in percent; negative is better.

    The mean is over the quality that both cover, and that is `within` a range; None where they share too little of it.

    >>> anchor = Curve((0.1, 0.2, 0.4), (26, 28, 30))
    >>> round(bd_rate(Curve((0.05, 0.1, 0.2), (26, 28, 30)), anchor), 6)
    -50.0
    """
    return percent(log_ratio(log_rate(curve, within), log_rate(anchor, within)))
