"""The low bytes of colours of 16 bits: Pillow reads the high ones, and the others where it is told another byte order.

So the file is decoded a second time, by the same plugin under the same limits, and no other library is needed.
"""

import io
import sys

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile

from lcomp.pictures.depth import FULL
from lcomp.pictures.frames import open_file
from lcomp.pictures.grey_alpha import GreyAlphaTiff
from lcomp.pictures.opening import make_room

REMEMBERED = "_lcomp_low"
"""Attribute of an image in which its low bytes are cached, by frame: they cannot be read once it is decoded."""

GREY_ALPHA = "LA;16B"
"""Raw mode of grey and alpha of 16 bits in PNG, which Pillow makes RGBA of."""

OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""The byte order that gives the low bytes, by that which gives the high ones."""

COLOURS = frozenset({"RGB;16", "RGBA;16"})
PLANES = frozenset({"R;16", "G;16", "B;16", "A;16"})
"""Raw modes without their byte order."""

SEPARATE, PLANAR = 284, 2
"""TIFF tag PlanarConfiguration, and its value for planes one after the other."""

BITS, SIXTEEN = 258, {16}
"""TIFF tag BitsPerSample."""


def split_ppm(image: Image.Image) -> None:
    """Have Pillow read the high bytes of a binary PPM of 16 bits, which it would round to 8."""
    if isinstance(image, PpmImageFile) and [tile[::3] for tile in image.tile] == [("ppm", ("RGB", FULL))]:
        image.tile = [image.tile[0]._replace(codec_name="raw", args=("RGB;16B", 0, 1))]


def name_planes(image: Image.Image) -> None:
    """Tell Pillow the depth of planes of 16 bits in a TIFF, which it reads as of 8 where they are not compressed."""
    if not isinstance(image, TiffImageFile) or set(image.tag_v2.get(BITS, ())) != SIXTEEN:
        return
    order = "B" if image.tag_v2.prefix == b"MM" else "L"
    named = {plane[0]: f"{plane}{order}" for plane in PLANES}
    for number, tile in enumerate(image.tile):
        if isinstance(tile.args, tuple) and tile.args[0] in named:
            image.tile[number] = tile._replace(args=(named[tile.args[0]], *tile.args[1:]))


def other_order(mode: str) -> str | None:
    """The raw mode that gives the low bytes of what a raw mode gives the high bytes of; None where there is none."""
    if mode == GREY_ALPHA:
        return "RGBA"  # all four bytes
    return mode[:-1] + OTHER_ORDER[mode[-1]] if mode[:-1] in COLOURS | PLANES else None


def read_low_bytes(image: Image.Image) -> Image.Image | None:
    """The low bytes of a picture that is not decoded yet, as `low_bytes_of` has them; raises what plugins raise."""
    file = open_file(image, "PNG", "TIFF", "PPM")
    if file is None or not isinstance(image, PngImageFile | TiffImageFile | PpmImageFile):
        return None
    splits = isinstance(image, GreyAlphaTiff) and image.splits
    tiles = []
    for tile in image.tile:
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        other = "RGBA" if splits else other_order(str(arguments[0]))
        if other is None:
            return None
        tiles.append(tile._replace(args=(other, *arguments[1:]) if isinstance(tile.args, tuple) else other))
    if not tiles or (isinstance(image, PngImageFile) and image.is_animated):
        return None
    # planes that libtiff decodes are unpacked without asking for the raw mode
    separate = isinstance(image, TiffImageFile) and image.tag_v2.get(SEPARATE) == PLANAR
    if separate and tiles[0].codec_name == "libtiff":
        return None
    place = file.tell()
    file.seek(0)
    again = type(image)(io.BytesIO(file.read()), "")
    file.seek(place)
    if image.tell():
        again.seek(image.tell())
    again.tile = tiles
    if isinstance(again, GreyAlphaTiff):
        again.takes_low = True
    make_room(again)
    again.load()
    if image.format == "PNG" and tiles[0].args == "RGBA":
        return Image.fromarray(np.ascontiguousarray(np.asarray(again)[..., 1::2]))
    return again


def low_bytes_of(image: Image.Image) -> Image.Image | None:
    """The low bytes of colours of 16 bits as an image of the same size, turned as Pillow turns that: RGB, RGBA or LA.

    None where Pillow keeps all of the picture, and where its low bytes cannot be had. Raises what plugins raise.
    """
    frame = image.tell()
    known: dict[int, Image.Image | None] = getattr(image, REMEMBERED, {})
    if getattr(image, "tile", []) or frame not in known:
        known = {frame: read_low_bytes(image)}
        setattr(image, REMEMBERED, known)
    return known[frame]
