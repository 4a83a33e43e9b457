"""`lcomp decode`."""

import io
import logging
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from lcomp.cli.files import STREAM, Progress, Target, for_each, read_input, set_up_messages, target_names
from lcomp.cli.options import Device, Force, Inputs, MaxPixels, Output, Quiet, Verbose
from lcomp.images import MAX_PIXELS
from lcomp.saving import FORMATS, save_image


def output_format(name: str, wanted: str | None, known: dict[str, str]) -> str:
    """Pillow's name of the format to write: `--format`, else by the suffix of the output, else PNG."""
    if wanted is not None:
        return known[wanted]
    return known.get(Path(name).suffix.lower().removeprefix("."), "PNG")


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """The four numbers of `--crop`."""
    try:
        x, y, width, height = map(int, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"--crop {text}: use x,y,width,height in pixels") from error
    if min(x, y) < 0 or min(width, height) < 1:
        raise typer.BadParameter(f"--crop {text}: x and y start at 0, width and height at 1")
    return x, y, width, height


def decode(
    inputs: Inputs,
    output: Output = None,
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
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Decode .lic files to pictures.

    img.lic becomes img.png beside it. With - the file is read from stdin and the picture written to stdout.
    """
    set_up_messages(verbose, quiet)
    area = None if crop is None else parse_crop(crop)
    if output is not None and output != STREAM and format is None and len(inputs) == 1:
        suffix = Path(output).suffix.lower().removeprefix(".")
        if suffix and suffix not in FORMATS and (Path(output).is_file() or not Path(output).exists()):
            raise typer.BadParameter(f"unknown picture suffix '.{suffix}': use --format")
    outputs = target_names(inputs, output, f".{format or 'png'}")
    from lcomp.api import Codec

    codec = Codec(device=device)

    def work(name: str, output_name: str, progress: Progress) -> str:
        target = Target(output_name, name, force)
        data = read_input(name)
        started = time.perf_counter()  # a pipe may have taken its time
        image = codec.decode(data, crop=area, salvage=salvage, max_pixels=max_pixels, progress=progress)
        kind = output_format(target.name, format, FORMATS)
        buffer = io.BytesIO()
        lost = save_image(image, buffer, kind)
        if lost:
            logging.getLogger("lcomp").warning("%s cannot keep %s", kind, ", ".join(lost))
        target.write(buffer.getvalue())
        details = f" [{codec.device}]" if verbose else ""
        return (
            f"{target}: {image.width}x{image.height} {kind}, {buffer.tell()} bytes, "
            f"{time.perf_counter() - started:.2f} s{details}"
        )

    for_each(inputs, outputs, work, "decoding", quiet)
