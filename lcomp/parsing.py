"""Options as they are written: sizes in bytes, regions, sizes in pixels."""

import math
import re

from lcomp.errors import LcompError
from lcomp.options import DEFAULT_STEPS, Region

UNITS = {
    **{"": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9},
    **{"ki": 2**10, "kib": 2**10, "mi": 2**20, "mib": 2**20, "gi": 2**30, "gib": 2**30},
}
"""Bytes of the units of a size, in lower case."""


def parse_size(text: str) -> int:
    """Bytes of a size like 50000, 2k, 50kB, 48KiB or 1.5MB; raises LcompError for anything else.

    >>> parse_size("1.5kB")
    1500
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    if not match or match[2].lower() not in UNITS:
        raise LcompError(f"'{text}' is not a size: use bytes, kB, KiB, MB, MiB, GB or GiB")
    size = float(match[1]) * UNITS[match[2].lower()]
    if not math.isfinite(size) or not 1 <= size < 2**63:
        raise LcompError(f"'{text}' is no size for a file")
    return int(size)


def parse_region(text: str) -> Region:
    """A region of interest like 40,30,200,100, or with steps of quality 40,30,200,100,2.5; raises LcompError.

    >>> parse_region("40,30,200,100,2.5").steps
    2.5
    """
    sides, steps = r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})", r"(?:,([+-]?\d{1,3}(?:\.\d+)?))?"
    match = re.fullmatch(sides + steps, text.replace(" ", ""))
    if not match:
        raise LcompError(f"'{text}' is no region: use X,Y,W,H in pixels, or X,Y,W,H,STEPS")
    x, y, width, height = (int(side) for side in match.groups()[:4])
    return Region(x, y, width, height, float(match[5]) if match[5] else DEFAULT_STEPS)


def parse_resize(text: str) -> tuple[int, int]:
    """Width and height of a box like 1600x1200, or 1600 for a square one; raises LcompError for anything else.

    >>> parse_resize("1600")
    (1600, 1600)
    """
    match = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", text.strip().lower())
    if not match:
        raise LcompError(f"'{text}' is no size in pixels: use 1600x1200, or 1600 for the longest side")
    width = int(match[1])
    return width, int(match[2] or width)
