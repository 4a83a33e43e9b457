"""The frequency tables of residuals: discretised mixtures of two logistic distributions."""

import numpy as np
from numpy.typing import NDArray

from lcomp.entropy.tables import PRECISION, Table, table_of_masses
from lcomp.lossless.parameters import (
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
    """Probabilities of the residuals -r .. r of a distribution, up to where one is rarer than 2^-PRECISION."""
    edges = np.arange(-MOST, MOST + 2, dtype=np.float64) - (0.5 + mean)
    narrow, wide = (np.diff(logistic(np.asarray(edges / width, np.float64))) for width in (scale, WIDE * scale))
    found = np.asarray((1 - tail) * narrow + tail * wide, np.float64)
    seen = np.flatnonzero(found > 2.0**-PRECISION)
    radius = max(1, abs(seen[0] - MOST), abs(seen[-1] - MOST))
    return found[MOST - radius : MOST + radius + 1]


def residual_tables() -> tuple[Table, ...]:
    """All tables, in the order of `parameters.table_number`."""
    tables = [table_of_masses(np.array([0.25, 0.5, 0.25]))]
    for number in range(SCALES):
        scale = 2.0 ** (LEAST_SCALE_LOG2 + number / SCALES_PER_OCTAVE)
        for logit in TAIL_LOGITS:
            tail = float(logistic(np.array(logit)))
            for phase in range(PHASES if number < FINE_SCALES else 1):
                tables.append(table_of_masses(masses(scale, tail, phase / 8)))
    return tuple(tables)
