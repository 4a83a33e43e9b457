"""Pictures of 16 bits per sample as two of 8: the high bytes, which are coded as any picture is, and the low ones.

The low bytes are stored as `lcomp.pictures.stored` does it, minus the high ones shifted right. Samples of n bits are
usually widened by repeating their bits; shifted by n - 8, the high bytes predict all that is repeated.
"""

import numpy as np
from numpy.typing import NDArray

from lcomp.errors import FormatError
from lcomp.pictures.stored import read_stored, write_quickly, write_stored
from lcomp.types import Samples16

SAMPLE_ROWS = 64
"""Rows from the top, middle and bottom of a picture that decide how its low bytes are stored."""

SAMPLE_COLUMNS = 4096

MOST_SHIFT = 8
"""The largest shift, with which low bytes are stored as they are."""


def high_bytes(samples: Samples16) -> NDArray[np.uint8]:
    """The high bytes of some samples."""
    return (samples >> 8).astype(np.uint8)


def low_bytes(samples: Samples16) -> NDArray[np.uint8]:
    """The low bytes of some samples."""
    return (samples & 255).astype(np.uint8)


def joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> Samples16:
    """Samples of two bytes each."""
    return high.astype(np.uint16) << np.uint16(8) | low


def sampled(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Some rows of a plane or picture, one above the other; all of a small one."""
    if len(plane) <= 3 * SAMPLE_ROWS:
        return plane[:, :SAMPLE_COLUMNS]
    middle = (len(plane) - SAMPLE_ROWS) // 2
    rows = (plane[:SAMPLE_ROWS], plane[middle : middle + SAMPLE_ROWS], plane[-SAMPLE_ROWS:])
    return np.concatenate(rows)[:, :SAMPLE_COLUMNS]


def shifted(high: NDArray[np.uint8], shift: int) -> NDArray[np.uint8]:
    """High bytes shifted right by 0 to 8 bits."""
    return (high.astype(np.uint16) >> np.uint16(shift)).astype(np.uint8)


def residual(low: NDArray[np.uint8], high: NDArray[np.uint8], shift: int) -> NDArray[np.uint8]:
    """What a shift leaves of the low bytes, modulo 256."""
    return np.ascontiguousarray(low - shifted(high, shift))


def write_low(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> bytes:
    """The payload of a section of low bytes, a plane [H, W] or RGB [H, W, 3], over the high bytes of that shape."""
    some_low, some_high = sampled(low), sampled(high)
    shift = min(range(MOST_SHIFT + 1), key=lambda shift: len(write_quickly(residual(some_low, some_high, shift))))
    left = residual(low, high, shift)
    return bytes([shift]) + (write_stored(left) if left.any() else b"")


def read_low(
    payload: bytes, high: NDArray[np.uint8], size: tuple[int, int], place: tuple[slice, slice], what: str
) -> NDArray[np.uint8]:
    """The low bytes of a place (rows and columns) in a picture of a size (width and height), over its `high` bytes.

    Raises FormatError about `what` for anything else.
    """
    if not payload or payload[0] > MOST_SHIFT:
        raise FormatError(f"{what} of an impossible shift")
    predicted = shifted(high, payload[0])
    if len(payload) == 1:
        return predicted
    return predicted + read_stored(payload[1:], *size, 1 if high.ndim == 2 else 3, what)[place]
