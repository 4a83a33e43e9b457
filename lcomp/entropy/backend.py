"""Interface of an entropy coder, which codes runs of symbols that share one frequency table."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Bins = NDArray[np.int32]
"""Positions in a table, 0 .. len(frequencies) - 1."""


class StreamEncoder(Protocol):
    """Writes runs of bins one after another."""

    def put(self, table: int, bins: Bins) -> None:
        """Append a run of bins of one table."""

    def finish(self) -> bytes:
        """The coded bytes of all runs."""


class StreamDecoder(Protocol):
    """Reads the runs back in the same order."""

    def get(self, table: int, count: int) -> Bins:
        """The next `count` bins, coded with `table`; raises FormatError for impossible data."""

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""


class PrefixDecoder(Protocol):
    """Reads runs of a stream whose end has not arrived."""

    def get(self, table: int, count: int) -> Bins:
        """The next bins, coded with `table`, that are certain: fewer than `count` where no more are."""

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""


class Backend(Protocol):
    """An entropy coder prepared for a set of tables."""

    def encoder(self) -> StreamEncoder:
        """A new empty encoder."""

    def decoder(self, data: bytes) -> StreamDecoder:
        """A decoder of bytes that `StreamEncoder.finish` returned; raises FormatError for impossible data."""

    def prefix_decoder(self, data: bytes) -> PrefixDecoder:
        """A decoder of the first bytes that `StreamEncoder.finish` returned."""
