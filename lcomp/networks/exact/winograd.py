"""Exact 3x3 convolutions by Winograd's F(4x4, 3x3): a quarter of the products, and the same integers.

With 24 G in place of G (see `lcomp.networks.winograd`) all of it is integers, and the outputs are multiplied by 24^2.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.networks.winograd import FACTOR, INPUT, KERNEL, OUTPUT, SEEN, SIDE, both_ways

EXACT_BELOW = 2.0**53
"""Sums of integers below this are exact in float64, in whatever order."""

FEWEST = 32 * 32
"""Positions from which on this is worth its overhead."""


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
