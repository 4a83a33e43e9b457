"""`lcomp encode`."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from lcomp.cli.batch import Manner, run
from lcomp.cli.files import STREAM, libraries_muted, printable, read_input, set_up_messages
from lcomp.cli.inputs import LIC, is_folder, plan, real
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
    known_model,
    refuse_forced_skips,
)
from lcomp.cli.placing import Placing
from lcomp.errors import LcompError
from lcomp.files import is_special
from lcomp.format.container import Mode
from lcomp.options import (
    DEFAULT_EFFORT,
    DEFAULT_MODEL,
    DEFAULT_QUALITY,
    LEAST_QUALITY,
    LOSSLESS,
    MAX_PIXELS,
    MOST_EFFORT,
    MOST_QUALITY,
    EncodeOptions,
    parse_size,
)
from lcomp.pictures.opening import picture_suffixes, readable_suffixes
from lcomp.pictures.reading import decode_pixels, open_image
from lcomp.types import QUALITY_STEPS, Progress


@dataclass(frozen=True)
class EncodeWork:
    """Encodes one picture; picklable, for worker processes."""

    model: str
    device: str
    precision: str
    coder: str
    options: EncodeOptions
    placing: Placing
    verbose: bool

    def __call__(self, source: str, output: str, progress: Progress) -> str:
        """Write the file and return the line to show."""
        destination = self.placing.destination(output, source)
        picture = read_input(source, self.options.max_pixels)
        started = time.perf_counter()  # reading is not timed: a pipe may be slow
        from lcomp import Codec

        codec = Codec(self.model, self.device, self.coder, self.precision)
        with libraries_muted():
            image = open_image(picture, self.options.max_pixels)
            decode_pixels(image, self.options.frame, self.options.max_pixels, self.options.lossless)
        file = codec.encode_file(image, self.options, progress)
        self.placing.write(destination, file.data)
        pixels = image.width * image.height
        raw = pixels * (1 if file.header.mode is Mode.L else 3) * (2 if file.deep else 1)
        grown = ", larger than its source" if len(file) > len(picture) else ""
        searched = f", -q {file.header.quality / QUALITY_STEPS:g}" if self.options.has_target else ""
        if file.header.half:
            searched = ", coded at half the size"
        if file.header.lossless:
            searched = ", lossless"
        model = LOSSLESS if file.header.lossless else codec.model.name
        details = f" [{model}, {codec.device}]" if self.verbose else ""
        return (
            f"{destination}: {len(file)} bytes, {8 * len(file) / pixels:.3f} bpp, "
            f"{raw / len(file):.1f}:1, {time.perf_counter() - started:.2f} s{searched}{grown}{details}"
        )


def refuse_picture_name(output: str | None, inputs: list[str]) -> None:
    """Refuse an output that is called like a picture: what is written is none.

    An output that is an input itself is left to fail as such.
    """
    if output is None or output == STREAM or output.endswith(("/", os.sep)) or is_folder(output):
        return
    suffix = Path(output).suffix.lower()
    if suffix in ("", LIC) or is_special(Path(output)) or real(output) in map(real, inputs):
        return
    if suffix in picture_suffixes():
        raise typer.BadParameter(printable(f"{output} is the name of a picture: the output is a {LIC} file"))


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
            help=f"Quality, any number from {LEAST_QUALITY:g} to {MOST_QUALITY:g}.",
            show_default=f"{DEFAULT_QUALITY:g}",
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="SIZE", help="Largest file, like 50kB or 1.5MiB, header included.")
    ] = None,
    bpp: Annotated[float | None, typer.Option("--bpp", help="Bits per pixel of the whole file.")] = None,
    psnr: Annotated[float | None, typer.Option("--psnr", help="Lowest PSNR in dB.")] = None,
    ssimulacra2: Annotated[
        float | None,
        typer.Option("--ssimulacra2", help="Lowest SSIMULACRA2: 30 is low, 70 high quality, 90 visually lossless."),
    ] = None,
    effort: Annotated[
        int,
        typer.Option(
            "-e",
            "--effort",
            min=0,
            max=MOST_EFFORT,
            help=f"Time spent looking for a better file: 0 least, {MOST_EFFORT} most.",
        ),
    ] = DEFAULT_EFFORT,
    model: Annotated[
        str, typer.Option("-m", "--model", metavar="MODEL", help="Model name, see `lcomp models`.")
    ] = DEFAULT_MODEL,
    device: Device = "auto",
    precision: Precision = "auto",
    coder: Annotated[
        Literal["constriction", "torchac"], typer.Option("--coder", help="Entropy coder.")
    ] = "constriction",
    strip: Annotated[
        bool, typer.Option("--strip", help="Leave EXIF and XMP out. The ICC profile stays: it decides the colours.")
    ] = False,
    lossless: Annotated[
        bool,
        typer.Option(
            "--lossless", help="Keep every pixel exactly: grey or RGB of 8 or 16 bits, with or without alpha."
        ),
    ] = False,
    keep_hidden: Annotated[
        bool,
        typer.Option("--keep-hidden", help="Code the colours of transparent pixels too, which nobody sees."),
    ] = False,
    frame: Annotated[
        int | None,
        typer.Option("--frame", metavar="N", help="Frame of an animation or page of a document, from 0.", min=0),
    ] = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    preserve: Preserve = False,
    jobs: Jobs = 1,
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Encode pictures as .lic files.

    By default img.png becomes img.lic beside it. With - the picture is read from stdin and the file written to stdout.
    """
    set_up_messages(verbose, quiet)
    lossless = lossless or model == LOSSLESS
    if sum(value is not None for value in (quality, size, bpp, psnr, ssimulacra2)) > 1:
        raise typer.BadParameter("-q, --size, --bpp, --psnr and --ssimulacra2 exclude each other")
    if lossless and any(value is not None for value in (quality, size, bpp, psnr, ssimulacra2)):
        raise typer.BadParameter("--lossless excludes -q, --size, --bpp, --psnr and --ssimulacra2")
    refuse_forced_skips(force, skip_existing)
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
        )
    except LcompError as error:
        raise typer.BadParameter(str(error)) from error
    refuse_picture_name(output, inputs)
    # asking Pillow for its suffixes takes a moment, and they matter among several inputs only
    suffixes = readable_suffixes() if recursive or len(inputs) > 1 else frozenset()
    planned = plan(inputs, output, LIC, suffixes, recursive)
    known_model(model)
    placing = Placing(force, skip_existing, preserve)
    work = EncodeWork(model, device, precision, coder, options, placing, verbose)
    run(work, planned.jobs, Manner("encoding", verbose, quiet, jobs, skip_existing), planned.left_out)
