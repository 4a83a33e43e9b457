"""Coding of latent symbols: grouped by scale, each group one run of the entropy coder."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcomp.entropy.backend import Backend, Decoder, Encoder
from lcomp.entropy.tables import Table
from lcomp.errors import FormatError

Symbols = NDArray[np.int16]
Indexes = NDArray[np.uint8]

MAX_SYMBOL = 2**15 - 1
"""Symbols are clamped to -MAX_SYMBOL .. MAX_SYMBOL."""

UNIFORM = np.full(256, 1, np.int64)
"""Table of raw bytes, which escaped symbols are written in; it follows the scale tables."""


class Run(NamedTuple):
    """Symbols of one scale."""

    scale: int
    places: NDArray[np.int64]  # where they stand in the flat array


def coder_tables(tables: tuple[Table, ...]) -> list[NDArray[np.int64]]:
    """The tables that a backend is prepared for: all scales, then raw bytes."""
    return [table.frequencies for table in tables] + [UNIFORM]


def runs(indexes: Indexes) -> Iterator[Run]:
    """Places of each scale in ascending order; scale 0 is not coded and left out."""
    order = np.argsort(indexes, kind="stable")
    counts = np.bincount(indexes, minlength=1)
    start = counts[0]
    for index in np.flatnonzero(counts[1:]) + 1:
        yield Run(int(index), order[start : start + counts[index]])
        start += counts[index]


def encode_symbols(encoder: Encoder, tables: tuple[Table, ...], symbols: Symbols, indexes: Indexes) -> None:
    """Append flat symbols with their scales; symbols at scale 0 must be zero."""
    escaped = []
    for index, places in runs(indexes):
        radius = tables[index].radius
        values = symbols[places].astype(np.int32)
        bins = values + radius
        outside = np.abs(values) > radius
        if outside.any():
            escaped.append(values[outside])
            bins[outside] = 2 * radius + 1
        encoder.put(index, bins)
    if escaped:
        raw = np.concatenate(escaped).astype("<i2").view(np.uint8)
        encoder.put(len(tables), raw.astype(np.int32))


def decode_symbols(decoder: Decoder, tables: tuple[Table, ...], indexes: Indexes) -> Symbols:
    """Inverse of `encode_symbols`: the flat symbols of the given scales; raises FormatError beyond MAX_SYMBOL."""
    symbols = np.zeros(indexes.shape, np.int16)
    escaped = []
    for index, places in runs(indexes):
        radius = tables[index].radius
        bins = decoder.get(index, len(places))
        symbols[places] = bins - radius
        outside = bins > 2 * radius
        if outside.any():
            escaped.append(places[outside])
    if escaped:
        places = np.concatenate(escaped)
        raw = decoder.get(len(tables), 2 * len(places))
        values = raw.astype(np.uint8).view("<i2")
        if values.min() < -MAX_SYMBOL:  # it has no magnitude in 16 bits
            raise FormatError("impossible symbol")
        symbols[places] = values
    return symbols


class LatentCoder:
    """The entropy layer of a model: tables and a backend, with encode and decode."""

    def __init__(self, tables: tuple[Table, ...], backend: Backend) -> None:
        self.tables = tables
        self.backend = backend

    def encode(self, groups: list[tuple[Symbols, Indexes]]) -> bytes:
        """Code groups of flat symbols and their scales into one stream."""
        encoder = self.backend.encoder()
        for symbols, indexes in groups:
            encode_symbols(encoder, self.tables, symbols, indexes)
        return encoder.finish()

    def decoder(self, stream: bytes) -> "LatentDecoder":
        """A decoder that returns the groups one by one."""
        return LatentDecoder(self.tables, self.backend.decoder(stream))


class LatentDecoder:
    """Reads the groups of a stream in order; the scales of a group may depend on earlier groups."""

    def __init__(self, tables: tuple[Table, ...], decoder: Decoder) -> None:
        self.tables = tables
        self.decoder = decoder

    def decode(self, indexes: Indexes) -> Symbols:
        """The next group's symbols for its scales."""
        return decode_symbols(self.decoder, self.tables, indexes)

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""
        self.decoder.finish()
