"""Pictures made smaller before they are encoded."""

from dataclasses import replace

import numpy as np
from PIL import Image

from lcomp.errors import UnsupportedError
from lcomp.format.container import Mode
from lcomp.format.tiles import Rectangle
from lcomp.pictures.panorama import panorama_of_part
from lcomp.pictures.reading import Picture
from lcomp.pictures.tags import exif_of_size
from lcomp.pictures.writing import to_image
from lcomp.pictures.xmp import xmp_of_size


def fitting(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same shape that fits into a box, and is no larger than it was.

    >>> fitting(600, 400, (300, 300))
    (300, 200)
    """
    scale = min(box[0] / width, box[1] / height, 1.0)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def resized(picture: Picture, box: tuple[int, int] | None) -> Picture:
    """A picture that fits into a box (width and height), with the metadata that holds for it; itself where it fits."""
    height, width = picture.pixels.shape[:2]
    if box is None or fitting(width, height, box) == (width, height):
        return picture
    if picture.is_deep:
        raise UnsupportedError("pictures of 16 bits are not resized: leave --resize or --lossless out")
    size = fitting(width, height, box)
    # Pillow weights colours by alpha where an image has it
    image = to_image(picture.pixels, picture.mode, picture.alpha).resize(size, Image.Resampling.LANCZOS)
    alpha = None if picture.alpha is None else np.asarray(image.getchannel("A"))
    pixels = np.array(image.convert("L" if picture.mode is Mode.L else "RGB").convert("RGB"))
    exif = picture.exif and exif_of_size(picture.exif, *size, moved=True)
    xmp = picture.xmp and xmp_of_size(picture.xmp, *size, moved=True)
    if picture.xmp:
        whole = Rectangle(0, 0, width, height)
        xmp = panorama_of_part(picture.xmp, xmp, whole, whole, size) or xmp
    return replace(picture, pixels=pixels, alpha=alpha, exif=exif, xmp=xmp)
