"""3x3 convolutions by Winograd's F(4x4, 3x3) (Lavin 2016): a quarter of the products, on CPUs.

    d 6x6 input, w 3x3 weights -> A^T [(G w G^T) * (B^T d B)] A, 4x4 outputs

torch has it for no convolution on CPUs. Rows and columns are transformed by one matrix product, the rest is one product
for each of the 36 places. Strips of rows keep all of it in the cache.
"""

from collections.abc import Callable
from functools import cache, cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE, SEEN = 4, 6
"""Sides of the squares that are computed at once, and of what they see of the input."""

FACTOR = 24
"""What makes integers of the transformed weights, per direction."""

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

FEWEST_CHANNELS, FEWEST_POSITIONS = 128, 32 * 48
"""Channels and positions from which on this is worth its overhead."""

STRIP = 64
"""Squares of a strip, for each thread."""

Finish = Callable[[Tensor, slice], None]
"""Completes some rows [rows, columns, C] of a convolution in place, told which of the picture's rows these are."""


@cache
def both_ways(matrix: tuple[tuple[int, ...], ...], kind: torch.dtype = torch.float64) -> Tensor:
    """A transform of rows and columns as one matrix, of squares in row-major order."""
    square = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(square, square).to(kind)


def transformed(weight: Tensor) -> Tensor:
    """Weights [out, in, 3, 3], best channels last, as [36, in, out] for `convolve`."""
    kernel = (both_ways(KERNEL) / FACTOR**2).to(weight.dtype)
    made = torch.mm(kernel, weight.permute(2, 3, 0, 1).reshape(9, -1))
    return made.view(-1, *weight.shape[:2]).transpose(1, 2)


def convolve(x: Tensor, weight: Tensor, finish: Finish) -> Tensor:
    """The convolution [h, w, out], zero-padded, of features [h, w, in] with `transformed` weights."""
    height, width, channels = x.shape
    outputs = weight.shape[2]
    down, across = -(-height // SIDE), -(-width // SIDE)
    margin = SEEN - SIDE - 1
    padded = F.pad(x, (0, 0, 1, SIDE * across + margin - width, 1, SIDE * down + margin - height))
    row, column, _ = padded.stride()
    out = x.new_empty(SIDE * down, SIDE * across, outputs)
    rows = min(down, max(1, STRIP * torch.get_num_threads() // across))
    # fresh memory for every strip would cost as much as the arithmetic in it
    buffers = x.new_empty(2, SEEN**2 * rows * across * max(channels, outputs))
    for first in range(0, down, rows):
        count = min(rows, down - first)
        squares = count * across
        seen, other = (buffer[: SEEN**2 * squares * channels].view(SEEN**2, -1) for buffer in buffers)
        product = buffers[0, : SEEN**2 * squares * outputs].view(SEEN**2, -1)
        made = buffers[1, : SIDE**2 * squares * outputs].view(SIDE**2, -1)
        strides = (row, column, SIDE * row, SIDE * column, 1)
        here = padded.as_strided((SEEN, SEEN, count, across, channels), strides, SIDE * first * row)
        seen.view(here.shape).copy_(here)
        torch.mm(both_ways(INPUT, x.dtype), seen, out=other)
        torch.bmm(other.view(-1, squares, channels), weight, out=product.view(-1, squares, outputs))
        torch.mm(both_ways(OUTPUT, x.dtype), product, out=made)
        part = out[SIDE * first : SIDE * (first + count)]
        part.view(count, SIDE, across, SIDE, outputs).copy_(
            made.view(SIDE, SIDE, count, across, outputs).permute(2, 0, 3, 1, 4)
        )
        shown = slice(SIDE * first, min(SIDE * (first + count), height))
        finish(part[: shown.stop - shown.start, :width], shown)
    return out[:height, :width]


class WinogradBlock:
    """A residual block whose weights are final: see `lcomp.networks.blocks.ResidualBlock`."""

    def __init__(self, first: nn.Conv2d, second: nn.Conv2d) -> None:
        self.first, self.second = first, second

    @cached_property
    def weights(self) -> tuple[Tensor, Tensor]:
        """Of both convolutions, `transformed` when they are first needed."""
        return transformed(self.first.weight), transformed(self.second.weight)

    def suits(self, x: Tensor, scale: Tensor) -> bool:
        """Whether features x [B, C, h, w] are computed faster this way, given the scale of the hidden channels."""
        alone = not torch.is_grad_enabled() and len(x) == 1 and x.device.type == "cpu" and x.dtype == torch.float32
        large = x.shape[1] >= FEWEST_CHANNELS and x.shape[2] * x.shape[3] >= FEWEST_POSITIONS
        has_mkl: bool = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        fast = has_mkl and not torch.is_autocast_enabled("cpu")
        return alone and large and fast and scale.shape[2:] == (1, 1)

    def __call__(self, x: Tensor, scale: Tensor, slope: float) -> Tensor:
        """Transform x [1, C, h, w], its hidden channels scaled by [1, C, 1, 1]."""
        features, factors = x[0].permute(1, 2, 0), scale.flatten()
        before, after = self.first.bias, self.second.bias
        assert before is not None
        assert after is not None

        def activate(part: Tensor, rows: slice) -> None:
            F.leaky_relu_(part.add_(before), slope).mul_(factors)

        def add(part: Tensor, rows: slice) -> None:
            part.add_(after).add_(features[rows])

        first, second = self.weights
        return convolve(convolve(features, first, activate), second, add).permute(2, 0, 1)[None]
