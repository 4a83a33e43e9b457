"""`lcomp encode`."""

from typing import Annotated, Literal

import typer

import lcomp
from lcomp.cli.batch import Manner, run
from lcomp.cli.encode_work import EncodeWork
from lcomp.cli.engines import ALONE, Address, EngineName, chosen_engine
from lcomp.cli.files import set_up_messages
from lcomp.cli.inputs import LIC, plan, refuse_picture_name
from lcomp.cli.options import (
    MACHINE,
    Device,
    DryRun,
    Force,
    Inputs,
    Jobs,
    Json,
    MaxPixels,
    Output,
    Precision,
    Preserve,
    Quiet,
    Recursive,
    SkipExisting,
    Threads,
    Verbose,
    a_number,
    known_coder,
    known_model,
    model_names,
    refuse_forced_skips,
    refuse_json_beside_payload,
    refuse_times_of_urls,
)
from lcomp.cli.placing import Placing
from lcomp.cli.reports import Rehearsal
from lcomp.detection.weights import check_installed
from lcomp.errors import LcompError
from lcomp.options import (
    DEFAULT_EFFORT,
    DEFAULT_MODEL,
    DEFAULT_QUALITY,
    LEAST_QUALITY,
    MAX_PIXELS,
    MOST_EFFORT,
    MOST_ERROR,
    MOST_QUALITY,
    EncodeOptions,
)
from lcomp.parsing import parse_region, parse_resize, parse_size
from lcomp.pictures.importance import read_importance
from lcomp.pictures.opening import readable_suffixes

HOW_WELL, PICTURE = "How well", "The picture"
"""Groups of options in the help."""


def encode(
    inputs: Inputs,
    output: Output = None,
    quality: Annotated[
        float | None,
        typer.Option(
            "-q",
            "--quality",
            min=LEAST_QUALITY,
            max=MOST_QUALITY,
            callback=a_number,
            metavar="Q",
            help=f"Quality, any number from {LEAST_QUALITY:g} to {MOST_QUALITY:g}.",
            show_default=f"{DEFAULT_QUALITY:g}",
            rich_help_panel=HOW_WELL,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="SIZE", help="Largest file, like 50kB, 2k or 1.5MiB.", rich_help_panel=HOW_WELL),
    ] = None,
    bpp: Annotated[
        float | None,
        typer.Option("--bpp", metavar="N", help="Most bits per pixel, of the whole file.", rich_help_panel=HOW_WELL),
    ] = None,
    psnr: Annotated[
        float | None, typer.Option("--psnr", metavar="DB", help="Lowest PSNR in dB.", rich_help_panel=HOW_WELL)
    ] = None,
    ssimulacra2: Annotated[
        float | None,
        typer.Option(
            "--ssimulacra2",
            metavar="N",
            help="Lowest SSIMULACRA2: 30 is low, 70 high quality, 90 visually lossless.",
            rich_help_panel=HOW_WELL,
        ),
    ] = None,
    effort: Annotated[
        int,
        typer.Option(
            "-e",
            "--effort",
            min=0,
            max=MOST_EFFORT,
            metavar="N",
            help=f"0 to {MOST_EFFORT}: time spent on a better trade-off at a given quality; the file may even grow.",
            rich_help_panel=HOW_WELL,
        ),
    ] = DEFAULT_EFFORT,
    model: Annotated[
        str,
        typer.Option(
            "-m",
            "--model",
            metavar="MODEL",
            autocompletion=model_names,
            help="Model name, see `lcomp models`.",
            rich_help_panel=HOW_WELL,
        ),
    ] = DEFAULT_MODEL,
    device: Device = "auto",
    precision: Precision = "auto",
    coder: Annotated[
        Literal["constriction", "torchac"], typer.Option("--coder", help="Entropy coder.", rich_help_panel=MACHINE)
    ] = "constriction",
    strip: Annotated[
        bool,
        typer.Option(
            "--strip",
            help="Leave EXIF and XMP out. The ICC profile stays: it decides the colours.",
            rich_help_panel=PICTURE,
        ),
    ] = False,
    lossless: Annotated[
        bool,
        typer.Option(
            "--lossless",
            help="Keep every pixel exactly: grey or RGB of 8 or 16 bits, with or without alpha.",
            rich_help_panel=HOW_WELL,
        ),
    ] = False,
    max_error: Annotated[
        int,
        typer.Option(
            "--max-error",
            metavar="N",
            min=0,
            max=MOST_ERROR,
            help=f"Near-lossless: no sample is off by more than N, up to {MOST_ERROR}; alpha stays exact.",
            rich_help_panel=HOW_WELL,
        ),
    ] = 0,
    keep_hidden: Annotated[
        bool,
        typer.Option(
            "--keep-hidden",
            help="Code the colours of transparent pixels too, which nobody sees.",
            rich_help_panel=PICTURE,
        ),
    ] = False,
    frame: Annotated[
        int | None,
        typer.Option(
            "--frame",
            metavar="N",
            help="Frame of an animation or page of a document, from 0.",
            min=0,
            rich_help_panel=PICTURE,
        ),
    ] = None,
    roi: Annotated[
        list[str] | None,
        typer.Option(
            "--roi",
            metavar="X,Y,W,H[,STEPS]",
            help="Region of the upright picture that is coded better, by 2.5 steps of quality or so many; repeatable.",
            rich_help_panel=HOW_WELL,
        ),
    ] = None,
    importance: Annotated[
        str | None,
        typer.Option(
            "--importance",
            metavar="PICTURE",
            help="What is worth more: a picture of any size, grey 128 is neutral, brighter is coded better.",
            rich_help_panel=HOW_WELL,
        ),
    ] = None,
    protect: Annotated[
        str | None,
        typer.Option(
            "--protect",
            metavar="KIND,...",
            help="Find faces, text or both, and code them better. Needs lcomp[protect].",
            rich_help_panel=HOW_WELL,
        ),
    ] = None,
    projection: Annotated[
        Literal["auto", "flat", "equirect"],
        typer.Option(
            "--projection",
            help="An equirectangular panorama is coded by its area on the sphere; auto is what its XMP says.",
            rich_help_panel=PICTURE,
        ),
    ] = "auto",
    max_pixels: MaxPixels = MAX_PIXELS,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    preserve: Preserve = False,
    jobs: Jobs = None,
    engine: EngineName = "local",
    address: Address = None,
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    resize: Annotated[
        str | None,
        typer.Option(
            "--resize",
            metavar="WxH",
            help="Make pictures smaller to fit, as 1600x1200, or 1600 for the longest side.",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Encode pictures as .lic files.

    By default img.png becomes img.lic beside it. With - the picture is read from stdin and the file written to stdout.

    Examples:
    lcomp encode img.png -q 5

    lcomp encode *.jpg --size 50kB -o out/

    lcomp encode photos/ -r -o out/ --jobs 2 --skip-existing

    lcomp encode img.png --size 40kB --roi 320,80,200,240
    """
    set_up_messages(verbose, quiet)
    chosen = next((known for known in lcomp.models() if known.name == model), None)
    lossless = lossless or max_error > 0 or (chosen is not None and chosen.lossless)
    if sum(value is not None for value in (quality, size, bpp, psnr, ssimulacra2)) > 1:
        raise typer.BadParameter("-q, --size, --bpp, --psnr and --ssimulacra2 exclude each other")
    without = lossless or (chosen is not None and not chosen.has_quality)
    if without and any(value is not None for value in (quality, size, bpp, psnr, ssimulacra2)):
        named = "--max-error" if max_error else "--lossless" if lossless else f"model '{model}'"
        raise typer.BadParameter(f"{named} excludes -q, --size, --bpp, --psnr and --ssimulacra2")
    if lossless and (roi or importance is not None or protect is not None):
        named = "--max-error" if max_error else "--lossless"
        raise typer.BadParameter(f"{named} excludes --roi, --importance and --protect")
    refuse_forced_skips(force, skip_existing)
    weights = None if importance is None else read_importance(importance, max_pixels)
    try:
        options = EncodeOptions(
            quality=DEFAULT_QUALITY if quality is None else quality,
            effort=effort,
            size=None if size is None else parse_size(size),
            bpp=bpp,
            psnr=psnr,
            ssimulacra2=ssimulacra2,
            strip=strip,
            frame=frame,
            max_pixels=max_pixels,
            keep_hidden=keep_hidden,
            lossless=lossless,
            max_error=max_error,
            resize=None if resize is None else parse_resize(resize),
            roi=[parse_region(region) for region in roi or ()],
            importance=weights,
            projection=projection,
            protect=() if protect is None else [kind.strip() for kind in protect.split(",")],
        )
    except LcompError as error:
        raise typer.BadParameter(str(error)) from error
    refuse_picture_name(output, inputs)
    # asking Pillow for its suffixes takes a moment, and they matter among several inputs only
    suffixes = readable_suffixes() if recursive or len(inputs) > 1 else frozenset()
    planned = plan(inputs, output, LIC, suffixes, recursive)
    known_model(model)
    known_coder(coder)
    if options.protect:
        check_installed()
    refuse_json_beside_payload(as_json, [job.output for job in planned.jobs])
    refuse_times_of_urls(preserve, [job.output for job in planned.jobs])
    placing = Placing(force, skip_existing, preserve)
    work = EncodeWork(model, device, precision, coder, options, placing, verbose, threads)
    workers = ALONE if dry_run else chosen_engine(engine, address, jobs, device, threads, (*inputs, output))
    manner = Manner("encoding", verbose, quiet, workers.jobs, skip_existing, as_json, workers.engine)
    run(Rehearsal(placing) if dry_run else work, planned.jobs, manner, planned.left_out)
