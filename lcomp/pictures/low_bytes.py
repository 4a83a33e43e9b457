"""The low bytes of colours of 16 bits: Pillow reads the high ones, and the others where it is told another byte order.

So the file is decoded a second time, by the same plugin under the same limits, and no other library is needed.
"""

import io
import sys

import numpy as np
from PIL import Image

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
    tiles = getattr(image, "tile", [])
    if image.format == "PPM" and [tile[::3] for tile in tiles] == [("ppm", ("RGB", FULL))]:
        image.tile = [tiles[0]._replace(codec_name="raw", args=("RGB;16B", 0, 1))]  # type: ignore[attr-defined]


def name_planes(image: Image.Image) -> None:
    """Tell Pillow the depth of planes of 16 bits in a TIFF, which it reads as of 8 where they are not compressed."""
    if image.format != "TIFF" or set(image.tag_v2.get(BITS, ())) != SIXTEEN:  # type: ignore[attr-defined]
        return
    order = "B" if image.tag_v2.prefix == b"MM" else "L"  # type: ignore[attr-defined]
    named = {f"{plane[0]}": f"{plane}{order}" for plane in PLANES}
    image.tile = [  # type: ignore[attr-defined]
        tile._replace(args=(named.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        for tile in image.tile  # type: ignore[attr-defined]
    ]


def other_order(mode: str) -> str | None:
    """The raw mode that gives the low bytes of what a raw mode gives the high bytes of; None where there is none."""
    if mode == GREY_ALPHA:
        return "RGBA"  # all four bytes
    return mode[:-1] + OTHER_ORDER[mode[-1]] if mode[:-1] in COLOURS | PLANES else None


def read_low_bytes(image: Image.Image) -> Image.Image | None:
    """The low bytes of a picture that is not decoded yet, as `low_bytes_of` has them; raises what plugins raise."""
    file = open_file(image, "PNG", "TIFF", "PPM")
    splits = isinstance(image, GreyAlphaTiff) and image.splits
    tiles = []
    for tile in getattr(image, "tile", []):
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        other = "RGBA" if splits else other_order(str(arguments[0]))
        if other is None:
            return None
        tiles.append(tile._replace(args=(other, *arguments[1:]) if isinstance(tile.args, tuple) else other))
    if file is None or not tiles or (image.format == "PNG" and getattr(image, "is_animated", False)):
        return None
    # libtiff's planes are unpacked as Pillow likes
    if tiles[0].codec_name == "libtiff" and image.tag_v2.get(SEPARATE) == PLANAR:  # type: ignore[attr-defined]
        return None
    place = file.tell()
    file.seek(0)
    again: Image.Image = type(image)(io.BytesIO(file.read()), "")  # type: ignore[call-arg]
    file.seek(place)
    if image.tell():
        again.seek(image.tell())
    again.tile = tiles  # type: ignore[attr-defined]
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
