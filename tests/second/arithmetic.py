"""Integer arithmetic: A.1 of docs/FORMAT.md. Integers are int64, images are [channels, rows, columns]."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]
Array = NDArray[Any]

ACTIVATION = 2**17
"""Limit of everything between convolutions; 8 fractional bits."""
OUTPUT = 2**18
"""Limit of what a last layer says of means and scales; 12 fractional bits."""
MEAN = 2**20
"""Limit of means; 6 fractional bits."""
LOG_SCALE_MIN = -208694


def rs(v: Integers, n: int | Integers) -> Integers:
    """Divide by 2^n, n > 0, rounding half up."""
    return (v + (1 << (np.asarray(n) - 1))) >> n


def clamp(v: Integers, limit: int) -> Integers:
    """Clamp to [-limit, limit]."""
    return np.clip(v, -limit, limit)


def leaky(v: Integers) -> Integers:
    """The activation of the integer networks, of slope 1/8."""
    return np.maximum(v, rs(v, 3))


def index(log_scale: Integers) -> Integers:
    """Scale indexes of log2 scales of 12 fractional bits, relative to log2(0.11)."""
    return np.clip((6 * log_scale + 2**11) >> 12, 0, 63)


def shuffle(v: Array, r: int) -> Array:
    """Pixel shuffle by r: [c r^2, h, w] to [c, r h, r w]."""
    channels, rows, columns = v.shape
    split = v.reshape(channels // r**2, r, r, rows, columns)
    return split.transpose(0, 3, 1, 4, 2).reshape(channels // r**2, r * rows, r * columns)


def unshuffle(v: Array, r: int) -> Array:
    """The inverse of `shuffle`."""
    channels, rows, columns = v.shape
    split = v.reshape(channels, rows // r, r, columns // r, r)
    return split.transpose(0, 2, 4, 1, 3).reshape(channels * r**2, rows // r, columns // r)


def convolve(v: Array, weight: Array, wraps: bool = False) -> Array:
    """Cross-correlation with weights [O, I, k, k] in their floating point: stride 1, zeros beyond the edges.

    Where it `wraps`, the left and the right edge are neighbours.
    """
    rows, columns = v.shape[1:]
    k = weight.shape[2]
    beside = (k // 2, k // 2)
    padded = np.pad(v.astype(weight.dtype), ((0, 0), (0, 0), beside), mode="wrap" if wraps else "constant")
    padded = np.pad(padded, ((0, 0), beside, (0, 0)))
    total = np.zeros((len(weight), rows, columns), weight.dtype)
    for r in range(k):
        for c in range(k):
            total += np.tensordot(weight[:, :, r, c], padded[:, r : r + rows, c : c + columns], 1)
    return total


@dataclass(frozen=True)
class Layer:
    """A convolution of integers. Sums stay below 2^52, so that double precision holds them exactly."""

    weight: NDArray[np.float64]
    bias: Integers
    shift: int

    def __call__(self, v: Integers, source: int = 8, target: int = 8, limit: int = ACTIVATION) -> Integers:
        """From `source` fractional bits to `target`: A(v) of the page unless told otherwise."""
        total = convolve(v, self.weight).astype(np.int64) + self.bias[:, None, None]
        return clamp(rs(total, source + self.shift - target), limit)

    def output(self, v: Integers) -> Integers:
        """O(v) of the page."""
        return self(v, 8, 12, OUTPUT)


def at_quality(points: Integers, quality: Integers) -> Integers:
    """Integers [C, h, w] that a tensor [8, C] stands for at qualities [h, w] in thousandths."""
    step, part = np.divmod(np.maximum(quality - 1000, 0), 1000)
    here, beyond = points[step], points[np.minimum(step + 1, 7)]
    part = part[..., None]
    return ((2 * (here * (1000 - part) + beyond * part) + 1000) // 2000).transpose(2, 0, 1)


def pow2(exp2: Integers, logarithm: Integers, bits: int) -> Integers:
    """Powers of two of logarithms of 16 fractional bits, with so many fractional bits."""
    whole = logarithm >> 16
    rest = logarithm - (whole << 16)
    cell, f = rest >> 8, rest & 255
    return rs(exp2[cell] * (256 - f) + exp2[cell + 1] * f, 32 - bits - whole)


def of_positions(blocks: Integers, rows: int, columns: int) -> Integers:
    """The qualities of positions [rows, columns] of y, each that of its block."""
    return blocks.repeat(4, 0).repeat(4, 1)[:rows, :columns]


def parts(positions: Array, count: int) -> list[NDArray[np.bool_]]:
    """The positions [rows, columns] of each of 1, 2 or 4 parts, as masks."""
    odd_row, odd_column = np.indices(positions.shape) % 2
    if count == 1:
        return [np.ones(positions.shape, bool)]
    if count == 2:
        return [odd_row == odd_column, odd_row != odd_column]
    corners = ((0, 0), (1, 1), (0, 1), (1, 0))
    return [(odd_row == row) & (odd_column == column) for row, column in corners]
