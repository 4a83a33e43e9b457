"""Reading of a stream whose end has not arrived: only symbols that no continuation of the bytes could change."""

from typing import NamedTuple

import constriction
import numpy as np
from numpy.typing import NDArray

from lcomp.entropy.backend import Bins, PrefixDecoder, StreamDecoder
from lcomp.entropy.latents import MAX_SYMBOL, Counts, Symbols, radii_of, runs
from lcomp.entropy.tables import Table
from lcomp.errors import FormatError


class KnownSymbols(NamedTuple):
    """Symbols of a group in coding order, and which of them are known; the others are zero."""

    symbols: Symbols  # [n]
    known: NDArray[np.bool_]  # [n]


class LatentPrefix:
    """Reads the groups of a stream in order, as far as it goes; symbols beyond are zero, and then `ended` is true."""

    def __init__(self, tables: tuple[Table, ...], decoder: PrefixDecoder) -> None:
        self.tables, self.decoder = tables, decoder
        self.ended = False

    def take(self, table: int, count: int) -> Bins:
        """The next `count` bins of a table, or fewer at the end."""
        known = self.decoder.get(table, count)
        self.ended = len(known) < count
        return known

    def decode(self, counts: Counts) -> KnownSymbols:
        """The next group's symbols in coding order, given the number of symbols of each table."""
        radii = radii_of(self.tables, counts)
        bins, known = radii.copy(), np.zeros(len(radii), bool)
        known[: counts[0]] = True
        for table, places in runs(counts):
            if self.ended:
                break
            certain = self.take(table, places.stop - places.start)
            here = slice(places.start, places.start + len(certain))
            bins[here], known[here] = certain, True
        symbols = (bins - radii).astype(np.int16)
        escaped = np.flatnonzero(bins > 2 * radii)
        symbols[escaped], known[escaped] = 0, False
        if len(escaped) and not self.ended:
            raw = self.take(len(self.tables), 2 * len(escaped))
            values = raw[: len(raw) // 2 * 2].astype(np.uint8).view("<i2")
            found = escaped[: len(values)]
            symbols[found], known[found] = np.maximum(values, -MAX_SYMBOL), True
        return KnownSymbols(symbols, known)

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""
        if not self.ended:
            self.decoder.finish()


class RangePrefixDecoder:
    """PrefixDecoder of the `constriction` backend.

    What has not arrived may be anything between zero bits and one bits. Symbols are ordered as the code is, so those
    that both ends decode to alike are those of everything in between.
    """

    ONES = np.full(4, 2**32 - 1, np.uint32)
    """More words than the coder looks ahead."""

    def __init__(self, models: list[constriction.stream.model.Categorical], data: bytes) -> None:
        """Words come with their lowest byte first: one that is incomplete says nothing."""
        self.models = models
        words = np.frombuffer(data[: len(data) // 4 * 4], "<u4").astype(np.uint32)
        both = words, np.append(words, self.ONES)
        self.ends = tuple(map(constriction.stream.queue.RangeDecoder, both))

    def attempt(self, table: int, count: int) -> Bins | None:
        """The next `count` bins, None where they are not all certain; the decoders stay where they are."""
        try:
            low, high = (end.clone().decode(self.models[table], count) for end in self.ends)
        except AssertionError:  # no encoder could have written this continuation
            return None
        return low if np.array_equal(low, high) else None

    def get(self, table: int, count: int) -> Bins:
        """The next bins of a table: fewer than `count` where no more are certain."""
        known = self.attempt(table, count)
        if known is None:
            certain, uncertain = 0, count
            while uncertain - certain > 1:
                middle = (certain + uncertain) // 2
                if self.attempt(table, middle) is None:
                    uncertain = middle
                else:
                    certain = middle
            known = self.attempt(table, certain)
            assert known is not None, "the shorter run was certain a moment ago"
        for end in self.ends:
            end.decode(self.models[table], len(known))
        return known

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""
        if not self.ends[0].maybe_exhausted():
            raise FormatError("entropy-coded data is left over")


class RunPrefixDecoder:
    """PrefixDecoder of a backend that codes every run on its own: one that is incomplete is left out."""

    def __init__(self, decoder: StreamDecoder) -> None:
        self.decoder = decoder

    def get(self, table: int, count: int) -> Bins:
        """The next bins of a table, none where the run has not arrived."""
        try:
            return self.decoder.get(table, count)
        except FormatError:
            return np.empty(0, np.int32)

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""
        self.decoder.finish()
