"""Importance maps from picture files."""

import numpy as np
from PIL import Image

from lcomp.errors import LcompError
from lcomp.options import MAX_PIXELS
from lcomp.pictures.reading import open_image, to_picture
from lcomp.places.finding import place
from lcomp.types import Plane


def read_importance(name: str, max_pixels: int = MAX_PIXELS) -> Plane:
    """The grey levels [H, W] of a picture file, upright; colours count by their luma, alpha does not.

    Raises as `open_image` and `to_picture` do, with the name of the file, and OSError where it cannot be read.
    """
    source = place(name)
    data = source.read()
    try:
        picture = to_picture(open_image(data, max_pixels), max_pixels=max_pixels)
    except LcompError as error:
        raise type(error)(f"{source.shown}: {error}") from error
    return np.asarray(Image.fromarray(picture.pixels).convert("L"))
