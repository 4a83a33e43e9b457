"""The report: one self-contained HTML page, made of the files in `page`."""

from itertools import groupby
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from lcomp.evaluation.comparisons import Comparison
from lcomp.evaluation.features import measured_sets
from lcomp.evaluation.metrics.metric import Metric
from lcomp.evaluation.metrics.registry import METRICS
from lcomp.evaluation.page_data import page_data
from lcomp.evaluation.page_parts import page_part
from lcomp.evaluation.published import published_kodak
from lcomp.evaluation.results import Rate, Results, Row
from lcomp.evaluation.standing import columns, families, metrics_of, rate_in, sentence, standings
from lcomp.evaluation.table import notes, number, percent


class Anchor(NamedTuple):
    """A row of a table of BD-rates: an anchor, and the rates of each of lcomp's models against it."""

    title: str
    source: str
    rates: list[Rate | None]


class PictureRows(NamedTuple):
    """The measurements of one picture."""

    picture: str
    rows: list[Row]

    @property
    def failed(self) -> bool:
        """Whether something could not be measured."""
        return any(row.error for row in self.rows)


def anchors(results: Results, metric: Metric) -> list[Anchor]:
    """Everything the models are compared with in a metric."""
    models = [codec.name for codec in results.lossy if codec.learned]
    found = [
        Anchor(codec.title, codec.version, [results.rate(model, codec.name, metric.name) for model in models])
        for codec in results.lossy
    ]
    found += [
        Anchor(
            f"{curve.title} (published)",
            curve.source,
            [results.rate(model, curve.name, metric.name, published=True) for model in models],
        )
        for curve in published_kodak()
    ]
    return [anchor for anchor in found if any(anchor.rates)]


def render(results: Results, comparisons: list[Comparison]) -> str:
    """The report as HTML."""
    environment = Environment(
        loader=PackageLoader("lcomp.evaluation", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"number": number, "percent": percent}
    names = list(dict.fromkeys(row.picture for row in results.rows if row.codec and not row.error))
    pictures = list(dict.fromkeys(row.picture for row in results.rows))
    found = standings(results)
    first = families(results)[:1]
    against = [family for family in families(results) if any(each.rival.family == family for each in found)]
    return environment.get_template("report.html").render(
        results=results,
        verdict=[sentence(each) for each in found if [each.rival.family] == first],
        first="".join(first),
        notes=notes(results),
        standings=[(metric, list(its)) for metric, its in groupby(found, key=lambda each: each.metric)],
        standing_families=against,
        comparisons=comparisons,
        metrics=metrics_of(results),
        measured=[metric for metric in METRICS if results.measured(metric)],
        distances=measured_sets(results.means),
        timed=bool(results.timed),
        names=names,
        columns=columns(results),
        rate_in=rate_in,
        models=[codec for codec in results.lossy if codec.learned],
        anchors_in=lambda metric: anchors(results, metric),
        lossless=sorted(results.lossless, key=lambda mean: mean.bits_per_sample),
        titles={codec.name: codec.title for codec in results.codecs},
        pictures=[PictureRows(name, [row for row in results.rows if row.picture == name]) for name in pictures],
        data=page_data(results, comparisons, names),
        css=page_part("design.css") + page_part("report.css"),
        js=page_part("stage.js") + page_part("report.js"),
    )
