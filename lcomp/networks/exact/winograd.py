"""Exact 3x3 convolutions by Winograd's F(4x4, 3x3) (Lavin 2016): a quarter of the products, and the same integers.

    d 6x6 input, w 3x3 weights -> A^T [(G w G^T) * (B^T d B)] A, 4x4 outputs

With 24 G in place of G all of it is integers, and the outputs are multiplied by 24^2.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE, SEEN = 4, 6
"""Sides of the squares that are computed at once, and of what they see of the input."""

FACTOR = 24
"""What makes integers of the transformed weights, per direction."""

EXACT_BELOW = 2.0**53
"""Sums of integers below this are exact in float64, in whatever order."""

FEWEST = 32 * 32
"""Positions from which on this is worth its overhead."""

INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
KERNEL = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))
OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
"""B^T, 24 G and A^T."""


@cache
def both_ways(matrix: tuple[tuple[int, ...], ...]) -> Tensor:
    """A transform of rows and columns as one float64 matrix, of squares in row-major order."""
    square = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(square, square)


def worthwhile(value: Tensor) -> bool:
    """Whether values [B, C, h, w] are convolved faster this way: on CPUs, and large enough."""
    return value.device.type == "cpu" and len(value) == 1 and value.shape[2] * value.shape[3] >= FEWEST


def transformed(weight: Tensor, largest: float) -> Tensor | None:
    """Integer weights [out, in, 3, 3] as [36, out, in] for `convolve`; None where other kernels, or not exact.

    It is exact where no sum over any part of its terms can reach 2^53, for inputs of magnitudes up to `largest`.
    """
    outputs, inputs, *kernel = weight.shape
    if kernel != [3, 3]:
        return None
    ready = torch.mm(both_ways(KERNEL), weight.reshape(-1, 9).T).view(-1, outputs, inputs)
    seen = both_ways(INPUT).abs().sum(1) * largest
    products = ready.abs().sum(2) * seen[:, None]
    sums = torch.mm(both_ways(OUTPUT).abs(), products)
    return ready if max(products.max(), sums.max()) < EXACT_BELOW else None


def convolve(value: Tensor, weight: Tensor) -> Tensor:
    """The convolution [1, out, h, w], zero-padded, of integers [1, in, h, w] with `transformed` weights.

    It is to be rounded, because it is divided by the factor of the weights.
    """
    _, channels, height, width = value.shape
    down, across, outputs = -(-height // SIDE), -(-width // SIDE), weight.shape[1]
    margin = SEEN - SIDE - 1
    padded = F.pad(value, (1, SIDE * across + margin - width, 1, SIDE * down + margin - height))
    _, plane, row, column = padded.stride()
    seen = padded.as_strided(
        (SEEN, SEEN, channels, down, across), (row, column, plane, SIDE * row, SIDE * column)
    ).reshape(SEEN**2, -1)
    seen = torch.mm(both_ways(INPUT), seen).view(SEEN**2, channels, -1)
    total = torch.mm(both_ways(OUTPUT), torch.bmm(weight, seen).view(SEEN**2, -1))
    squares = total.mul_(FACTOR**-2).view(SIDE, SIDE, outputs, down, across)
    whole = squares.permute(2, 3, 0, 4, 1).reshape(1, outputs, SIDE * down, SIDE * across)
    return whole[:, :, :height, :width]
