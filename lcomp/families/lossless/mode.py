"""How a tile is coded: its colours, and how far its samples may be off."""

from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from lcomp.families.lossless.colours import Colours
from lcomp.families.lossless.lattice import SCALES

LEVELS = 4
"""Errors that the networks tell apart: 0, 1, 2, and more."""

CONDITIONS = len(Colours) * LEVELS * SCALES
"""Numbers of conditions: the networks have a bias for each."""

STEP_LOG2 = (0, 1623, 2378, 2875, 3246, 3542, 3789, 4001, 4186, 4350, 4498, 4632, 4755, 4869, 4975, 5073)
"""Log2 of the step of each largest error, with 10 fractional bits."""


@dataclass(frozen=True)
class CodingMode:
    """How a tile is coded."""

    colours: Colours
    max_error: int  # largest error of a sample, 0 .. options.MOST_ERROR

    @property
    def step(self) -> int:
        """Distance of neighbouring values that a residual may have."""
        return 2 * self.max_error + 1

    def condition(self, scale: int) -> int:
        """Number of what the networks know about a scale of the tile."""
        return (self.colours.value * LEVELS + min(self.max_error, LEVELS - 1)) * SCALES + scale


Numbers = TypeVar("Numbers", int, Tensor)


def error_of(conditions: Numbers) -> Numbers:
    """The largest errors that conditions stand for; those beyond what networks tell apart as the first of them."""
    return conditions // SCALES % LEVELS
