"""Rate-distortion plots."""

import io
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter
from PIL import Image

from lcomp.evaluation.bdrate import Curve, efficient
from lcomp.evaluation.published import IN_PLOTS, Published, published_kodak
from lcomp.evaluation.results import Metric, Results, curve_of

DPI = 110
COLOURS = 96
"""Colours of the PNG's palette, which makes the file several times smaller."""
RATES = (0.1, 0.2, 0.5, 1, 2, 3)
"""Ticks of the rate axis, in bits per pixel."""
GREYS = ("#222222", "#555555", "#888888", "#aaaaaa")
"""Colours of the published curves."""


class Line(NamedTuple):
    """A curve of a plot."""

    title: str
    curve: Curve
    learned: bool
    published: bool


AXES = {
    Metric.SSIMULACRA2: "SSIMULACRA2",
    Metric.PSNR: "PSNR (RGB), dB",
    Metric.MS_SSIM: "MS-SSIM, dB: -10 log10(1 - MS-SSIM)",
    Metric.HAARPSI: "HaarPSI, dB: -10 log10(1 - HaarPSI)",
    Metric.VMAF: "VMAF",
    Metric.PSNR_HVS: "PSNR-HVS, dB",
}
"""Labels of the quality axis."""


def published_curve(published: Published, metric: Metric) -> Curve | None:
    """The curve of a published codec, if it was published in that metric."""
    if metric is Metric.PSNR:
        return published.psnr_curve()
    return published.ms_ssim_curve() if metric is Metric.MS_SSIM else None


def lines(results: Results, metric: Metric) -> list[Line]:
    """All measured curves and, where the results have BD-rates against them, a few published ones."""
    found = []
    for codec in results.codecs:
        means = results.means_of(codec.name)
        measured = efficient(curve_of(means, metric))
        found.append(Line(codec.title, measured, codec.learned, False))
    if any(rate.published for rate in results.rates):
        known = {published.name: published for published in published_kodak()}
        for name in IN_PLOTS:
            curve = published_curve(known[name], metric)
            if curve:
                found.append(Line(f"{known[name].title} (published)", curve, False, True))
    return [line for line in found if line.curve.bpp]


def draw(axes: Axes, shown: list[Line]) -> None:
    """Draw all curves: lcomp's bold, published ones grey and dashed."""
    greys = iter(GREYS)
    for line in shown:
        if line.published:
            axes.plot(*line.curve, "--", color=next(greys), linewidth=1.1, label=line.title)
        elif line.learned:
            axes.plot(*line.curve, "o-", linewidth=2.6, markersize=5, label=line.title, zorder=5)
        else:
            axes.plot(*line.curve, ".-", linewidth=1.2, markersize=5, label=line.title)
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
    axes.set_ylabel(AXES[metric])
    axes.set_title(f"{results.dataset}, {results.common} pictures", parse_math=False)
    axes.grid(True, which="both", linewidth=0.3)
    if axes.lines:
        axes.legend(loc="lower right", fontsize=8)
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(small, "PNG", optimize=True)
    return small.getvalue()
