"""Average differences of rate between two curves, and the curves that are published."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from lcomp.evaluation.bdrate import Curve, bd_rate, efficient
from lcomp.evaluation.published import IN_PLOTS, published_kodak


@given(st.floats(0.2, 5), st.integers(2, 9))
def test_a_curve_of_scaled_rates_differs_by_the_scale(scale: float, count: int) -> None:
    bpp, quality = np.geomspace(0.1, 3, count), np.linspace(26, 42, count)
    anchor = Curve(tuple(bpp), tuple(quality))
    rate = bd_rate(Curve(tuple(bpp * scale), tuple(quality)), anchor)
    assert rate == pytest.approx(100 * (scale - 1), abs=1e-6)


def test_bd_rate_agrees_with_an_independent_one() -> None:
    curves = {curve.name: curve.psnr_curve() for curve in published_kodak()}
    vtm = curves["vtm"]
    assert vtm is not None
    for name in ("bpg444", "compressai-mbt2018-mean_mse", "webp", "jpeg2000", "coolchic_v5.0"):
        curve = curves[name]
        assert curve is not None
        parts = []
        low = max(min(curve.quality), min(vtm.quality))
        high = min(max(curve.quality), max(vtm.quality))
        for bpp, quality in (curve, vtm):
            order = np.argsort(quality)
            parts.append(PchipInterpolator(np.array(quality)[order], np.log(bpp)[order]).integrate(low, high))
        expected = 100 * math.expm1((parts[0] - parts[1]) / (high - low))
        assert bd_rate(curve, vtm) == pytest.approx(expected, abs=0.01)


def test_published_curves_stand_where_the_literature_has_them() -> None:
    curves = {curve.name: curve for curve in published_kodak()}
    assert len(curves) == 41
    assert all(curve.source and curve.title for curve in curves.values())
    assert set(IN_PLOTS) < set(curves)
    vtm = curves["vtm"]
    ours, theirs = curves["compressai-mbt2018-mean_mse"], curves["bpg444"]
    for curve, rate in ((ours.psnr_curve(), 21.3), (theirs.psnr_curve(), 20.4)):
        assert curve is not None
        assert bd_rate(curve, vtm.psnr_curve() or curve) == pytest.approx(rate, abs=0.1)
    assert curves["ftic"].ms_ssim_curve() is None


def test_curves_that_hardly_overlap_have_no_bd_rate() -> None:
    low = Curve((0.1, 0.2, 0.4), (26, 28, 30))
    assert bd_rate(low, Curve((0.3, 0.6, 1.2), (31, 34, 37))) is None
    assert bd_rate(low, Curve((0.3, 0.6, 1.2), (29.9, 34, 37))) is None
    assert bd_rate(low, Curve((0.3,), (29,))) is None
    assert bd_rate(low, Curve((), ())) is None
    assert bd_rate(low, Curve((0.2, 0.4), (28, 30))) is not None


def test_points_that_a_cheaper_one_beats_are_left_out() -> None:
    curve = Curve((0.4, 0.1, 0.2, 0.3), (30, 26, 28, 27.5))
    assert efficient(curve) == Curve((0.1, 0.2, 0.4), (26, 28, 30))
