"""Importance maps from picture files."""

import numpy as np
from PIL import Image

from lcomp.options import MAX_PIXELS
from lcomp.pictures.reading import open_image, to_picture
from lcomp.types import Plane


def read_importance(data: bytes, max_pixels: int = MAX_PIXELS) -> Plane:
    """The grey levels [H, W] of a picture file, upright; colours count by their luma, alpha does not.

    Raises as `open_image` and `to_picture` do.
    """
    picture = to_picture(open_image(data, max_pixels), max_pixels=max_pixels)
    return np.asarray(Image.fromarray(picture.pixels).convert("L"))
