"""Integer frequency tables of the entropy model: one discretised zero-mean Gaussian per scale."""

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SCALES = 64
"""Number of scales; scale 0 marks symbols that are always zero and are not coded."""

SCALE_MIN = 0.11
"""Smallest standard deviation, in quantisation steps."""

STEPS_PER_OCTAVE = 6
"""Scale i has the standard deviation SCALE_MIN * 2^(i / STEPS_PER_OCTAVE)."""

PRECISION = 16
"""Frequencies of a table sum to 2^PRECISION."""

MAX_RADIUS = 1023
"""Largest magnitude of a symbol that a table holds; beyond it, symbols are escaped."""


class Table(NamedTuple):
    """Frequencies of the symbols -radius .. radius, then of the escape; all positive."""

    radius: int
    frequencies: NDArray[np.int64]


def gaussian_table(sigma: float) -> Table:
    """Table of round(N(0, sigma^2)), cut off where a symbol is rarer than 2^-PRECISION."""
    radius = 1
    while radius < MAX_RADIUS and math.erfc((radius + 0.5) / sigma / math.sqrt(2)) > 2.0**-PRECISION:
        radius += 1
    edges = [math.erf((k + 0.5) / sigma / math.sqrt(2)) for k in range(radius + 1)]
    half = [(upper - lower) / 2 for lower, upper in itertools.pairwise(edges)]
    masses = np.array([*half[::-1], edges[0], *half, 1 - edges[-1]])
    # every symbol gets at least 1; what rounding leaves over goes to the largest remainders
    exact = masses * (2**PRECISION - len(masses))
    frequencies = np.floor(exact).astype(np.int64) + 1
    largest = np.argsort(frequencies - exact, kind="stable")
    frequencies[largest[: 2**PRECISION - frequencies.sum()]] += 1
    return Table(radius, frequencies)


def gaussian_tables() -> tuple[Table, ...]:
    """The tables of all scales. Called when weights are exported; decoding uses the stored integers."""
    return tuple(gaussian_table(SCALE_MIN * 2 ** (index / STEPS_PER_OCTAVE)) for index in range(SCALES))


def pack_tables(tables: tuple[Table, ...]) -> NDArray[np.uint16]:
    """All frequencies in a row, the form stored in weights files: each table ends when its sum reaches 2^16."""
    return np.concatenate([table.frequencies for table in tables]).astype(np.uint16)


def unpack_tables(packed: NDArray[np.uint16]) -> tuple[Table, ...]:
    """Inverse of `pack_tables`; raises ValueError for anything that is not a row of valid tables."""
    frequencies = packed.astype(np.int64)
    ends = np.cumsum(frequencies)
    positions = np.searchsorted(ends, np.arange(1, SCALES + 1) << PRECISION) + 1
    if positions[-1] != len(packed) or ends[-1] != SCALES << PRECISION or frequencies.min() < 1:
        raise ValueError("damaged frequency tables")
    tables = []
    for start, stop in zip([0, *positions[:-1]], positions, strict=True):
        if (stop - start) % 2 or frequencies[start:stop].sum() != 2**PRECISION:
            raise ValueError("damaged frequency tables")
        tables.append(Table(int(stop - start - 2) // 2, frequencies[start:stop]))
    return tuple(tables)
