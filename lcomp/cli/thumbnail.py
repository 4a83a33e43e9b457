"""`lcomp thumbnail`."""

import io
from typing import Annotated

import typer

import lcomp
from lcomp.cli.files import STREAM, read_input, set_up_messages
from lcomp.cli.options import MaxPixels
from lcomp.cli.placing import Placing
from lcomp.errors import LcompError
from lcomp.format.binary import Reader
from lcomp.format.container import MAGIC, read_header
from lcomp.options import MAX_PIXELS
from lcomp.pictures.writing import save_image
from lcomp.places.finding import place

USUAL_SIZE = 256


def thumbnail(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .lic file; - is stdin.", show_default=False)],
    output: Annotated[str, typer.Argument(metavar="OUT", help="The PNG; - is stdout.", show_default=False)],
    size: Annotated[int, typer.Option("-s", "--size", min=1, metavar="N", help="Longest side in pixels.")] = USUAL_SIZE,
    max_pixels: MaxPixels = MAX_PIXELS,
) -> None:
    """Write a small PNG of a .lic file, as file managers ask for.

    OUT is replaced where it exists: file managers make it beforehand.
    """
    set_up_messages(verbose=False, quiet=False)
    destination = Placing(force=True, renew=False, preserve=False).destination(output, source)
    name, buffer = "stdin" if source == STREAM else place(source).base, io.BytesIO()
    try:
        data = read_input(source, max_pixels, MAGIC)
        read_header(Reader(data), max_pixels)  # without torch
        image = lcomp.thumbnail(data, (size, size), max_pixels=max_pixels)
        image.info.pop("exif", None)
        save_image(image, buffer, "PNG")
    except LcompError as error:
        raise type(error)(f"{name}: {error}") from error
    destination.write(buffer.getvalue())
