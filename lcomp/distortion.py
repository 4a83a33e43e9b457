"""Distortion between 8-bit RGB pictures."""

import math

import numpy as np

from lcomp.windows import Pixels

ROWS = 256
"""Rows whose differences are held at a time."""


def psnr(ours: Pixels, original: Pixels) -> float:
    """Peak signal-to-noise ratio in dB, over all samples.

    An exact copy counts as one with a single sample wrong by one, so that means stay finite.
    """
    squares = 0
    for row in range(0, len(original), ROWS):
        difference = ours[row : row + ROWS].astype(np.int16) - original[row : row + ROWS]
        squares += int(np.square(difference, dtype=np.int32).sum(dtype=np.int64))
    return 10 * math.log10(255**2 * original.size / max(squares, 1))
