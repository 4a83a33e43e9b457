"""What writing and reading a tile have in common."""

import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcomp.families.lossless.colours import RANGES, Colours, to_pixels
from lcomp.families.lossless.lattice import PyramidPass
from lcomp.families.lossless.mode import CodingMode
from lcomp.families.lossless.parameters import CodingParameters, coarse_table
from lcomp.families.lossless.passes import MIDDLES

NUMBER_TABLE, COEFFICIENT_TABLE, BASE_TABLE = coarse_table(24), coarse_table(44), coarse_table(46)
"""Tables of numbers that stand alone, of coefficients, and of the samples that nothing predicts."""

MOST_OFFSET = 8
"""Largest change of the scales of a pass, in steps."""


def pixels_of(planes: Tensor, colours: Colours) -> Tensor:
    """Pixels (uint8) of decoded planes; what no picture can hold is clamped: damaged data, and what rounding leaves."""
    return planes[0].clamp(0, 255).to(torch.uint8) if len(planes) == 1 else to_pixels(planes, colours)


def pixels_crc(pixels: NDArray[np.uint8], number: int) -> int:
    """CRC-32 of a tile's pixels, seeded with the tile's number."""
    return zlib.crc32(np.ascontiguousarray(pixels).tobytes(), number)


def middles(planes: int) -> Tensor:
    """What base samples count from (int16 [C, 1, 1])."""
    return torch.tensor(MIDDLES[:planes], dtype=torch.int16)[:, None, None]


def in_range(samples: Tensor, plane: int) -> Tensor:
    """Samples (int32) of a plane as int16, clamped: damaged data may say anything, and nothing may overflow later."""
    return samples.clamp_(*RANGES[plane]).to(torch.int16)


def decoded(symbols: Tensor, parameters: CodingParameters, step: PyramidPass, mode: CodingMode) -> Tensor:
    """The samples (int16 [n]) that symbols (int16 [n]) of a pass stand for."""
    return in_range(symbols.int() * parameters.signs * mode.step + parameters.centres, step.plane)
