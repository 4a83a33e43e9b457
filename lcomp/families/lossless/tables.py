"""The frequency tables of residuals: discretised mixtures of two logistic distributions."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lcomp.entropy.tables import PRECISION, Table, table_of_masses
from lcomp.families.lossless.parameters import (
    FINE_SCALES,
    LEAST_SCALE_LOG2,
    PHASES,
    SCALES,
    SCALES_PER_OCTAVE,
    TAILS,
)

WIDE = 2.5
"""Scale of the tail in relation to that of the distribution itself."""

TAIL_LOGITS = tuple(-2.25 + 1.5 * tail - 2.5 for tail in range(TAILS))
"""Logit of the tail's weight, by class."""

MOST = 511
"""Largest residual that a table holds."""


def logistic(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(value / 2)), np.float64)


def masses(scale: float, tail: float, mean: float) -> NDArray[np.float64]:
    """Probabilities of the residuals -MOST .. MOST of a distribution."""
    edges = np.arange(-MOST, MOST + 2, dtype=np.float64) - (0.5 + mean)
    narrow, wide = (np.diff(logistic(np.asarray(edges / width, np.float64))) for width in (scale, WIDE * scale))
    return np.asarray((1 - tail) * narrow + tail * wide, np.float64)


def all_masses() -> Iterator[NDArray[np.float64]]:
    """The probabilities that each table stands for but the first, in the order of `parameters.table_number`."""
    for number in range(SCALES):
        scale = 2.0 ** (LEAST_SCALE_LOG2 + number / SCALES_PER_OCTAVE)
        for logit in TAIL_LOGITS:
            tail = float(logistic(np.array(logit)))
            for phase in range(PHASES if number < FINE_SCALES else 1):
                yield masses(scale, tail, phase / 8)


def likely_radius(found: NDArray[np.float64]) -> int:
    """The largest residual that is not rarer than 2^-PRECISION."""
    seen = np.flatnonzero(found > 2.0**-PRECISION)
    return int(max(1, abs(seen[0] - MOST), abs(seen[-1] - MOST)))


def within(found: NDArray[np.float64], radius: int) -> Table:
    """The table of the residuals up to a radius; all others are escaped."""
    return table_of_masses(found[MOST - radius : MOST + radius + 1])


UNUSED = table_of_masses(np.array([0.25, 0.5, 0.25]))
"""The first table, which codes nothing."""


def residual_tables() -> tuple[Table, ...]:
    """All tables, before any are fitted to residuals."""
    return (UNUSED, *(within(found, likely_radius(found)) for found in all_masses()))
