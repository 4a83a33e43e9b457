"""Default backend: the range coder of `constriction` (its exact version is part of the format)."""

import constriction
import numpy as np
from numpy.typing import NDArray

from lcomp.entropy.backend import Bins
from lcomp.entropy.prefix import RangePrefixDecoder
from lcomp.errors import FormatError


class RangeEncoder:
    """StreamEncoder of the `constriction` backend."""

    def __init__(self, models: list[constriction.stream.model.Categorical]) -> None:
        self.models = models
        self.coder = constriction.stream.queue.RangeEncoder()

    def put(self, table: int, bins: Bins) -> None:
        """Append a run of bins of one table."""
        self.coder.encode(bins, self.models[table])

    def finish(self) -> bytes:
        """The coded 32-bit words as little-endian bytes, without the trailing zero bytes."""
        words: NDArray[np.uint32] = self.coder.get_compressed()
        return words.astype("<u4").tobytes().rstrip(b"\0")


class RangeDecoder:
    """StreamDecoder of the `constriction` backend."""

    def __init__(self, models: list[constriction.stream.model.Categorical], data: bytes) -> None:
        self.models = models
        words = np.frombuffer(data + b"\0" * (-len(data) % 4), "<u4").astype(np.uint32)
        self.coder = constriction.stream.queue.RangeDecoder(words)

    def get(self, table: int, count: int) -> Bins:
        """The next `count` bins; raises FormatError where the coder meets an impossible state."""
        try:
            bins: Bins = self.coder.decode(self.models[table], count)
        except AssertionError as error:
            raise FormatError("impossible entropy-coded data") from error
        return bins

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""
        if not self.coder.maybe_exhausted():
            raise FormatError("entropy-coded data is left over")


class RangeCoder:
    """Backend that builds one categorical model per table, once."""

    def __init__(self, tables: list[NDArray[np.int64]]) -> None:
        self.models = [
            constriction.stream.model.Categorical(frequencies / frequencies.sum(), perfect=False)
            for frequencies in tables
        ]

    def encoder(self) -> RangeEncoder:
        """A new empty encoder."""
        return RangeEncoder(self.models)

    def decoder(self, data: bytes) -> RangeDecoder:
        """A decoder of bytes that `RangeEncoder.finish` returned."""
        return RangeDecoder(self.models, data)

    def prefix_decoder(self, data: bytes) -> RangePrefixDecoder:
        """A decoder of the first bytes that `RangeEncoder.finish` returned."""
        return RangePrefixDecoder(self.models, data)
