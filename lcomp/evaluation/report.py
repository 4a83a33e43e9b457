"""The report: one self-contained HTML file."""

import base64
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from lcomp.evaluation.crops import Comparison
from lcomp.evaluation.published import published_kodak
from lcomp.evaluation.results import CodecSummary, Rate, Results, Row
from lcomp.evaluation.table import columns, number, percent, pictures_line, rate_in


class Anchor(NamedTuple):
    """A row of the BD-rate table: an anchor, and the rates of each of lcomp's models against it."""

    title: str
    source: str
    rates: list[Rate | None]


class PictureRows(NamedTuple):
    """The measurements of one picture."""

    picture: str
    rows: list[Row]


def data_uri(data: bytes, kind: str) -> str:
    """An image as a data URI, embedded in the document."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def anchors(results: Results, models: list[CodecSummary]) -> list[Anchor]:
    """Everything the models are compared with."""
    found = [
        Anchor(codec.title, codec.version, [results.rate(model.name, codec.name, False) for model in models])
        for codec in results.codecs
    ]
    found += [
        Anchor(f"{curve.title} (published)", curve.source, [results.rate(m.name, curve.name, True) for m in models])
        for curve in published_kodak()
    ]
    return [anchor for anchor in found if any(anchor.rates)]


def render(results: Results, plots: list[bytes], comparisons: list[Comparison]) -> str:
    """The report as HTML."""
    environment = Environment(
        loader=PackageLoader("lcomp.evaluation", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"number": number, "percent": percent, "data_uri": data_uri}
    models = [codec for codec in results.codecs if codec.learned]
    pictures = list(dict.fromkeys(row.picture for row in results.rows))
    return environment.get_template("report.html").render(
        results=results,
        models=models,
        titles={codec.name: codec.title for codec in results.codecs},
        columns=columns(results),
        rate_in=rate_in,
        anchors=anchors(results, models),
        perceptual=any(row.detail is not None for row in results.rows),
        notes=pictures_line(results).splitlines(),
        plots=plots,
        comparisons=comparisons,
        pictures=[PictureRows(name, [row for row in results.rows if row.picture == name]) for name in pictures],
    )
