"""Pictures of 16 bits per sample as two of 8: the high bytes, which are coded as any picture is, and the low ones.

The low bytes are stored as `lcomp.pictures.stored` does it, as they are or minus the high ones, whichever is smaller.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lcomp.errors import FormatError
from lcomp.pictures.stored import WEBP_SIDE, read_stored, write_quickly, write_stored
from lcomp.types import Samples16

SAMPLE_ROWS = 64
"""Rows from the top, middle and bottom of a picture that decide how its low bytes are stored."""


class Form(IntEnum):
    """What low bytes are stored as: the first byte of their section."""

    PLAIN = 0
    MINUS_HIGH = 1  # modulo 256
    REPEATED = 2  # equal to the high ones, as in 8-bit pictures that were widened: nothing follows


def high_bytes(samples: Samples16) -> NDArray[np.uint8]:
    """The high bytes of some samples."""
    return (samples >> 8).astype(np.uint8)


def low_bytes(samples: Samples16) -> NDArray[np.uint8]:
    """The low bytes of some samples."""
    return (samples & 255).astype(np.uint8)


def joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> Samples16:
    """Samples of two bytes each."""
    return high.astype(np.uint16) << np.uint16(8) | low


def sampled_rows(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Some rows of a plane or picture, one above the other; all of a small one."""
    if len(plane) <= 3 * SAMPLE_ROWS:
        return plane[:, :WEBP_SIDE]
    middle = (len(plane) - SAMPLE_ROWS) // 2
    rows = (plane[:SAMPLE_ROWS], plane[middle : middle + SAMPLE_ROWS], plane[-SAMPLE_ROWS:])
    return np.concatenate(rows)[:, :WEBP_SIDE]


def write_low(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> bytes:
    """The payload of a section of low bytes, a plane [H, W] or RGB [H, W, 3], over the high bytes of that shape."""
    difference = low - high
    if not difference.any():
        return bytes([Form.REPEATED])
    # noise takes the same either way, and is left as it is
    quick = {Form.PLAIN: low, Form.MINUS_HIGH: difference}
    form = min(quick, key=lambda form: len(write_quickly(np.ascontiguousarray(sampled_rows(quick[form])))))
    return bytes([form]) + write_stored(np.ascontiguousarray(quick[form]))


def read_low(
    payload: bytes, high: NDArray[np.uint8], size: tuple[int, int], place: tuple[slice, slice], what: str
) -> NDArray[np.uint8]:
    """The low bytes of a place (rows and columns) in a picture of a size (width and height), over its `high` bytes.

    Raises FormatError about `what` for anything else.
    """
    form, stored = payload[:1], payload[1:]
    if form == bytes([Form.REPEATED]) and not stored:
        return high.copy()
    if form not in (bytes([Form.PLAIN]), bytes([Form.MINUS_HIGH])):
        raise FormatError(f"{what} of unknown form")
    low = read_stored(stored, *size, 1 if high.ndim == 2 else 3, what)[place]
    return low + high if form[0] == Form.MINUS_HIGH else low
