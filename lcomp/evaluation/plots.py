"""Rate-distortion plots."""

import io
import itertools
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter
from PIL import Image

from lcomp.evaluation.bdrate import Curve, efficient
from lcomp.evaluation.metrics.metric import Metric
from lcomp.evaluation.published import IN_PLOTS, published_kodak
from lcomp.evaluation.results import Results, curve_of
from lcomp.evaluation.standing import families, rival

DPI = 110
COLOURS = 96
"""Colours of the PNG's palette, which makes the file several times smaller."""
RATES = (0.1, 0.2, 0.5, 1, 2, 3)
"""Ticks of the rate axis, in bits per pixel."""
COLOURS_APART = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#6a3d9a", "#b2182b")
"""Colours of the measured curves, which differ for colour-blind readers too (Okabe and Ito 2008, extended)."""
MARKERS = "osD^v<>PX"
GREYS = ("#222222", "#555555", "#888888", "#aaaaaa")
"""Colours of the published curves."""


class Line(NamedTuple):
    """A curve of a plot."""

    title: str
    curve: Curve
    learned: bool
    published: bool


def lines(results: Results, metric: Metric) -> list[Line]:
    """Lcomp's models, the best codec of each family and, on Kodak, a few published curves."""
    chosen = [codec for codec in results.lossy if codec.learned]
    chosen += [codec for family in families(results) if (codec := rival(results, family, metric))]
    found = []
    for codec in chosen:
        measured = efficient(curve_of(results.means_of(codec.name), metric))
        found.append(Line(codec.title, measured, codec.learned, False))
    if any(rate.published for rate in results.rates):
        known = {published.name: published for published in published_kodak()}
        for name in IN_PLOTS:
            curve = known[name].curve(metric)
            if curve:
                found.append(Line(f"{known[name].title} (published)", curve, False, True))
    return [line for line in found if line.curve.bpp]


def draw(axes: Axes, shown: list[Line]) -> None:
    """Draw all curves: lcomp's bold, published ones grey and dashed."""
    greys, styles = iter(GREYS), itertools.cycle(zip(COLOURS_APART, MARKERS, strict=True))
    for line in shown:
        if line.published:
            axes.plot(*line.curve, "--", color=next(greys), linewidth=1.1, label=line.title)
            continue
        colour, marker = next(styles)
        width, order = (2.6, 5) if line.learned else (1.2, 3)
        axes.plot(
            *line.curve, color=colour, marker=marker, linewidth=width, markersize=4, label=line.title, zorder=order
        )
    measured = [line for line in shown if not line.published]
    if measured:
        # the axes fit what was measured; published curves may extend beyond them
        rates = [bpp for line in measured for bpp in line.curve.bpp]
        qualities = [quality for line in measured for quality in line.curve.quality]
        margin = 0.03 * (max(qualities) - min(qualities)) or 0.5
        axes.set_xlim(min(rates) * 0.9, max(rates) * 1.1)
        axes.set_ylim(min(qualities) - margin, max(qualities) + margin)


def plot(results: Results, metric: Metric) -> bytes:
    """PNG of the quality in a metric against the rate on a logarithmic axis."""
    figure = Figure(figsize=(8, 5.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    draw(axes, lines(results, metric))
    low, high = axes.get_xlim()
    axes.set_xticks([rate for rate in RATES if low <= rate <= high])
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel(metric.axis)
    axes.set_title(f"{results.dataset}, {results.common} pictures", parse_math=False)
    axes.grid(True, which="both", linewidth=0.3)
    if axes.lines:
        axes.legend(loc="lower right", fontsize=7)
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(small, "PNG", optimize=True)
    return small.getvalue()
