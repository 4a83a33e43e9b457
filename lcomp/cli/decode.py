"""`lcomp decode`."""

import io
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from lcomp.cli.batch import Manner, run
from lcomp.cli.files import STREAM, Destination, read_input, set_up_messages
from lcomp.cli.inputs import is_folder, plan
from lcomp.cli.options import (
    Device,
    Force,
    Inputs,
    Jobs,
    MaxPixels,
    Output,
    Precision,
    Quiet,
    Recursive,
    SkipExisting,
    Verbose,
    a_number,
    known_decoder,
    refuse_forced_skips,
)
from lcomp.errors import LcompError
from lcomp.format.container import MAGIC
from lcomp.options import MAX_PIXELS, DecodeOptions
from lcomp.pictures.writing import FORMATS, save_image
from lcomp.types import Progress

LIC_SUFFIXES = frozenset({".lic"})


def output_format(name: str, wanted: str | None, known: dict[str, str]) -> str:
    """Pillow's name of the format to write: that of `--format`, else of the output's suffix, else PNG."""
    if wanted is not None:
        return known[wanted]
    return known.get(Path(name).suffix.lower().removeprefix("."), "PNG")


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """Parse `--crop`: x, y, width and height in pixels."""
    try:
        x, y, width, height = map(int, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"--crop {text}: use x,y,width,height in pixels") from error
    return x, y, width, height


@dataclass(frozen=True)
class DecodeWork:
    """Decodes one file; picklable, for worker processes."""

    device: str
    precision: str
    options: DecodeOptions
    format: str | None
    force: bool
    verbose: bool

    def __call__(self, source: str, output: str, progress: Progress) -> str:
        """Write the picture and return the line to show."""
        destination = Destination(output, source, self.force)
        data = read_input(source, self.options.max_pixels, MAGIC)
        started = time.perf_counter()  # reading is not timed: a pipe may be slow
        from lcomp import Codec

        codec = Codec(device=self.device, precision=self.precision)
        image = codec.decode(data, self.options, progress)
        kind = output_format(destination.name, self.format, FORMATS)
        buffer = io.BytesIO()
        lost = save_image(image, buffer, kind)
        if lost:
            logging.getLogger("lcomp").warning("%s cannot keep %s", kind, ", ".join(lost))
        destination.write(buffer.getvalue())
        details = f" [{codec.device}]" if self.verbose else ""
        return (
            f"{destination}: {image.width}x{image.height} {kind}, {buffer.tell()} bytes, "
            f"{time.perf_counter() - started:.2f} s{details}"
        )


def decode(
    inputs: Inputs,
    output: Output = None,
    decoder: Annotated[
        str | None,
        typer.Option(
            "--decoder",
            metavar="mse|sr|gan",
            help="What makes the pixels: mse is fast, sr is nearest to the original, gan invents plausible detail.",
            show_default="what the file was made for",
        ),
    ] = None,
    realism: Annotated[
        float | None,
        typer.Option(
            "--realism",
            min=0,
            max=1,
            callback=a_number,
            help="How much invented detail the gan decoder shows; it is no evidence of what was there.",
            show_default="1",
        ),
    ] = None,
    format: Annotated[
        Literal["png", "ppm", "webp", "tiff", "jpeg", "bmp", "avif"] | None,
        typer.Option(
            "--format",
            help="Format of the picture.",
            show_default="by the suffix of OUT, else png",
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option("--crop", metavar="X,Y,W,H", help="Decode only this area, in pixels."),
    ] = None,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Fill damaged or missing tiles in instead of failing, and say where.")
    ] = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    device: Device = "auto",
    precision: Precision = "auto",
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    jobs: Jobs = 1,
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Decode .lic files to pictures.

    By default img.lic becomes img.png beside it. With - the file is read from stdin and the picture written to stdout.
    """
    set_up_messages(verbose, quiet)
    try:
        options = DecodeOptions(decoder, realism, None if crop is None else parse_crop(crop), salvage, max_pixels)
    except LcompError as error:
        raise typer.BadParameter(str(error)) from error
    folder = output is not None and output.endswith(("/", os.sep))
    if output not in (None, STREAM) and format is None and len(inputs) == 1 and not (folder or is_folder(inputs[0])):
        suffix = Path(output).suffix.lower().removeprefix(".")
        if suffix and suffix not in FORMATS and (Path(output).is_file() or not Path(output).exists()):
            raise typer.BadParameter(f"unknown picture suffix '.{suffix}': use --format")
    refuse_forced_skips(force, skip_existing)
    known_decoder(decoder)
    results = frozenset(f".{name}" for name in FORMATS)
    planned = plan(inputs, output, f".{format or 'png'}", LIC_SUFFIXES, recursive, results)
    work = DecodeWork(device, precision, options, format, force, verbose)
    run(work, planned, Manner("decoding", verbose, quiet, jobs, skip_existing))
