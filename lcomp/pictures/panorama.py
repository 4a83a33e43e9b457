"""What the XMP of panoramas (GPano) says about their projection."""

import math
import re
from typing import NamedTuple

from lcomp.format.tiles import Rectangle
from lcomp.pictures.xmp import GOOGLE


class Panorama(NamedTuple):
    """The part of the sphere that an equirectangular panorama shows, in radians."""

    top: float  # latitude
    bottom: float
    around: bool  # whether it goes all around, so that its left and its right edge are neighbours
    left: float = -math.pi  # longitude
    right: float = math.pi


WHOLE = Panorama(math.pi / 2, -math.pi / 2, around=True)
"""What shows everything."""

EQUIRECTANGULAR = b"equirectangular"

RDF_END = re.compile(rb"</[\w.-]+:RDF\s*>")

PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b"</rdf:RDF></x:xmpmeta>"
)
"""XMP without properties."""


def value_of(xmp: bytes, name: bytes) -> bytes | None:
    """The value of a property of GPano, as an attribute or an element."""
    found = re.search(rb"GPano:" + name + rb"""(?:\s*=\s*["']|>)\s*([^\s"'<>]{1,40})""", xmp)
    return found[1] if found else None


def number_of(xmp: bytes, name: bytes) -> int | None:
    """A number of GPano; None where it is none."""
    value = value_of(xmp, name)
    return int(value) if value and value.isdigit() and len(value) < 10 else None


def is_equirectangular(xmp: bytes) -> bool:
    """Whether XMP is that of an equirectangular panorama."""
    return value_of(xmp, b"ProjectionType") == EQUIRECTANGULAR


def panorama_in(xmp: bytes | None) -> Panorama | None:
    """The equirectangular panorama that XMP is of, None for other pictures.

    >>> panorama_in(b'<rdf:Description GPano:ProjectionType="equirectangular"/>') == WHOLE
    True
    """
    if xmp is None or not is_equirectangular(xmp):
        return None
    width, columns = number_of(xmp, b"FullPanoWidthPixels"), number_of(xmp, b"CroppedAreaImageWidthPixels")
    shown = WHOLE._replace(around=width is None or columns is None or width == columns)
    left = number_of(xmp, b"CroppedAreaLeftPixels")
    if width is not None and columns is not None and left is not None and 0 < columns <= width > left:
        shown = shown._replace(
            left=math.pi * (2 * left / width - 1), right=math.pi * (2 * (left + columns) / width - 1)
        )
    full, rows = number_of(xmp, b"FullPanoHeightPixels"), number_of(xmp, b"CroppedAreaImageHeightPixels")
    top = number_of(xmp, b"CroppedAreaTopPixels")
    if full is None or rows is None or top is None or not 0 < rows <= top + rows <= full:
        return shown
    return shown._replace(top=math.pi * (0.5 - top / full), bottom=math.pi * (0.5 - (top + rows) / full))


def panorama_of_part(
    xmp: bytes, rest: bytes | None, picture: Rectangle, area: Rectangle, size: tuple[int, int]
) -> bytes | None:
    """XMP of an area of an equirectangular panorama that is now of another `size`; None for other pictures.

    `rest` is what else there is to say of it; the names are those of GPano, in pixels of the new size.
    """
    if not is_equirectangular(xmp):
        return None
    found = {}
    sides = (("Width", "Left", area.x, area.width, size[0]), ("Height", "Top", area.y, area.height, size[1]))
    for (name, edge, start, length, new), whole in zip(sides, picture[2:], strict=True):
        full = number_of(xmp, b"FullPano%sPixels" % name.encode()) or whole
        before = number_of(xmp, b"CroppedArea%sPixels" % edge.encode()) or 0
        scale = new / length
        found[f"FullPano{name}Pixels"] = round(full * scale)
        found[f"CroppedAreaImage{name}Pixels"] = new
        found[f"CroppedArea{edge}Pixels"] = round((before + start) % full * scale)
    properties = "".join(f' GPano:{name}="{value}"' for name, value in found.items())
    description = (
        f'<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about="" '
        f'xmlns:GPano="{GOOGLE}panorama/" GPano:ProjectionType="equirectangular"{properties}/>'
    )
    packet = rest if rest and RDF_END.search(rest) else PACKET
    return RDF_END.sub(lambda end: description.encode() + end[0], packet, count=1)
