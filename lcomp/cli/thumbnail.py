"""`lcomp thumbnail`."""

import io
from typing import Annotated

import typer
from PIL import Image

from lcomp.cli.files import STREAM, read_input, set_up_messages
from lcomp.cli.options import MaxPixels
from lcomp.cli.placing import Placing
from lcomp.errors import FormatError, ImageError, LcompError
from lcomp.format.binary import Reader
from lcomp.format.container import MAGIC, read_header
from lcomp.options import MAX_PIXELS
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
    data = read_input(source, max_pixels, MAGIC)
    name = "stdin" if source == STREAM else place(source).base
    if not data.startswith(MAGIC):
        raise FormatError(f"{name}: not a .lic file")
    try:
        read_header(Reader(data), max_pixels)
        with Image.open(io.BytesIO(data), formats=["LIC"]) as image:
            image.thumbnail((size, size))
            image.info.pop("exif", None)
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
    except LcompError as error:
        raise type(error)(f"{name}: {error}") from error
    except OSError as error:
        reason = error.__cause__  # the plugin raises what Pillow does
        kind = type(reason) if isinstance(reason, LcompError) else ImageError
        raise kind(f"{name}: {reason or error}") from error
    destination.write(buffer.getvalue())
