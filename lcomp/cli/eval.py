"""`lcomp eval`."""

import re
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lcomp
from lcomp.cli.files import common_code, printable, require_stdout, say, set_up_messages
from lcomp.cli.options import MOST_JOBS, Device, Force, Json, Quiet
from lcomp.errors import InterruptError, LcompError, ModelError
from lcomp.files import write_atomically

if TYPE_CHECKING:
    from rich.progress import Progress

    from lcomp.evaluation.codecs import Adapter
    from lcomp.evaluation.datasets import Dataset
    from lcomp.evaluation.measure import Plan
    from lcomp.evaluation.results import Results, Row, Skipped

PIPE_WIDTH = 150
"""Width of the tables, in characters, where stdout is not a terminal."""


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
    from lcomp.evaluation.codecs import MissingLibraryError, open_adapter
    from lcomp.evaluation.results import Skipped

    adapters, skipped = [], []
    for name in (*models, *codecs):
        try:
            adapters.append(open_adapter(name, plan.qualities, plan.device))
        except (MissingLibraryError, ModelError) as error:
            if isinstance(error, ModelError) and models_named:
                raise
            skipped.append(Skipped(name, str(error)))
            say(f"lcomp: {name} skipped: {error}")
    return adapters, skipped


def measured_rows(
    dataset: "Dataset", adapters: "list[Adapter]", plan: "Plan", output: Path | None, bar: "Progress"
) -> "list[Row]":
    """All rows, sorted by picture, codec and setting; prints the first error of each picture and codec."""
    from lcomp.evaluation.journal import Journal
    from lcomp.evaluation.measure import measure

    each = sum(len(adapter.settings) for adapter in adapters)
    task = bar.add_task("measuring", total=each * len(dataset.files))
    rows: list[Row] = []
    failed: set[tuple[str, str]] = set()
    try:
        with closing(measure(dataset, adapters, plan, Journal(output))) as measured:
            for row in measured:
                rows.append(row)
                bar.update(task, advance=1 if row.codec else each, description=printable(row.picture))
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


def write_outputs(output: Path, results: "Results", dataset: "Dataset", adapters: "list[Adapter]") -> None:
    """Write everything that is derived from the rows, each file atomically."""
    from rich.console import Console

    from lcomp.evaluation.crops import comparisons
    from lcomp.evaluation.plots import plot
    from lcomp.evaluation.report import render
    from lcomp.evaluation.results import Metric, curve_of, to_csv, to_json

    with Console(stderr=True).status("writing the report"):
        metrics = [
            metric
            for metric in Metric
            if any(curve_of(results.means_of(codec.name), metric).bpp for codec in results.codecs)
        ]
        plots = [plot(results, metric) for metric in metrics]
        report = render(results, plots, comparisons(dataset, adapters, list(results.rows)))
        files = [
            ("results.json", to_json(results).encode()),
            ("results.csv", to_csv(results).encode(errors="backslashreplace")),
            *((f"{metric.name.lower()}.png", image) for metric, image in zip(metrics, plots, strict=True)),
            ("report.html", report.encode(errors="backslashreplace")),
        ]
        for name, data in files:
            write_atomically(output / name, data)


def print_results(results: "Results", as_json: bool, as_csv: bool) -> None:
    """Print the tables or the document that was asked for."""
    from rich.console import Console

    from lcomp.evaluation.results import to_csv, to_json
    from lcomp.evaluation.table import points_table, summary_table

    if as_json:
        sys.stdout.write(to_json(results))
    elif as_csv:
        sys.stdout.write(to_csv(results))
    else:
        console = Console()
        console = console if console.is_terminal else Console(width=PIPE_WIDTH)
        console.print(points_table(results), summary_table(results))


def evaluate(
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="kodak|DIR", help="The Kodak set, or a folder of pictures.")
    ] = "kodak",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Where the Kodak pictures are.", show_default="found or fetched"),
    ] = None,
    models: Annotated[
        str | None, typer.Option("--models", metavar="A,B,...", help="Models to measure.", show_default="all installed")
    ] = None,
    quality: Annotated[
        str, typer.Option("-q", "--quality", metavar="Q,Q,...", help="Qualities of the models.")
    ] = "1,2,3,4,5,6,7,8",
    codecs: Annotated[
        str | None,
        typer.Option(
            "--codecs",
            metavar="A,B,...",
            help="Codecs to compare with: jpeg, jpeg444, webp, avif, jpeg2000, jxl, heic, avif-psnr, avif-ssimulacra2.",
            show_default="all but the last two",
        ),
    ] = None,
    device: Device = "auto",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Folder for rows, plots and the HTML report.", show_default="none"
        ),
    ] = None,
    perceptual: Annotated[
        bool,
        typer.Option(
            "--perceptual",
            help="Measure HaarPSI, GMSD and VIF (by piq), VMAF and PSNR-HVS (by ffmpeg), detail and feature distance.",
        ),
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, max=MOST_JOBS, help="Processes; with several, nothing is timed.")
    ] = 1,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Measure models and other codecs on real files: SSIMULACRA2, PSNR, MS-SSIM, BD-rate and speed.

    With -o a report is written, and an interrupted evaluation resumes where it stopped.
    """
    from lcomp.evaluation.codecs import BASELINES, USUAL

    qualities = parsed_qualities(quality)
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    codec_names = names(codecs) if codecs is not None else list(USUAL)
    if unknown := [name for name in codec_names if name not in BASELINES]:
        raise typer.BadParameter(f"unknown codec '{unknown[0]}': use {', '.join(BASELINES)}")
    model_names = names(models) if models is not None else [model.name for model in lcomp.models() if model.has_quality]
    if without := [model.name for model in lcomp.models() if model.name in model_names and not model.has_quality]:
        raise typer.BadParameter(f"model '{without[0]}' has no quality: it cannot be measured over qualities")
    if not model_names and not codec_names:
        raise typer.BadParameter("there is neither a model nor a codec to measure")
    set_up_messages(False, quiet)
    from lcomp.cli.bars import counting_bar

    try:
        from lcomp.evaluation import journal
        from lcomp.evaluation.datasets import find_dataset
        from lcomp.evaluation.ffmpeg import ffmpeg
        from lcomp.evaluation.measure import Plan
        from lcomp.evaluation.metrics import has_piq
        from lcomp.evaluation.summary import summarise
    except ModuleNotFoundError as error:
        say(f"lcomp: {error.name} is not installed: pip install 'lcomp[eval]'")
        raise typer.Exit(1) from error
    require_stdout()

    if perceptual and not has_piq():
        say("lcomp: piq is not installed, so there will be no HaarPSI, GMSD and VIF: pip install 'lcomp[perceptual]'")
    if perceptual and not ffmpeg():
        say("lcomp: no ffmpeg with libvmaf, so there will be no VMAF and PSNR-HVS: pip install 'lcomp[perceptual]'")
    plan = Plan(qualities, device, perceptual, jobs)
    with counting_bar(quiet) as bar:
        fetching = bar.add_task("fetching Kodak", total=None, visible=False)
        pictures = find_dataset(
            dataset,
            data,
            output,
            lambda done, total: bar.update(fetching, completed=done, total=total, visible=done < total),
        )
        if output:
            journal.claim(output, force)
        adapters, skipped = chosen_adapters(model_names, codec_names, plan, models is not None)
        if not adapters:
            raise LcompError("no codec can be measured")
        rows = measured_rows(pictures, adapters, plan, output, bar)
    results = summarise(pictures, adapters, skipped, rows)
    if output:
        write_outputs(output, results, pictures, adapters)
    print_results(results, as_json, as_csv)
    if not results.common:
        say("lcomp: no picture was measured by all codecs at all settings: no means")
    errors = [3 if not row.codec else 1 for row in rows if row.error]
    if errors:
        raise typer.Exit(common_code(errors))
