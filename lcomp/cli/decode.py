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
from lcomp.cli.files import STREAM, printable, read_input, set_up_messages
from lcomp.cli.inputs import LIC, is_file, is_folder, is_lic, plan, real
from lcomp.cli.options import (
    Device,
    Force,
    Inputs,
    Jobs,
    MaxPixels,
    Output,
    Precision,
    Preserve,
    Quiet,
    Recursive,
    SkipExisting,
    Verbose,
    a_number,
    known_decoder,
    refuse_forced_skips,
)
from lcomp.cli.placing import Placing
from lcomp.errors import FormatError, LcompError
from lcomp.format.container import MAGIC
from lcomp.options import MAX_PIXELS, DecodeOptions
from lcomp.pictures.deep_writing import save_picture
from lcomp.pictures.writing import FORMATS
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


def refuse_other_names(output: str | None, format: str | None, inputs: list[str]) -> None:
    """Refuse an output that is called like a .lic file, or whose suffix is no format where none is given."""
    if output is None or output == STREAM or output.endswith(("/", os.sep)) or is_folder(output):
        return
    if Path(output).exists() and not is_file(Path(output)):  # a device or a pipe
        return
    suffix = Path(output).suffix.lower()
    if suffix == LIC:
        raise typer.BadParameter(printable(f"{output} is the name of a {LIC} file: the output is a picture"))
    several = len(inputs) > 1 or is_folder(inputs[0])
    if suffix and suffix.removeprefix(".") not in FORMATS and format is None and not several:
        raise typer.BadParameter(printable(f"unknown picture suffix '{suffix}': use --format"))


@dataclass(frozen=True)
class DecodeWork:
    """Decodes one file; picklable, for worker processes."""

    device: str
    precision: str
    options: DecodeOptions
    format: str | None
    placing: Placing
    verbose: bool

    def __call__(self, source: str, output: str, progress: Progress) -> str:
        """Write the picture and return the line to show."""
        if STREAM not in (source, output) and real(source) == real(output) and not is_lic(Path(source)):
            raise FormatError("not a .lic file")
        destination = self.placing.destination(output, source)
        data = read_input(source, self.options.max_pixels, MAGIC)
        started = time.perf_counter()  # reading is not timed: a pipe may be slow
        from lcomp import Codec

        codec = Codec(device=self.device, precision=self.precision)
        picture = codec.decode_picture(data, self.options, progress)
        kind = output_format(destination.name, self.format, FORMATS)
        buffer = io.BytesIO()
        lost = save_picture(picture, buffer, kind)
        if lost:
            logging.getLogger("lcomp").warning("%s cannot keep %s", kind, ", ".join(lost))
        self.placing.write(destination, buffer.getvalue())
        details = f" [{codec.device}]" if self.verbose else ""
        return (
            f"{destination}: {picture.image.width}x{picture.image.height} {kind}, {buffer.tell()} bytes, "
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
        Literal["png", "ppm", "webp", "tiff", "tif", "jpeg", "jpg", "bmp", "avif"] | None,
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
    preserve: Preserve = False,
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
    refuse_other_names(output, format, inputs)
    refuse_forced_skips(force, skip_existing)
    known_decoder(decoder)
    results = frozenset(f".{name}" for name in FORMATS)
    planned = plan(inputs, output, f".{format or 'png'}", LIC_SUFFIXES, recursive, results)
    work = DecodeWork(device, precision, options, format, Placing(force, skip_existing, preserve), verbose)
    run(work, planned.jobs, Manner("decoding", verbose, quiet, jobs, skip_existing), planned.left_out)
