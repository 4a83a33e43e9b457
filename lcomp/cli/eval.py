"""`lcomp eval`."""

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import lcomp
from lcomp.cli.engines import Address, EngineName, chosen_engine
from lcomp.cli.eval_work import chosen_adapters, measured_rows, print_results, write_outputs
from lcomp.cli.files import common_code, require_stdout, say, set_up_messages
from lcomp.cli.options import MOST_JOBS, Device, Force, Json, Quiet, Threads
from lcomp.errors import LcompError
from lcomp.workers import give_way


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
    if "" in (folder, dataset):
        raise typer.BadParameter("the name of the data set is empty")
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
