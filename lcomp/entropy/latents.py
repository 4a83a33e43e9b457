"""Coding of latent symbols: groups arranged by table, each table one run of the entropy coder."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcomp.entropy.backend import Backend, StreamDecoder, StreamEncoder
from lcomp.entropy.tables import Table
from lcomp.errors import FormatError

Symbols = NDArray[np.int16]

MAX_SYMBOL = 2**15 - 1
"""Symbols are clamped to -MAX_SYMBOL .. MAX_SYMBOL."""

UNIFORM = np.full(256, 1, np.int64)
"""Uniform table for the bytes of escaped symbols; its index follows those of the scale tables."""

Counts = NDArray[np.int32]
"""How many symbols of a group each table has."""


class SymbolGroup(NamedTuple):
    """Symbols whose tables do not depend on one another, so that they are coded at once; in coding order."""

    symbols: Symbols  # [n]; those of scale 0, which are zero and not coded, come first
    counts: Counts


class TableRun(NamedTuple):
    """The symbols of a group that share a table."""

    table: int
    places: slice  # in coding order


def coder_tables(tables: tuple[Table, ...]) -> list[NDArray[np.int64]]:
    """The tables that a backend is prepared for: all scales, then raw bytes."""
    return [table.frequencies for table in tables] + [UNIFORM]


def runs(counts: Counts) -> Iterator[TableRun]:
    """Places of the symbols of each table in ascending order; scale 0 is not coded and left out."""
    ends = np.cumsum(counts).tolist()
    for table in (np.flatnonzero(counts[1:]) + 1).tolist():
        yield TableRun(table, slice(ends[table - 1], ends[table]))


def radii_of(tables: tuple[Table, ...], counts: Counts) -> NDArray[np.int32]:
    """The radius of each symbol's table, in coding order."""
    return np.repeat(np.array([table.radius for table in tables[: len(counts)]], np.int32), counts)


def encode_symbols(encoder: StreamEncoder, tables: tuple[Table, ...], group: SymbolGroup) -> None:
    """Append a group; symbols of scale 0 must be zero."""
    radii = radii_of(tables, group.counts)
    bins = group.symbols + radii
    outside = (bins < 0) | (bins > 2 * radii)
    escaped = outside.any()
    if escaped:
        bins[outside] = 2 * radii[outside] + 1
    for table, places in runs(group.counts):
        encoder.put(table, bins[places])
    if escaped:
        raw = group.symbols[outside].astype("<i2").view(np.uint8)
        encoder.put(len(tables), raw.astype(np.int32))


def decode_symbols(decoder: StreamDecoder, tables: tuple[Table, ...], counts: Counts) -> Symbols:
    """Inverse of `encode_symbols`: symbols [n] of a group in coding order; raises FormatError beyond MAX_SYMBOL."""
    radii = radii_of(tables, counts)
    bins = radii.copy()
    for table, places in runs(counts):
        bins[places] = decoder.get(table, places.stop - places.start)
    symbols = (bins - radii).astype(np.int16)
    escaped = np.flatnonzero(bins > 2 * radii)
    if len(escaped):
        raw = decoder.get(len(tables), 2 * len(escaped))
        values = raw.astype(np.uint8).view("<i2")
        if values.min() < -MAX_SYMBOL:  # -32768 has no magnitude in 16 bits
            raise FormatError("impossible symbol")
        symbols[escaped] = values
    return symbols


class LatentCoder:
    """The entropy layer of a model: tables and a backend, with encode and decode."""

    def __init__(self, tables: tuple[Table, ...], backend: Backend) -> None:
        self.tables = tables
        self.backend = backend

    def encode(self, groups: list[SymbolGroup]) -> bytes:
        """Code groups into one stream."""
        encoder = self.backend.encoder()
        for group in groups:
            encode_symbols(encoder, self.tables, group)
        return encoder.finish()

    def decoder(self, stream: bytes) -> "LatentDecoder":
        """A decoder that returns the groups one by one."""
        return LatentDecoder(self.tables, self.backend.decoder(stream))


class LatentDecoder:
    """Reads the groups of a stream in order; the scales of a group may depend on earlier groups."""

    def __init__(self, tables: tuple[Table, ...], decoder: StreamDecoder) -> None:
        self.tables = tables
        self.decoder = decoder

    def decode(self, counts: Counts) -> Symbols:
        """The next group's symbols in coding order, given the number of symbols of each table."""
        return decode_symbols(self.decoder, self.tables, counts)

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""
        self.decoder.finish()
