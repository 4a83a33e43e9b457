"""Frequency tables: A.3 of docs/FORMAT.md."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """The cumulative frequencies of a table of n entries: n + 1 numbers from 0 to 2^16."""

    cumulative: list[int]

    @property
    def entries(self) -> int:
        """How many entries it has; the last one is the escape."""
        return len(self.cumulative) - 1

    @property
    def radius(self) -> int:
        """The largest symbol that is no escape."""
        return self.entries // 2 - 1

    @cached_property
    def weights(self) -> list[int]:
        """Cumulative weights of 24 bits, as constriction's `perfect=False` makes them."""
        n = self.entries
        return [((F * (2**24 - n)) >> 16) + i for i, F in enumerate(self.cumulative[:-1])] + [2**24]


BYTES = Table([256 * i for i in range(257)])
"""256 equally likely entries: the bytes of escaped symbols."""


def split(frequencies: NDArray[np.uint16]) -> list[Table]:
    """The tables that follow each other in a tensor; each ends where its sum reaches 2^16."""
    tables = []
    cumulative = [0]
    for frequency in frequencies.tolist():
        cumulative.append(cumulative[-1] + frequency)
        if cumulative[-1] >= 2**16:
            if cumulative[-1] > 2**16 or len(cumulative) % 2 == 0 or frequency == 0:
                raise ValueError("not a frequency table")
            tables.append(Table(cumulative))
            cumulative = [0]
    if len(cumulative) > 1:
        raise ValueError("a table without an end")
    return tables
