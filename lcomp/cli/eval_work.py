"""What `lcomp eval` does, step by step: open the codecs, measure, write and print."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from lcomp.cli.files import printable, say
from lcomp.cli.progress_lines import ProgressLines
from lcomp.errors import InterruptError, ModelError
from lcomp.files import write_atomically

if TYPE_CHECKING:
    from rich.progress import Progress

    from lcomp.evaluation.codecs.adapter import Adapter
    from lcomp.evaluation.datasets import Dataset
    from lcomp.evaluation.measure import Plan
    from lcomp.evaluation.results import Results, Row, Skipped

PIPE_WIDTH = 190
"""Width of the tables, in characters, where stdout is not a terminal."""


TELL_FROM = 20
"""Seconds from which the expected time is said."""


def chosen_adapters(
    models: list[str], codecs: list[str], plan: "Plan", models_named: bool
) -> "tuple[list[Adapter], list[Skipped]]":
    """The codecs to measure, and those that cannot be; raises ModelError for unusable models that were named."""
    from lcomp.evaluation.codecs.adapter import MissingLibraryError
    from lcomp.evaluation.codecs.registry import open_adapter
    from lcomp.evaluation.results import Skipped

    adapters, skipped = [], []
    for name in (*models, *codecs):
        try:
            adapters.append(open_adapter(name, plan.qualities, plan.device, plan.threads))
        except (MissingLibraryError, ModelError) as error:
            if isinstance(error, ModelError) and models_named:
                raise
            skipped.append(Skipped(name, str(error)))
            say(f"lcomp: {name} skipped: {error}")
    return adapters, skipped


def tell_time(seconds: float) -> None:
    """Say how long the measurement will take, where that is worth it."""
    if seconds > TELL_FROM:
        say(f"lcomp: about {max(1, round(seconds / 60))} minutes to measure (Ctrl-C keeps what is finished)")


def measured_rows(
    dataset: "Dataset", adapters: "list[Adapter]", plan: "Plan", output: Path | None, bar: "Progress", quiet: bool
) -> "list[Row]":
    """All rows, sorted by picture, codec and setting; prints the first error of each picture and codec."""
    from lcomp.evaluation.journal import Journal
    from lcomp.evaluation.measure import measure

    each = sum(len(adapter.settings) for adapter in adapters)
    total = each * len(dataset.files)
    task = bar.add_task("measuring", total=total)
    rows: list[Row] = []
    journal = Journal(output)
    if journal.rows:
        say(f"lcomp: going on from {len(journal.rows)} rows in {output}; what they hold is not measured again")
    lines = ProgressLines(total, min(len(journal.rows), total), quiet)
    failed: set[tuple[str, str]] = set()
    try:
        with closing(measure(dataset, adapters, plan, journal, tell_time)) as measured:
            for row in measured:
                rows.append(row)
                bar.update(task, advance=1 if row.codec else each, description=printable(row.picture))
                lines.tell(len(rows))
                if row.error and (row.picture, row.codec) not in failed:
                    failed.add((row.picture, row.codec))
                    by = f"{row.codec}: " if row.codec else ""
                    say(f"lcomp: {row.picture}: {by}{row.error}")
    except KeyboardInterrupt:
        kept = f"; the same command goes on from the {len(rows)} finished rows in {output}" if output else ""
        raise InterruptError(f"interrupted{kept}") from None
    pictures = {dataset.picture_name(file): number for number, file in enumerate(dataset.files)}
    codecs = {adapter.name: number for number, adapter in enumerate(adapters)}
    settings = {adapter.name: adapter.settings for adapter in adapters}

    def place(row: "Row") -> tuple[int, int, int]:
        if row.setting is None:
            return pictures[row.picture], 0, 0
        return pictures[row.picture], codecs[row.codec], settings[row.codec].index(row.setting)

    return sorted(rows, key=place)


def write_outputs(
    output: Path, results: "Results", dataset: "Dataset", adapters: "list[Adapter]", plan: "Plan"
) -> None:
    """Write everything that is derived from the rows, each file atomically."""
    from rich.console import Console

    from lcomp.evaluation.comparisons import comparisons
    from lcomp.evaluation.documents import to_csv, to_json
    from lcomp.evaluation.report import render

    with Console(stderr=True).status("writing the report"):
        # the tables first: an interrupt while pictures are compared leaves them
        write_atomically(output / "results.json", to_json(results).encode())
        write_atomically(output / "results.csv", to_csv(results).encode(errors="backslashreplace"))
        report = render(results, comparisons(results, dataset, adapters, plan.max_side))
        write_atomically(output / "report.html", report.encode(errors="backslashreplace"))


def print_results(results: "Results", as_json: bool, as_csv: bool) -> None:
    """Print the tables or the document that was asked for."""
    from rich.console import Console

    from lcomp.evaluation.documents import to_csv, to_json
    from lcomp.evaluation.standing import sentence, standings
    from lcomp.evaluation.table import lossless_table, points_table, summary_table

    if as_json:
        sys.stdout.write(to_json(results))
    elif as_csv:
        sys.stdout.write(to_csv(results))
    else:
        console = Console()
        console = console if console.is_terminal else Console(width=PIPE_WIDTH)
        if results.lossy:
            console.print(points_table(results), summary_table(results))
        if results.lossless:
            console.print(lossless_table(results))
        for standing in standings(results):
            console.print(sentence(standing), markup=False, highlight=False)
