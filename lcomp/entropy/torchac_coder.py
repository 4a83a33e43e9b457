"""Second backend: `torchac` (extra `lcomp[torchac]`), fed with rows of the same integer tables.

torchac compiles C++ when it is first imported, needs ninja on PATH at every import and prints to stdout;
it checks none of its input, so everything that reaches it is checked here.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcomp.entropy.backend import Bins
from lcomp.entropy.prefix import RunPrefixDecoder
from lcomp.entropy.tables import PRECISION
from lcomp.errors import FormatError, UnsupportedError
from lcomp.format.binary import Reader, write_varint

SLICE = 2**23
"""Largest number of CDF entries handed to torchac at once (16 MiB)."""


@contextlib.contextmanager
def silent_stdout() -> Iterator[None]:
    """Drop what this process and its children write to file descriptor 1."""
    if sys.stdout is None:  # closed: file descriptor 1 may be another file by now
        yield
        return
    sys.stdout.flush()
    saved, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
        os.close(sink)


def load_torchac() -> ModuleType:
    """Import torchac quietly; raises UnsupportedError where it is missing or cannot be compiled."""
    try:
        with silent_stdout():
            import torchac
    except ModuleNotFoundError as error:
        raise UnsupportedError("the torchac coder is not installed: pip install 'lcomp[torchac]'") from error
    except Exception as error:
        raise UnsupportedError(
            "torchac cannot be compiled: the lcomp[torchac] extra needs ninja and a C++ compiler"
        ) from error
    module: ModuleType = torchac
    return module


def cumulative_row(frequencies: NDArray[np.int64]) -> Tensor:
    """16-bit CDF [L + 1] of a table; the final 2^16 wraps to 0, as torchac expects."""
    scaled = frequencies * (2**PRECISION // frequencies.sum())
    cumulative = np.concatenate([[0], np.cumsum(scaled)])
    return torch.from_numpy(cumulative.astype(np.uint16).view(np.int16))


def slices(count: int, row: Tensor) -> Iterator[tuple[int, int]]:
    """Start and length of the pieces in which `count` symbols of one row are coded."""
    size = SLICE // len(row)
    for start in range(0, count, size):
        yield start, min(size, count - start)


class TorchacEncoder:
    """Every run is one or more length-prefixed torchac streams."""

    def __init__(self, torchac: ModuleType, rows: list[Tensor]) -> None:
        self.torchac, self.rows = torchac, rows
        self.parts: list[bytes] = []

    def put(self, table: int, bins: Bins) -> None:
        """Append a run of bins of one table."""
        row = self.rows[table]
        symbols = torch.from_numpy(bins.astype(np.int16))
        for start, count in slices(len(bins), row):
            cdf = row.expand(count, -1).contiguous()
            stream = self.torchac.encode_int16_normalized_cdf(cdf, symbols[start : start + count])
            self.parts += [write_varint(len(stream)), stream]

    def finish(self) -> bytes:
        """The coded bytes of all runs."""
        return b"".join(self.parts)


class TorchacDecoder:
    """Reads the streams back."""

    def __init__(self, torchac: ModuleType, rows: list[Tensor], data: bytes) -> None:
        self.torchac, self.rows = torchac, rows
        self.reader = Reader(data)

    def get(self, table: int, count: int) -> Bins:
        """The next `count` bins; raises FormatError where a stream is missing or has no length."""
        row = self.rows[table]
        bins = np.empty(count, np.int32)
        try:
            for start, size in slices(count, row):
                stream = self.reader.take(self.reader.varint("latents"), "latents")
                cdf = row.expand(size, -1).contiguous()
                bins[start : start + size] = self.torchac.decode_int16_normalized_cdf(cdf, stream).numpy()
        except FormatError as error:
            raise FormatError("impossible entropy-coded data") from error
        return bins

    def finish(self) -> None:
        """Raises FormatError where coded data is left over."""
        if self.reader.left:
            raise FormatError("entropy-coded data is left over")


class TorchacCoder:
    """Backend that keeps one CDF row per table."""

    def __init__(self, tables: list[NDArray[np.int64]]) -> None:
        self.torchac = load_torchac()
        self.rows = [cumulative_row(frequencies) for frequencies in tables]

    def encoder(self) -> TorchacEncoder:
        """A new empty encoder."""
        return TorchacEncoder(self.torchac, self.rows)

    def decoder(self, data: bytes) -> TorchacDecoder:
        """A decoder of bytes that `TorchacEncoder.finish` returned."""
        return TorchacDecoder(self.torchac, self.rows, data)

    def prefix_decoder(self, data: bytes) -> RunPrefixDecoder:
        """A decoder of the first bytes that `TorchacEncoder.finish` returned."""
        return RunPrefixDecoder(self.decoder(data))
