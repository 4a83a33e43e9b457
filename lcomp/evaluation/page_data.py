"""What the script of the report works on: curves and pictures, as JSON."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lcomp.evaluation.comparisons import Comparison, Rendering
from lcomp.evaluation.metrics.registry import METRICS
from lcomp.evaluation.published import IN_PLOTS, VTM, published_kodak
from lcomp.evaluation.results import Results
from lcomp.evaluation.standing import VTM_METRICS, metrics_of, rival

DIGITS = 4
"""Decimals of qualities and rates."""

MEAN = "mean"
"""What the mean over pictures is called among the pictures."""

GREY = 8
"""The colour of published curves."""


@dataclass(frozen=True)
class Point:
    """A point of a curve; values and qualities, which are on the axis, by metric."""

    setting: float | None
    bpp: float
    values: Mapping[str, float]
    qualities: Mapping[str, float]


@dataclass(frozen=True)
class PlotCurve:
    """A codec in the plots."""

    name: str
    title: str
    scale: str  # what its settings are called
    points: Mapping[str, list[Point]]  # by number of the picture, or MEAN
    best: list[str]  # metrics in which it is the best of its family
    colour: int  # one for each of lcomp's models and each family
    dash: int  # tells codecs of one colour apart
    learned: bool = False
    published: bool = False


@dataclass(frozen=True)
class PlotMetric:
    """A metric in the plots."""

    name: str
    title: str
    axis: str
    decimals: int


@dataclass(frozen=True)
class ShownPicture:
    """A picture of a comparison."""

    title: str
    label: str  # rate and quality
    image: int  # place among the images


@dataclass(frozen=True)
class ShownComparison:
    """A picture and what codecs make of it."""

    picture: str
    width: int  # in pixels
    height: int
    shown: list[ShownPicture]


@dataclass(frozen=True)
class PageData:
    """All of it."""

    metrics: list[PlotMetric]
    codecs: list[PlotCurve]
    comparisons: list[ShownComparison]
    images: list[str]  # AVIF, base64


def label(rendering: Rendering, comparison: Comparison) -> str:
    """Rate and quality of a picture of a comparison."""
    score = "" if rendering.ssimulacra2 is None else f", SSIMULACRA2 {rendering.ssimulacra2:.1f}"
    bpp = 8 * rendering.size / comparison.pixels
    return f"{bpp:.3f} bpp, {rendering.psnr:.2f} dB{score}"


def images_of(comparison: Comparison) -> list[bytes]:
    """The pictures of a comparison: the original, and what codecs make of it."""
    return [comparison.original, *(rendering.image for rendering in comparison.renderings)]


def shown_comparison(comparison: Comparison, images: list[bytes]) -> ShownComparison:
    """A comparison whose pictures are among the images."""
    shown = [ShownPicture("original", "", images.index(comparison.original))]
    shown += [
        ShownPicture(each.title, label(each, comparison), images.index(each.image)) for each in comparison.renderings
    ]
    return ShownComparison(comparison.picture, comparison.width, comparison.height, shown)


def plot_point(setting: float | None, bpp: float, scores: Mapping[str, float | None]) -> Point:
    """A point with the scores that are known, without qualities that no axis can show."""
    known = {metric: value for metric in METRICS if (value := scores.get(metric.name)) is not None}
    values = {metric.name: round(value, metric.decimals) for metric, value in known.items()}
    qualities = {
        metric.name: round(quality, DIGITS)
        for metric, value in known.items()
        if metric.in_rates and abs(quality := metric.quality(value)) < 1e9
    }
    return Point(setting, round(bpp, DIGITS), values, qualities)


def measured_curves(results: Results, names: list[str]) -> list[PlotCurve]:
    """Every lossy codec, lcomp's models first, over all pictures and over each."""
    metrics = metrics_of(results)
    groups: list[str] = []
    found = []
    for codec in sorted(results.lossy, key=lambda each: not each.learned):
        points = {MEAN: [plot_point(mean.setting, mean.bpp, mean.scores) for mean in results.means_of(codec.name)]}
        for index, name in enumerate(names):
            its = [row for row in results.rows if (row.picture, row.codec) == (name, codec.name) and not row.error]
            points[str(index)] = [plot_point(row.setting, row.bpp or 0.0, row.scores) for row in its]
        group = codec.name if codec.learned else codec.family
        dash = groups.count(group)
        groups.append(group)
        colour = list(dict.fromkeys(groups)).index(group)
        best = [metric.name for metric in metrics if rival(results, codec.family, metric) == codec]
        found.append(PlotCurve(codec.name, codec.title, codec.scale, points, best, colour, dash, codec.learned))
    return found


def published_curves(results: Results) -> list[PlotCurve]:
    """A few published curves, where the results have BD-rates against them; VTM is shown at first."""
    if not any(rate.published for rate in results.rates):
        return []
    found = []
    for number, curve in enumerate(each for each in published_kodak() if each.name in IN_PLOTS):
        columns = {"psnr": curve.psnr, "ms_ssim": curve.ms_ssim}
        points = [
            plot_point(None, bpp, {name: column[index] for name, column in columns.items() if column})
            for index, bpp in enumerate(curve.bpp)
        ]
        best = list(VTM_METRICS) if curve.name == VTM else []
        title = f"{curve.title} (published)"
        found.append(
            PlotCurve(f"published {curve.name}", title, "", {MEAN: points}, best, GREY, 1 + number, published=True)
        )
    return found


def page_data(results: Results, comparisons: list[Comparison], names: list[str]) -> str:
    """JSON that may stand in HTML; `names` are the pictures that have curves of their own."""
    images = list(dict.fromkeys(image for each in comparisons for image in images_of(each)))
    data = PageData(
        [PlotMetric(metric.name, metric.title, metric.axis, metric.decimals) for metric in metrics_of(results)],
        [*measured_curves(results, names), *published_curves(results)],
        [shown_comparison(each, images) for each in comparisons],
        [base64.b64encode(image).decode() for image in images],
    )
    return json.dumps(asdict(data), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
