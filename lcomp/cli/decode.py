"""`lcomp decode`."""

import io
import logging
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from lcomp.cli.files import STREAM, Target, for_each, read_input, set_up_messages, target_names
from lcomp.cli.options import Device, Force, Inputs, Output, Quiet, Verbose
from lcomp.images import FORMATS, save_image


def output_format(name: str, wanted: str | None, known: dict[str, str]) -> str:
    """Pillow's name of the format to write: `--format`, else by the suffix of the output, else PNG."""
    if wanted is not None:
        return known[wanted]
    return known.get(Path(name).suffix.lower().removeprefix("."), "PNG")


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
    device: Device = "auto",
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Decode .lic files to pictures.

    img.lic becomes img.png beside it. With - the file is read from stdin and the picture written to stdout.
    """
    set_up_messages(verbose, quiet)
    if output is not None and output != STREAM and format is None and len(inputs) == 1:
        suffix = Path(output).suffix.lower().removeprefix(".")
        if suffix and suffix not in FORMATS and (Path(output).is_file() or not Path(output).exists()):
            raise typer.BadParameter(f"unknown picture suffix '.{suffix}': use --format")
    outputs = target_names(inputs, output, f".{format or 'png'}")
    from lcomp.api import Codec

    codec = Codec(device=device)

    def work(name: str, output_name: str) -> str:
        started = time.perf_counter()
        target = Target(output_name, name, force)
        data = read_input(name)
        image = codec.decode(data)
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
