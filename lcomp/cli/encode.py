"""`lcomp encode`."""

import time
from typing import Annotated, Literal

import typer

from lcomp.cli.files import Progress, Target, for_each, read_input, set_up_messages, target_names
from lcomp.cli.options import Device, Force, Inputs, MaxPixels, Output, Quiet, Verbose
from lcomp.container import QUALITY_STEPS
from lcomp.errors import LcompError
from lcomp.images import MAX_PIXELS, open_image
from lcomp.search import parse_size


def encode(
    inputs: Inputs,
    output: Output = None,
    quality: Annotated[
        float | None,
        typer.Option("-q", "--quality", min=1, max=8, help="Quality, any number from 1 to 8.", show_default="4"),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="SIZE", help="Largest file, like 50kB or 1.5MiB, header included.")
    ] = None,
    bpp: Annotated[float | None, typer.Option("--bpp", help="Bits per pixel of the whole file.")] = None,
    psnr: Annotated[float | None, typer.Option("--psnr", help="Lowest PSNR in dB.")] = None,
    effort: Annotated[
        int,
        typer.Option("-e", "--effort", min=0, max=9, help="Time spent on a smaller file: 0 least, 9 most."),
    ] = 1,
    model: Annotated[str | None, typer.Option("-m", "--model", help="Model name, see `lcomp models`.")] = None,
    device: Device = "auto",
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
    try:
        largest = None if size is None else parse_size(size)
    except LcompError as error:
        raise typer.BadParameter(str(error)) from error
    outputs = target_names(inputs, output, ".lic")
    from lcomp.api import Codec, info

    codec = Codec(model, device, coder)

    def work(name: str, output_name: str, progress: Progress) -> str:
        target = Target(output_name, name, force)
        source = read_input(name)
        started = time.perf_counter()  # a pipe may have taken its time
        image = open_image(source, max_pixels)
        data = codec.encode(
            image,
            4.0 if quality is None else quality,
            effort=effort,
            size=largest,
            bpp=bpp,
            psnr=psnr,
            strip=strip,
            frame=frame,
            max_pixels=max_pixels,
            progress=progress,
        )
        target.write(data)
        pixels = image.width * image.height
        searched = "" if largest is bpp is psnr is None else f", -q {info(data).quality / QUALITY_STEPS:g}"
        details = f" [{codec.model.name}, {codec.device}]" if verbose else ""
        return (
            f"{target}: {len(data)} bytes, {8 * len(data) / pixels:.3f} bpp, "
            f"{3 * pixels / len(data):.1f}:1, {time.perf_counter() - started:.2f} s{searched}{details}"
        )

    for_each(inputs, outputs, work, "encoding", quiet)
