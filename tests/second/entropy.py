"""Symbols from a stream: A.7 of docs/FORMAT.md."""

import itertools
import struct
from bisect import bisect_right
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from second.arithmetic import Integers
from second.container import Bytes, DamagedError
from second.tables import BYTES, Table

Mask = NDArray[np.bool_]

BITS_64 = 2**64 - 1
BITS_32 = 2**32 - 1


class Coder(Protocol):
    """What decodes runs of entries of one table."""

    def run(self, table: Table, count: int) -> list[int]:
        """The next entries; fewer where the stream is a prefix that does not tell them."""

    def finish(self) -> None:
        """DamagedError if data is left over."""


class RangeDecoder:
    """The range coder of constriction: words of 32 bits, a state of 64 bits, a precision of 24 bits."""

    def __init__(self, stream: bytes, beyond: int = 0) -> None:
        stream += bytes(-len(stream) % 4)
        self.beyond = beyond
        self.words = struct.unpack(f"<{len(stream) // 4}I", stream)
        self.read = 0
        self.lower = 0
        self.range = BITS_64
        self.point = (self.word() << 32) | self.word()
        self.started = False

    def word(self) -> int:
        """The next word; beyond the end they are zero, unless told otherwise."""
        self.read += 1
        return self.words[self.read - 1] if self.read <= len(self.words) else self.beyond

    def run(self, table: Table, count: int) -> list[int]:
        """The next entries."""
        weights = table.weights
        self.started |= count > 0
        return [self.entry(weights) for _ in range(count)]

    def entry(self, weights: list[int]) -> int:
        """One entry."""
        unit = self.range >> 24
        quantile = ((self.point - self.lower) & BITS_64) // unit
        if quantile >= 2**24:
            raise DamagedError("a stream that nothing is coded as")
        entry = bisect_right(weights, quantile) - 1
        self.lower = (self.lower + unit * weights[entry]) & BITS_64
        self.range = unit * (weights[entry + 1] - weights[entry])
        if self.range < 2**32:
            self.lower = (self.lower << 32) & BITS_64
            self.range <<= 32
            self.point = ((self.point << 32) & BITS_64) | self.word()
        return entry

    def finish(self) -> None:
        """DamagedError if data is left over."""
        if self.read < len(self.words) or (self.started and ((self.point - self.lower) & BITS_64) >= 2**33 - 1):
            raise DamagedError("data is left over after the last symbol")


class TorchacDecoder:
    """The arithmetic coder of torchac: 32 bits, a precision of 16 bits; every run is a stream of its own."""

    def __init__(self, stream: bytes) -> None:
        self.streams = Bytes(stream)

    def run(self, table: Table, count: int) -> list[int]:
        """The next entries, in pieces of limited length."""
        most = 2**23 // (table.entries + 1)
        entries: list[int] = []
        while len(entries) < count:
            piece = self.streams.take(self.streams.varint())
            entries += decode_piece(piece, table.cumulative, min(most, count - len(entries)))
        return entries

    def finish(self) -> None:
        """DamagedError if data is left over."""
        if self.streams.at < len(self.streams.data):
            raise DamagedError("data is left over after the last symbol")


def decode_piece(piece: bytes, cumulative: list[int], count: int) -> list[int]:
    """The entries of one stream of torchac's."""
    bits = itertools.chain(np.unpackbits(np.frombuffer(piece, np.uint8)).tolist(), itertools.repeat(0))
    low, high, value = 0, BITS_32, 0
    for _ in range(32):
        value = (value << 1) | next(bits)
    entries = []
    for _ in range(count):
        span = high - low + 1
        entry = bisect_right(cumulative, ((value - low + 1) * 2**16 - 1) // span) - 1
        entries.append(entry)
        high = low - 1 + ((span * cumulative[entry + 1]) >> 16)
        low = low + ((span * cumulative[entry]) >> 16)
        while True:
            if high < 2**31 or low >= 2**31:
                low = (low << 1) & BITS_32
                high = ((high << 1) & BITS_32) | 1
                value = ((value << 1) & BITS_32) | next(bits)
            elif low >= 2**30 and high < 3 * 2**30:
                low = (low << 1) & (2**31 - 1)
                high = ((high << 1) | 2**31 | 1) & BITS_32
                value = ((value - 2**30) << 1) | next(bits)
            else:
                break
    return entries


def decode_group(coder: Coder, tables: list[Table], indexes: Integers) -> tuple[Integers, Mask]:
    """The symbols of a group, each of which has the table of its index, and which of them the stream tells.

    Those of table 0 are 0, and so are those that a prefix does not tell.
    """
    used = indexes.reshape(-1)
    symbols, known = np.zeros(used.size, np.int64), np.ones(used.size, bool)
    escaped = [np.zeros(0, np.int64)]
    for table_index in np.unique(used[used > 0]):
        places = np.flatnonzero(used == table_index)
        table = tables[table_index]
        entries = np.array(coder.run(table, places.size), np.int64)
        told = places[: entries.size]
        known[places[entries.size :]] = False
        symbols[told] = entries - table.radius
        escaped.append(told[entries == table.entries - 1])
    if (places := np.concatenate(escaped)).size:
        pairs = np.array(coder.run(BYTES, 2 * places.size), np.uint8)
        values = pairs[: pairs.size // 2 * 2].view("<i2")
        symbols[places], known[places] = 0, False
        symbols[places[: values.size]], known[places[: values.size]] = values, True
        if (values == -32768).any():
            raise DamagedError("a symbol beyond the limits")
    return symbols.reshape(indexes.shape), known.reshape(indexes.shape)
