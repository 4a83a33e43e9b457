"""Integer frequency tables of the entropy model, one per scale: discretised Gaussians, or fitted to what is coded."""

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SCALES = 64
"""Number of scales; scale 0 marks symbols that are always zero and are not coded."""

TABLES = 2 * SCALES
"""Number of tables: those of y, then those of z."""

SCALE_MIN = 0.11
"""Smallest standard deviation, in quantisation steps."""

STEPS_PER_OCTAVE = 6
"""Scale i has the standard deviation SCALE_MIN * 2^(i / STEPS_PER_OCTAVE)."""

PRECISION = 16
"""Frequencies of a table sum to 2^PRECISION."""

ESCAPE_BITS = 16
"""Bits of an escaped symbol, besides those of the escape itself."""

MAX_RADIUS = 1023
"""Largest magnitude of a symbol that a table holds; beyond it, symbols are escaped."""


class Table(NamedTuple):
    """Frequencies of the symbols -radius .. radius, then of the escape; all positive."""

    radius: int
    frequencies: NDArray[np.int64]


def scale_deviation(scale: int) -> float:
    """Standard deviation that a scale stands for."""
    return float(SCALE_MIN * 2 ** (scale / STEPS_PER_OCTAVE))


def gaussian_masses(sigma: float, radius: int) -> NDArray[np.float64]:
    """Probabilities of the symbols -radius .. radius of round(N(0, sigma^2))."""
    edges = [math.erf((k + 0.5) / sigma / math.sqrt(2)) for k in range(radius + 1)]
    half = [(upper - lower) / 2 for lower, upper in itertools.pairwise(edges)]
    return np.array([*half[::-1], edges[0], *half])


def table_of_masses(masses: NDArray[np.float64]) -> Table:
    """Quantise the probabilities of the symbols -radius .. radius; what is missing to 1 goes to the escape."""
    masses = np.append(masses, max(1 - masses.sum(), 0.0))
    # largest remainder method, with at least 1 for every symbol
    exact = masses * (2**PRECISION - len(masses))
    frequencies = np.floor(exact).astype(np.int64) + 1
    largest = np.argsort(frequencies - exact, kind="stable")
    frequencies[largest[: 2**PRECISION - frequencies.sum()]] += 1
    return Table((len(masses) - 2) // 2, frequencies)


def expected_bits(table: Table, masses: NDArray[np.float64]) -> float:
    """Cross-entropy in bits under a table: symbols with probabilities `masses`, the middle one of which is 0."""
    bits = PRECISION - np.log2(table.frequencies)
    zero = len(masses) // 2
    middle = masses[zero - table.radius : zero + table.radius + 1]
    return float(middle @ bits[:-1] + (1 - middle.sum()) * (bits[-1] + ESCAPE_BITS))


def gaussian_table(sigma: float) -> Table:
    """Table of round(N(0, sigma^2)), cut off where a symbol is rarer than 2^-PRECISION."""
    radius = 1
    while radius < MAX_RADIUS and math.erfc((radius + 0.5) / sigma / math.sqrt(2)) > 2.0**-PRECISION:
        radius += 1
    return table_of_masses(gaussian_masses(sigma, radius))


def gaussian_tables() -> tuple[Table, ...]:
    """Gaussian tables of all scales, for y and again for z, before any are fitted to symbols.

    Decoding uses the integers stored with the weights.
    """
    return 2 * tuple(gaussian_table(scale_deviation(scale)) for scale in range(SCALES))


def pack_tables(tables: tuple[Table, ...]) -> NDArray[np.uint16]:
    """All frequencies in a row, the form stored in weights files: each table ends when its sum reaches 2^16."""
    return np.concatenate([table.frequencies for table in tables]).astype(np.uint16)


def unpack_tables(packed: NDArray[np.uint16], count: int = TABLES) -> tuple[Table, ...]:
    """Inverse of `pack_tables`; raises ValueError for anything that is not a row of so many valid tables."""
    frequencies = packed.astype(np.int64)
    ends = np.cumsum(frequencies)
    positions = np.searchsorted(ends, np.arange(1, count + 1) << PRECISION) + 1
    if positions[-1] != len(packed) or ends[-1] != count << PRECISION or frequencies.min() < 1:
        raise ValueError("damaged frequency tables")
    tables = []
    for start, stop in zip([0, *positions[:-1]], positions, strict=True):
        if (stop - start) % 2 or frequencies[start:stop].sum() != 2**PRECISION:
            raise ValueError("damaged frequency tables")
        tables.append(Table(int(stop - start - 2) // 2, frequencies[start:stop]))
    return tuple(tables)
