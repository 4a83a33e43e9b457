"""`lcomp decode`."""

import io
import logging
import os
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

import typer

from lcomp.cli.batch import CODED, LOADED, READ, Manner, coding, run, tell
from lcomp.cli.engines import ALONE, Address, EngineName, chosen_engine
from lcomp.cli.files import STREAM, printable, read_input, set_up_messages, shown
from lcomp.cli.inputs import LIC, is_folder, is_lic, plan, suffix_of
from lcomp.cli.options import (
    PICTURE,
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
    Upscale,
    Verbose,
    a_number,
    decoder_names,
    known_decoder,
    refuse_forced_skips,
    refuse_json_beside_payload,
    refuse_times_of_urls,
)
from lcomp.cli.placing import Placing
from lcomp.cli.reports import DecodeReport, Rehearsal
from lcomp.errors import ChecksumError, FormatError, LcompError, TruncatedError
from lcomp.format import container
from lcomp.format.binary import Reader
from lcomp.format.container import MAGIC
from lcomp.options import MAX_PIXELS, SCALES, DecodeOptions
from lcomp.pictures.deep_writing import save_picture
from lcomp.pictures.writing import FORMATS, LOSSY, quality_of
from lcomp.places.finding import place
from lcomp.types import Progress

logger = logging.getLogger("lcomp")

SCALE_NAMES = tuple(str(Fraction(scale)) for scale in SCALES)

LIC_SUFFIXES = frozenset({".lic"})


def output_format(name: str, wanted: str | None, known: dict[str, str]) -> str:
    """Pillow's name of the format to write: that of `--format`, else of the output's suffix, else PNG."""
    if wanted is not None:
        return known[wanted]
    return known.get(suffix_of(name).removeprefix("."), "PNG")


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """Parse `--crop`: x, y, width and height in pixels."""
    try:
        x, y, width, height = map(int, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"--crop {text}: use x,y,width,height in pixels") from error
    return x, y, width, height


def parse_scale(text: str) -> float:
    """Parse `--scale`: a fraction like 1/8."""
    try:
        return SCALES[SCALE_NAMES.index(text)]
    except ValueError as error:
        raise typer.BadParameter(f"--scale {text}: use {', '.join(SCALE_NAMES[:-1])} or {SCALE_NAMES[-1]}") from error


def refuse_other_names(output: str | None, format: str | None, inputs: list[str]) -> None:
    """Refuse an output that is called like a .lic file, or whose suffix is no format where none is given."""
    if output is None or output == STREAM or output.endswith(("/", os.sep)) or is_folder(output):
        return
    if place(output).is_special():  # a device or a pipe
        return
    suffix = suffix_of(output)
    if suffix == LIC:
        raise typer.BadParameter(printable(f"{output} is the name of a {LIC} file: the output is a picture"))
    several = len(inputs) > 1 or is_folder(inputs[0])
    if suffix and suffix.removeprefix(".") not in FORMATS and format is None and not several:
        known = ", ".join(FORMATS)
        raise typer.BadParameter(printable(f"unknown picture suffix '{suffix}': use {known}, or give a --format"))


def check(data: bytes, max_pixels: int) -> None:
    """Verify all checksums; where only the header is needed to decode the rest, the error says how to."""
    try:
        container.read(data, max_pixels)
    except (ChecksumError, TruncatedError) as error:
        try:
            container.read_header(Reader(data))
        except LcompError:
            raise error from None
        raise type(error)(f"{error} (--salvage decodes what is left)") from error


@dataclass(frozen=True)
class DecodeWork:
    """Decodes one file; picklable, for worker processes."""

    device: str
    precision: str
    options: DecodeOptions
    format: str | None
    placing: Placing
    verbose: bool
    threads: int | None
    output_quality: int | None

    def __call__(self, source: str, output: str, progress: Progress) -> DecodeReport:
        """Write the picture and report on it."""
        if STREAM not in (source, output) and place(source).real == place(output).real and not is_lic(source):
            raise FormatError("not a .lic file")
        destination = self.placing.destination(output, source)
        data = read_input(source, self.options.max_pixels, MAGIC)
        started = time.perf_counter()  # reading is not timed: a pipe may be slow
        if not (self.options.salvage or self.options.partial):
            check(data, self.options.max_pixels)
        tell(progress, READ)
        from lcomp import Codec  # torch, for nothing but files that are whole

        logger.debug("  loading torch %.3f s", time.perf_counter() - started)
        tell(progress, LOADED)
        codec = Codec(device=self.device, precision=self.precision, threads=self.threads)
        picture = codec.decode_picture(data, self.options, coding(progress, CODED))
        kind = output_format(destination.name, self.format, FORMATS)
        buffer = io.BytesIO()
        lost = save_picture(picture, buffer, kind, self.output_quality)
        if lost:
            logger.warning("%s cannot keep %s", kind, ", ".join(lost))
        self.placing.write(destination, buffer.getvalue())
        return DecodeReport(
            input=shown(source),
            output=str(destination),
            input_bytes=len(data),
            output_bytes=buffer.tell(),
            width=picture.image.width,
            height=picture.image.height,
            format=kind,
            output_quality=quality_of(kind, self.output_quality),
            device=str(codec.device),
            seconds=time.perf_counter() - started,
            verbose=self.verbose,
        )


def decode(
    inputs: Inputs,
    output: Output = None,
    decoder: Annotated[
        str | None,
        typer.Option(
            "--decoder",
            metavar="mse|fast|sr|gan",
            autocompletion=decoder_names,
            help="What makes the pixels: fast saves time, sr doubles what was coded at half size, gan invents detail.",
            show_default="what the file was made for",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    realism: Annotated[
        float | None,
        typer.Option(
            "--realism",
            min=0,
            max=1,
            metavar="R",
            callback=a_number,
            help="How much invented detail the gan decoder shows; it is no evidence of what was there.",
            show_default="1",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    format: Annotated[
        Literal["png", "ppm", "webp", "tiff", "tif", "jpeg", "jpg", "bmp", "avif"] | None,
        typer.Option(
            "--format",
            metavar="png|ppm|webp|tiff|jpeg|bmp|avif",
            help="Format of the picture.",
            show_default="by the suffix of OUT, else png",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            "--crop",
            metavar="X,Y,W,H",
            help="Decode only this area, in pixels; of a panorama it may go on beyond the right edge.",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            "--scale",
            metavar="1/2|1/4|1/8|1/16",
            help="Decode at a reduced size, which is much faster.",
            rich_help_panel=PICTURE,
        ),
    ] = "1",
    upscale: Upscale = 1,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="Show what has arrived of a file whose end has not, instead of failing.",
            rich_help_panel=PICTURE,
        ),
    ] = False,
    salvage: Annotated[
        bool,
        typer.Option(
            "--salvage",
            help="Fill damaged or missing tiles in instead of failing, and say where.",
            rich_help_panel=PICTURE,
        ),
    ] = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    device: Device = "auto",
    precision: Precision = "auto",
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    preserve: Preserve = False,
    jobs: Jobs = None,
    engine: EngineName = "local",
    address: Address = None,
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    output_quality: Annotated[
        int | None,
        typer.Option(
            "--output-quality",
            min=1,
            max=100,
            metavar="N",
            help="Of JPEG, WebP and AVIF, 1 to 100.",
            show_default="95; WebP keeps the pixels",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Decode .lic files to pictures.

    By default img.lic becomes img.png beside it. With - the file is read from stdin and the picture written to stdout.

    Examples:
    lcomp decode img.lic -o img.webp

    lcomp decode img.lic --decoder gan --realism 0.5 -o img.png

    lcomp decode pano.lic --crop 4000,500,800,600 -o part.png
    """
    set_up_messages(verbose, quiet)
    try:
        area = None if crop is None else parse_crop(crop)
        options = DecodeOptions(decoder, realism, area, salvage, max_pixels, parse_scale(scale), partial, upscale)
    except LcompError as error:
        raise typer.BadParameter(str(error)) from error
    refuse_other_names(output, format, inputs)
    refuse_forced_skips(force, skip_existing)
    known_decoder(decoder)
    results = frozenset(f".{name}" for name in FORMATS)
    planned = plan(inputs, output, f".{format or 'png'}", LIC_SUFFIXES, recursive, results)
    refuse_json_beside_payload(as_json, [job.output for job in planned.jobs])
    refuse_times_of_urls(preserve, [job.output for job in planned.jobs])
    kinds = {output_format(job.output, format, FORMATS) for job in planned.jobs}
    if output_quality is not None and not kinds <= LOSSY.keys():
        raise typer.BadParameter(
            f"--output-quality is for {', '.join(LOSSY)}, not for {', '.join(sorted(kinds - LOSSY.keys()))}"
        )
    placing = Placing(force, skip_existing, preserve)
    work = DecodeWork(device, precision, options, format, placing, verbose, threads, output_quality)
    workers = ALONE if dry_run else chosen_engine(engine, address, jobs, device, threads, (*inputs, output))
    manner = Manner("decoding", verbose, quiet, workers.jobs, skip_existing, as_json, workers.engine)
    run(Rehearsal(placing) if dry_run else work, planned.jobs, manner, planned.left_out)
