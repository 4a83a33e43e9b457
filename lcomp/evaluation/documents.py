"""Rows and results as JSON and CSV, and back."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from lcomp.errors import LcompError
from lcomp.evaluation.metrics.registry import METRICS
from lcomp.evaluation.results import CodecSummary, LosslessMean, Mean, Rate, Results, Row, Skipped

FEATURES, SCORES = "features", "scores"
"""Fields of a row: one kept in the journal alone, and the scores, which are columns after `bpp`."""

Json = dict[str, Any]

PLAIN = [field.name for field in fields(Row) if field.name not in (SCORES, FEATURES)]


def row_document(row: Row) -> Json:
    """A row as one flat object."""
    document = asdict(row)
    scores = document.pop(SCORES)
    return {**document, **scores}


def row_of(document: Mapping[str, Any]) -> Row:
    """The row of an object of `row_document`; raises TypeError for unknown fields."""
    names = {metric.name for metric in METRICS}
    scores = {name: value for name, value in document.items() if name in names}
    return Row(**{name: value for name, value in document.items() if name not in names}, scores=scores)


def to_json(results: Results) -> str:
    """Everything as a JSON document."""
    document = asdict(results)
    document["rows"] = [row_document(row) for row in results.rows]
    for row in document["rows"]:
        del row[FEATURES]
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def to_csv(results: Results) -> str:
    """The rows as CSV, errors included."""
    stream = io.StringIO()
    measured = [metric.name for metric in METRICS if any(metric.name in row.scores for row in results.rows)]
    place = PLAIN.index("bpp") + 1
    names = [*PLAIN[:place], *measured, *PLAIN[place:]]
    writer = csv.DictWriter(stream, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row_document(row) for row in results.rows)
    return stream.getvalue()


def read_results(path: Path) -> Results:
    """Results from the JSON of `to_json`; raises LcompError where it is not one."""
    try:
        table: Json = json.loads(path.read_text(encoding="utf-8"))
        codecs = (CodecSummary(**{**codec, "settings": tuple(codec["settings"])}) for codec in table.pop("codecs"))
        return Results(
            codecs=tuple(codecs),
            notes=tuple(table.pop("notes")),
            skipped=tuple(Skipped(**skipped) for skipped in table.pop("skipped")),
            means=tuple(Mean(**mean) for mean in table.pop("means")),
            lossless=tuple(LosslessMean(**mean) for mean in table.pop("lossless")),
            rates=tuple(Rate(**rate) for rate in table.pop("rates")),
            rows=tuple(row_of(row) for row in table.pop("rows")),
            **table,
        )
    except OSError as error:
        raise LcompError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LcompError(f"{path} does not hold the results of an evaluation: {error}") from error
