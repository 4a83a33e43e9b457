"""`lcomp encode`."""

import time
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from lcomp.cli.batch import Manner, run
from lcomp.cli.files import Destination, read_input, set_up_messages
from lcomp.cli.inputs import plan
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
    refuse_forced_skips,
)
from lcomp.encoding.rate_target import Target, parse_size
from lcomp.errors import LcompError
from lcomp.pictures.reading import MAX_PIXELS, READABLE_SUFFIXES, open_image
from lcomp.types import QUALITY_STEPS, Progress
from lcomp.zoo.registry import DEFAULT_MODEL, model_by_name


@dataclass(frozen=True)
class EncodeWork:
    """Encodes one picture; can be sent to another process."""

    model: str
    device: str
    precision: str
    coder: str
    quality: float
    target: Target
    effort: int
    strip: bool
    frame: int | None
    max_pixels: int
    force: bool
    verbose: bool

    def __call__(self, source: str, output: str, progress: Progress) -> str:
        """Write the file and say what it is like."""
        destination = Destination(output, source, self.force)
        picture = read_input(source, self.max_pixels)
        started = time.perf_counter()  # a pipe may have taken its time
        from lcomp.api import Codec, info

        codec = Codec(self.model, self.device, self.coder, self.precision)
        image = open_image(picture, self.max_pixels)
        data = codec.encode(
            image,
            self.quality,
            effort=self.effort,
            size=self.target.size,
            bpp=self.target.bpp,
            psnr=self.target.psnr,
            strip=self.strip,
            frame=self.frame,
            max_pixels=self.max_pixels,
            progress=progress,
        )
        destination.write(data)
        pixels = image.width * image.height
        header = info(data)
        searched = "" if self.target == Target() else f", -q {header.quality / QUALITY_STEPS:g}"
        if header.half:
            searched = ", coded at half the size"
        details = f" [{codec.model.name}, {codec.device}]" if self.verbose else ""
        return (
            f"{destination}: {len(data)} bytes, {8 * len(data) / pixels:.3f} bpp, "
            f"{3 * pixels / len(data):.1f}:1, {time.perf_counter() - started:.2f} s{searched}{details}"
        )


def encode(
    inputs: Inputs,
    output: Output = None,
    quality: Annotated[
        float | None,
        typer.Option(
            "-q",
            "--quality",
            min=0,
            max=8,
            callback=a_number,
            help="Quality, any number from 0 to 8.",
            show_default="4",
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="SIZE", help="Largest file, like 50kB or 1.5MiB, header included.")
    ] = None,
    bpp: Annotated[float | None, typer.Option("--bpp", help="Bits per pixel of the whole file.")] = None,
    psnr: Annotated[float | None, typer.Option("--psnr", help="Lowest PSNR in dB.")] = None,
    effort: Annotated[
        int,
        typer.Option("-e", "--effort", min=0, max=9, help="Time spent looking for a better file: 0 least, 9 most."),
    ] = 1,
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
    frame: Annotated[
        int | None,
        typer.Option("--frame", metavar="N", help="Frame of an animation or page of a document, from 0.", min=0),
    ] = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    jobs: Jobs = 1,
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Encode pictures as .lic files.

    img.png becomes img.lic beside it. With - the picture is read from stdin and the file written to stdout.
    """
    set_up_messages(verbose, quiet)
    if sum(value is not None for value in (quality, size, bpp, psnr)) > 1:
        raise typer.BadParameter("-q, --size, --bpp and --psnr exclude each other")
    refuse_forced_skips(force, skip_existing)
    try:
        target = Target(None if size is None else parse_size(size), bpp, psnr)
    except LcompError as error:
        raise typer.BadParameter(str(error)) from error
    planned = plan(inputs, output, ".lic", READABLE_SUFFIXES, recursive)
    model_by_name(model)  # refuses what is not installed
    work = EncodeWork(
        model=model,
        device=device,
        precision=precision,
        coder=coder,
        quality=4.0 if quality is None else quality,
        target=target,
        effort=effort,
        strip=strip,
        frame=frame,
        max_pixels=max_pixels,
        force=force,
        verbose=verbose,
    )
    run(work, planned, Manner("encoding", verbose, quiet, jobs, skip_existing))
