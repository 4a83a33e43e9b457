"""The ways in which a file is read, each of which ends in a picture or in one of our errors."""

import contextlib
import io
import warnings
from collections.abc import Callable

from PIL import Image

import lcomp
from attacks.mutations import MAX_PIXELS
from lcomp.format import container
from lcomp.options import FAST, DecodeOptions
from lcomp.viewer.gallery import Gallery, ViewOptions
from lcomp.viewer.opened import OpenedFile

Way = Callable[[bytes], None]

SIDE = 24
"""Largest side of thumbnails, and of pictures in a page."""

OFTEN = "whole"
"""The way of every second file."""

LENIENT = ("salvaged", "partial")
"""Ways that decode what is intact of files that others refuse."""


def decoding(options: DecodeOptions) -> Way:
    """Decoding with some options."""

    def decode(data: bytes) -> None:
        lcomp.Codec(device="cpu").decode_array(data, options)

    return decode


def ways(most: int, side: int) -> dict[str, Way]:
    """All ways, by name: for pictures of so many pixels at most, shown in a page with sides of so many at most."""

    def thumbnail(data: bytes) -> None:
        lcomp.thumbnail(data, (SIDE, SIDE), device="cpu", max_pixels=most)

    def pillow(data: bytes) -> None:
        """What `Image.open` makes of it, which has a limit of its own, and errors of its own for what is damaged."""
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, most // 2
        damaged = contextlib.suppress(OSError, Image.DecompressionBombError)
        try:
            with warnings.catch_warnings(), damaged:
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(data)) as image:
                    image.draft(None, (side, side))
                    image.load()
        finally:
            Image.MAX_IMAGE_PIXELS = limit

    def page(data: bytes) -> None:
        """The file by every decoder, and its facts."""
        header = lcomp.info(data)
        if header.width * header.height <= most:
            gallery = Gallery(lcomp.Codec(device="cpu"), ViewOptions(None, side, most))
            gallery.add(OpenedFile("a.lic", data, container.read(data)), lambda done, total: None)
            gallery.contents()

    return {
        OFTEN: decoding(DecodeOptions(max_pixels=most)),
        "salvaged": decoding(DecodeOptions(max_pixels=most, salvage=True)),
        "partial": decoding(DecodeOptions(max_pixels=most, partial=True)),
        "fast": decoding(DecodeOptions(FAST, max_pixels=most)),
        "reduced": decoding(DecodeOptions(max_pixels=most, scale=1 / 8)),
        "thumbnail": thumbnail,
        "pillow": pillow,
        "page": page,
    }


WAYS = ways(MAX_PIXELS, SIDE)
"""Those of the fuzzer."""


def way_of(number: int) -> str:
    """The name of the way in which the file of a number is read."""
    others = [name for name in WAYS if name != OFTEN]
    return OFTEN if number % 2 else others[number // 2 % len(others)]
