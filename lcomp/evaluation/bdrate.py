"""BD-rate: the mean difference of bit rate at equal quality (Bjontegaard 2001), with piecewise cubics."""

import math
from typing import NamedTuple

import bjontegaard
import numpy as np
from scipy.interpolate import PchipInterpolator

MIN_OVERLAP = 0.25
"""Share of the shorter curve's range of quality that both curves must have in common."""


class Curve(NamedTuple):
    """Operating points of a codec: bits per pixel and quality in dB."""

    bpp: tuple[float, ...]
    quality: tuple[float, ...]


def efficient(curve: Curve) -> Curve:
    """The Pareto front: points in order of rate, without those that a cheaper one equals or beats."""
    points: list[tuple[float, float]] = []
    for bpp, quality in sorted(zip(*curve, strict=True)):
        if math.isfinite(quality) and (not points or (quality > points[-1][1] and bpp > points[-1][0])):
            points.append((bpp, quality))
    return Curve(tuple(bpp for bpp, _ in points), tuple(quality for _, quality in points))


def clipped(curve: Curve, low: float, high: float) -> Curve:
    """Clip a curve to a range of qualities, with end points interpolated where it goes beyond.

    As in BD-rates, the interpolation is a piecewise cubic of the logarithm of the rate over the quality.
    """
    curve = efficient(curve)
    if len(curve.bpp) < 2:
        return curve
    rate = PchipInterpolator(curve.quality, np.log(curve.bpp))
    ends = [end for end in (low, high) if curve.quality[0] < end < curve.quality[-1]]
    points = [point for point in zip(*curve, strict=True) if low <= point[1] <= high]
    points += [(float(np.exp(rate(end))), end) for end in ends]
    return efficient(Curve(tuple(bpp for bpp, _ in points), tuple(quality for _, quality in points)))


def bd_rate(curve: Curve, anchor: Curve) -> float | None:
    """Mean rate of a curve relative to an anchor's at equal quality, in percent; negative is better.

    The mean is over the quality that both cover; None where they share too little of it.
    """
    curve, anchor = efficient(curve), efficient(anchor)
    if min(len(curve.bpp), len(anchor.bpp)) < 2:
        return None
    shared = min(curve.quality[-1], anchor.quality[-1]) - max(curve.quality[0], anchor.quality[0])
    shorter = min(curve.quality[-1] - curve.quality[0], anchor.quality[-1] - anchor.quality[0])
    if shared < MIN_OVERLAP * shorter:
        return None
    rate = bjontegaard.bd_rate(
        anchor.bpp, anchor.quality, curve.bpp, curve.quality, "pchip", require_matching_points=False, min_overlap=0
    )
    return float(rate)
