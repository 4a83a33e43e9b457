"""Average differences of rate between two curves, and the curves that are published."""

import math

import bjontegaard
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from lcomp.evaluation.bdrate import Curve, bd_rate, efficient
from lcomp.evaluation.intervals import RESAMPLES, draws, metric_rates
from lcomp.evaluation.metrics.registry import metric_by_name
from lcomp.evaluation.published import IN_PLOTS, published_kodak
from lcomp.evaluation.results import Mean, Row

PSNR = metric_by_name("psnr")


@given(st.floats(0.2, 5), st.integers(2, 9))
def test_a_curve_of_scaled_rates_differs_by_the_scale(scale: float, count: int) -> None:
    bpp, quality = np.geomspace(0.1, 3, count), np.linspace(26, 42, count)
    anchor = Curve(tuple(bpp), tuple(quality))
    rate = bd_rate(Curve(tuple(bpp * scale), tuple(quality)), anchor)
    assert rate == pytest.approx(100 * (scale - 1), abs=1e-6)


def test_bd_rate_agrees_with_an_independent_one() -> None:
    curves = {curve.name: curve.curve(PSNR) for curve in published_kodak()}
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
        # and with the library of the field, which wants its points in order and without such as others beat
        points, anchor = efficient(curve), efficient(vtm)
        library = bjontegaard.bd_rate(*anchor, *points, "pchip", require_matching_points=False, min_overlap=0)
        assert bd_rate(curve, vtm) == pytest.approx(library, abs=0.01)


def test_published_curves_stand_where_the_literature_has_them() -> None:
    curves = {curve.name: curve for curve in published_kodak()}
    assert len(curves) == 41
    assert all(curve.source and curve.title for curve in curves.values())
    assert set(IN_PLOTS) < set(curves)
    vtm = curves["vtm"]
    ours, theirs = curves["compressai-mbt2018-mean_mse"], curves["bpg444"]
    for curve, rate in ((ours.curve(PSNR), 21.3), (theirs.curve(PSNR), 20.4)):
        assert curve is not None
        assert bd_rate(curve, vtm.curve(PSNR) or curve) == pytest.approx(rate, abs=0.1)
    assert curves["ftic"].curve(metric_by_name("ms-ssim")) is None


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


def test_only_a_range_of_quality_may_count() -> None:
    qualities = tuple(range(10, 100, 10))
    anchor = Curve(tuple(0.1 * each for each in qualities), qualities)
    ours = Curve(tuple(0.1 * each * (0.5 if each < 55 else 2) for each in qualities), qualities)
    assert bd_rate(ours, anchor, (10, 40)) == pytest.approx(-50, abs=1)
    assert bd_rate(ours, anchor, (70, 90)) == pytest.approx(100, abs=1)
    assert bd_rate(ours, anchor, (95, 99)) is None
    assert bd_rate(ours, anchor) == bd_rate(ours, anchor, (0, 100))


def picture_rows(codec: str, factors: np.ndarray) -> list[Row]:
    """Rows of a codec whose files of each picture are larger by a factor than those at equal quality."""
    return [
        Row(f"{number:03}", "", codec, setting=float(setting), bpp=setting * factor, scores={"psnr": 25.0 + setting})
        for number, factor in enumerate(factors)
        for setting in range(1, 6)
    ]


def rates_of(factors: np.ndarray) -> tuple[float, float | None, float | None]:
    rows = {"ours": picture_rows("ours", factors), "theirs": picture_rows("theirs", np.ones(len(factors)))}
    settings = {name: tuple(float(each) for each in range(1, 6)) for name in rows}
    means = {}
    for name, its in rows.items():
        means[name] = [
            Mean(name, at, bpp, {"psnr": 25 + at}, {"psnr": bpp}, None, None, None)
            for at in settings[name]
            for bpp in [float(np.mean([row.bpp for row in its if row.setting == at]))]
        ]
    rates = metric_rates(PSNR, means, rows, settings)
    assert [(rate.codec, rate.anchor) for rate in rates] == [("ours", "theirs"), ("theirs", "ours")]
    assert (1 + rates[0].percent / 100) * (1 + rates[1].percent / 100) == pytest.approx(1, abs=1e-5)
    return rates[0].percent, rates[0].low, rates[0].high


def test_an_interval_is_that_of_the_mean_over_pictures() -> None:
    random = np.random.default_rng(3)
    factors = random.normal(0.8, 0.1, 40)
    percent, low, high = rates_of(factors)
    assert low is not None
    assert high is not None
    # every point of a picture is off by the same factor, so the BD-rate is the mean factor
    assert percent == pytest.approx(100 * (factors.mean() - 1), abs=1e-3)
    error = 100 * factors.std() / math.sqrt(len(factors))
    assert low == pytest.approx(percent - 1.96 * error, abs=0.4 * error)
    assert high == pytest.approx(percent + 1.96 * error, abs=0.4 * error)
    same = rates_of(np.full(40, 0.8))
    assert same == pytest.approx((-20, -20, -20), abs=1e-3)
    assert rates_of(factors[:3])[1:] == (None, None)


def test_sets_of_pictures_are_the_same_each_time() -> None:
    first = draws(24)
    assert first.shape == (RESAMPLES, 24)
    assert np.array_equal(first, draws(24))
    assert first.sum(1) == pytest.approx(1)
