"""What the XMP of panoramas (GPano) says about their projection."""

import math
import re

WHOLE = (math.pi / 2, -math.pi / 2)
"""Latitudes of the top and the bottom of a panorama that shows everything, in radians."""

EQUIRECTANGULAR = b"equirectangular"


def value_of(xmp: bytes, name: bytes) -> bytes | None:
    """The value of a property of GPano, as an attribute or an element."""
    found = re.search(rb"GPano:" + name + rb"""(?:\s*=\s*["']|>)\s*([^\s"'<>]{1,40})""", xmp)
    return found[1] if found else None


def number_of(xmp: bytes, name: bytes) -> int | None:
    """A number of GPano; None where it is none."""
    value = value_of(xmp, name)
    return int(value) if value and value.isdigit() else None


def latitudes(xmp: bytes | None) -> tuple[float, float] | None:
    """Latitudes in radians of the top and the bottom of an equirectangular panorama, None for other pictures.

    >>> latitudes(b'<rdf:Description GPano:ProjectionType="equirectangular"/>') == WHOLE
    True
    """
    if xmp is None or value_of(xmp, b"ProjectionType") != EQUIRECTANGULAR:
        return None
    full, rows = number_of(xmp, b"FullPanoHeightPixels"), number_of(xmp, b"CroppedAreaImageHeightPixels")
    top = number_of(xmp, b"CroppedAreaTopPixels")
    if full is None or rows is None or top is None or not 0 < rows <= top + rows <= full:
        return WHOLE
    return math.pi * (0.5 - top / full), math.pi * (0.5 - (top + rows) / full)
