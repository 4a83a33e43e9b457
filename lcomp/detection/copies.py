"""Copies of pictures that detectors look at: of a bounded size, as the picture looks over grey."""

import contextlib
import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from lcomp.format.tiles import Rectangle
from lcomp.pictures.hidden import over_grey
from lcomp.types import Pixels, Plane

SMALLEST_SIDE = 16
"""Pixels of a side below which nothing can be made out."""


class Copy(NamedTuple):
    """A copy of a picture, no larger than that."""

    pixels: Pixels  # BGR, as OpenCV has it
    width: int  # of the picture
    height: int

    def in_picture(self, left: float, top: float, right: float, bottom: float) -> Rectangle | None:
        """A rectangle of the copy in pixels of the picture; None where nothing of it is within."""
        rows, columns = self.pixels.shape[:2]
        x, right = (min(max(place * self.width / columns, 0), self.width) for place in (left, right))
        y, bottom = (min(max(place * self.height / rows, 0), self.height) for place in (top, bottom))
        found = Rectangle(int(x), int(y), math.ceil(right) - int(x), math.ceil(bottom) - int(y))
        return found if min(found.width, found.height) > 0 else None


def copy_of(pixels: Pixels, alpha: Plane | None, area: int, step: int = 1) -> Copy | None:
    """A copy of about `area` pixels at most, whose sides are multiples of `step`; None where it is too thin."""
    height, width = pixels.shape[:2]
    scale = min(math.sqrt(area / (width * height)), 1.0)
    if min(width, height) * scale < SMALLEST_SIDE:
        return None
    size = tuple(max(round(side * scale / step), 1) * step for side in (width, height))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    seen = None if alpha is None else cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    return Copy(np.ascontiguousarray(over_grey(small, seen)[..., ::-1]), width, height)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Have OpenCV work in this thread only: others would be missing in processes that are forked later."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
