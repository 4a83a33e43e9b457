"""The metadata of a decoded picture, in the form that holds for it. Apart from `kept`: opening needs this alone."""

import math

from PIL import Image

from lcomp.pictures.tags import exif_of_size, resolution_of
from lcomp.pictures.xmp import xmp_of_size


def describe(image: Image.Image, icc: bytes | None, exif: bytes | None, xmp: bytes | None, moved: bool) -> None:
    """Put metadata into a decoded image's `info`, in the form that holds for it, where it was `moved` (cropped)."""
    exif = exif and exif_of_size(exif, *image.size, moved)
    xmp = xmp and xmp_of_size(xmp, *image.size, moved)
    for name, payload in (("icc_profile", icc), ("exif", exif), ("xmp", xmp)):
        if payload is not None:
            image.info[name] = payload
    if resolution := resolution_of(exif):
        image.info["dpi"] = tuple(round(value) if math.isclose(value, round(value)) else value for value in resolution)
