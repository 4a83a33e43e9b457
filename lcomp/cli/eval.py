"""`lcomp eval`."""

import re
import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lcomp
from lcomp.cli.engines import Address, EngineName, chosen_engine
from lcomp.cli.files import common_code, printable, require_stdout, say, set_up_messages
from lcomp.cli.options import MOST_JOBS, Device, Force, Json, Quiet, Threads
from lcomp.cli.progress_lines import ProgressLines
from lcomp.errors import InterruptError, LcompError, ModelError
from lcomp.files import write_atomically
from lcomp.workers import give_way

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


def names(text: str) -> list[str]:
    """The parts of a comma-separated list, each once."""
    return list(dict.fromkeys(part for part in re.split(r"[,\s]+", text) if part))


def parsed_qualities(text: str) -> tuple[float, ...]:
    """Qualities in increasing order; raises a usage error for anything else."""
    try:
        qualities = sorted({float(part) for part in names(text)})
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not a list of numbers: -q 1,2.5,4") from error
    if not qualities or not all(0 <= quality <= 8 for quality in qualities):
        raise typer.BadParameter("qualities are numbers from 0 to 8")
    return tuple(qualities)


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


def evaluate(
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="A folder of pictures: --dataset DIR.", show_default=False)
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", metavar="kodak|DIR", help="The Kodak set, or a folder of pictures.", show_default="kodak"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Where the Kodak pictures are.", show_default="found or fetched"),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="A,B,...",
            help="Models to measure; all for every one.",
            show_default="visual, autoregressive",
        ),
    ] = None,
    quality: Annotated[
        str, typer.Option("-q", "--quality", metavar="Q,Q,...", help="Qualities of the models.")
    ] = "1,2,3,4,6,8",
    codecs: Annotated[
        str,
        typer.Option(
            "--codecs",
            metavar="A,B@LEVEL,...",
            help="Codecs to compare with: usual, all, or names such as avif-psnr, jxl@9, vvc@slow (slow ones).",
        ),
    ] = "usual",
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Measure lossless coding too: lcomp, JPEG XL, WebP, PNG and others.")
    ] = False,
    metric: Annotated[
        str,
        typer.Option("--metric", metavar="A,B,...", help="Further metrics, such as ws-psnr (for 360 degrees) or vmaf."),
    ] = "",
    max_side: Annotated[
        int | None,
        typer.Option("--max-side", min=16, metavar="N", help="Scale larger pictures down to this many pixels a side."),
    ] = None,
    device: Device = "auto",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for rows and the HTML report.", show_default="none"),
    ] = None,
    perceptual: Annotated[
        bool,
        typer.Option(
            "--perceptual",
            help="Measure HaarPSI, GMSD and VIF (by piq), VMAF and PSNR-HVS (by ffmpeg), detail and feature distance.",
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            max=MOST_JOBS,
            help="Processes; with several, nothing is timed.",
            show_default="1, or as many as a cluster has cores or GPUs",
        ),
    ] = None,
    threads: Threads = None,
    engine: EngineName = "local",
    address: Address = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Measure models and other codecs on real files: SSIMULACRA2, PSNR, MS-SSIM, BD-rate and speed.

    With -o a report is written, and an interrupted evaluation resumes where it stopped.
    """
    give_way()
    qualities = parsed_qualities(quality)
    if folder is not None and dataset is not None:
        raise typer.BadParameter("a folder and --dataset exclude each other")
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    set_up_messages(False, quiet)
    from lcomp.cli.bars import counting_bar

    try:
        from lcomp.evaluation import journal
        from lcomp.evaluation.codecs.registry import IN_LOSSLESS, USUAL_MODELS, expanded
        from lcomp.evaluation.datasets import find_dataset
        from lcomp.evaluation.measure import Plan
        from lcomp.evaluation.metrics.registry import chosen_metrics
        from lcomp.evaluation.summary import summarise
    except ModuleNotFoundError as error:
        say(f"lcomp: {error.name} is not installed: pip install 'lcomp[eval]'")
        raise typer.Exit(1) from error
    try:
        codec_names, chosen = expanded(names(codecs)), chosen_metrics(names(metric), perceptual)
    except LcompError as error:
        raise typer.BadParameter(str(error)) from error
    model_names = names(models) if models is not None else list(USUAL_MODELS)
    if model_names == ["all"]:
        model_names = [model.name for model in lcomp.models() if model.has_quality]
    for model in lcomp.models():
        if model.name in model_names and not model.has_quality:
            how = ": it is measured with --lossless" if model.lossless else ""
            raise typer.BadParameter(f"model '{model.name}' has no quality{how}")
    if not (model_names or codec_names or lossless):
        raise typer.BadParameter("there is neither a model nor a codec to measure")
    workers = chosen_engine(engine, address, jobs, device)
    require_stdout()

    for absent in dict.fromkeys(each.needs for each in chosen if not each.available()):
        without = ", ".join(each.title for each in chosen if each.needs == absent)
        say(f"lcomp: there will be no {without} without {absent}: pip install 'lcomp[perceptual]'")
    used = tuple(each.name for each in chosen)
    plan = Plan(qualities, device, perceptual, workers.jobs, used, max_side, threads, workers.engine)
    with counting_bar(quiet) as bar:
        fetching = bar.add_task("fetching Kodak", total=None, visible=False)
        pictures = find_dataset(
            folder or dataset or "kodak",
            data,
            output,
            lambda done, total: bar.update(fetching, completed=done, total=total, visible=done < total),
        )
        if output:
            journal.claim(output, force)
        codec_names += IN_LOSSLESS if lossless else ()
        adapters, skipped = chosen_adapters(model_names, codec_names, plan, models is not None)
        if not adapters:
            raise LcompError("no codec can be measured")
        rows = measured_rows(pictures, adapters, plan, output, bar, quiet)
    results = summarise(pictures, adapters, skipped, rows, plan, shlex.join(["lcomp", *sys.argv[1:]]))
    if output:
        write_outputs(output, results, pictures, adapters, plan)
    print_results(results, as_json, as_csv)
    if not results.common:
        say("lcomp: no picture was measured by all codecs at all settings: no means")
    errors = [3 if not row.codec else 1 for row in rows if row.error]
    if errors:
        raise typer.Exit(common_code(errors))
