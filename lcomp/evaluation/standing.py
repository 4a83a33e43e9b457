"""Who is compared with whom: each metric with the codecs that are tuned for it, and the verdict in words."""

from typing import NamedTuple

from lcomp.evaluation.metrics.metric import Metric
from lcomp.evaluation.metrics.registry import METRICS
from lcomp.evaluation.published import VTM
from lcomp.evaluation.results import CodecSummary, Rate, Results

FIRST = "AVIF"
"""The family that tables and the verdict begin with."""

VTM_METRICS = ("psnr", "ms_ssim")
"""Metrics in which VTM is published."""


class Column(NamedTuple):
    """A column of BD-rates."""

    metric: Metric
    anchor: str  # a codec that was measured, or VTM's published curve
    title: str  # of the anchor


class Standing(NamedTuple):
    """How one of lcomp's models stands against a family of codecs in a metric."""

    metric: Metric
    model: CodecSummary
    rival: CodecSummary  # the best of its family
    rate: Rate


def metrics_of(results: Results) -> list[Metric]:
    """The metrics with BD-rates and plots that were measured."""
    return [metric for metric in METRICS if metric.in_rates and results.measured(metric)]


def families(results: Results) -> list[str]:
    """The families of the other lossy codecs, AVIF first."""
    found = dict.fromkeys(codec.family for codec in results.lossy if not codec.learned)
    return sorted(found, key=lambda family: family != FIRST)


def best_of(results: Results, codecs: list[CodecSummary], metric: Metric) -> CodecSummary | None:
    """The codec that needs the fewest bits at equal quality in a metric, by its BD-rates against the others."""

    def total(codec: CodecSummary) -> float:
        rates = (results.rate(codec.name, other.name, metric.name) for other in codecs if other is not codec)
        return sum(rate.percent for rate in rates if rate)

    return min(codecs, key=total, default=None)


def rival(results: Results, family: str, metric: Metric) -> CodecSummary | None:
    """The codec of a family that is tuned best for a metric, by what was measured."""
    return best_of(results, [codec for codec in results.lossy if codec.family == family], metric)


def best_model(results: Results, metric: Metric) -> CodecSummary | None:
    """The best of lcomp's models in a metric."""
    return best_of(results, [codec for codec in results.lossy if codec.learned], metric)


def columns(results: Results) -> list[Column]:
    """What tables compare with: in every metric the AVIF tuned best for it, else the first family, and VTM."""
    found = []
    for metric in metrics_of(results):
        for family in families(results)[:1]:
            anchor = rival(results, family, metric)
            if anchor:
                found.append(Column(metric, anchor.name, anchor.title))
        if metric.name in VTM_METRICS and any(rate.published for rate in results.rates):
            found.append(Column(metric, VTM, "VTM (published)"))
    return found


def rate_in(results: Results, name: str, column: Column) -> Rate | None:
    """The BD-rate of a codec for a column, None where there is none."""
    return results.rate(name, column.anchor, column.metric.name, column.anchor == VTM)


def standings(results: Results) -> list[Standing]:
    """The best model in each metric against the best codec of every family."""
    found = []
    for metric in metrics_of(results):
        model = best_model(results, metric)
        for family in families(results):
            other = rival(results, family, metric)
            rate = results.rate(model.name, other.name, metric.name) if model and other else None
            if model and other and rate:
                found.append(Standing(metric, model, other, rate))
    return found


def sentence(standing: Standing) -> str:
    """The verdict of a standing, with its interval."""
    rate = standing.rate
    subject = f"At equal {standing.metric.title}, {standing.model.title} needs"
    than = f"than {standing.rival.title}"
    if rate.low is None or rate.high is None:
        return f"{subject} {amount(rate.percent)} {than} (too few pictures for an interval)."
    interval = f"[{rate.low:+.1f}, {rate.high:+.1f}] %"
    if rate.low < 0 < rate.high:
        return f"{subject} neither fewer nor more bits {than} as far as these pictures tell {interval}."
    return f"{subject} {amount(rate.percent)} {than} {interval}."


def amount(percent: float) -> str:
    """A difference in words."""
    return f"{abs(percent):.1f} % {'fewer' if percent < 0 else 'more'} bits"
