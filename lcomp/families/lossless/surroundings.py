"""The samples of one scale of a tile as far as they are decoded, with a mirrored margin for neighbours.

Samples and residuals are integers that float32 holds exactly, because what follows multiplies them.
"""

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.families.lossless.lattice import MARGIN, ROWS_AND_COLUMNS, Offset, band_of

AREA = 8
"""Side of the area of the coarser samples whose mean residual tells the texture around a sample."""


class Surroundings:
    """Samples and residuals of all planes at one scale; whoever codes a pass puts them in."""

    def __init__(self, values: Tensor, residuals: Tensor, height: int, width: int) -> None:
        """Start a scale of `height` x `width` samples from those of the coarser one (float32 [C, h, w] each)."""
        self.height, self.width = height, width
        shape = (len(values), height + 2 * MARGIN, width + 2 * MARGIN)
        self.values, self.residuals = (torch.zeros(shape, device=values.device) for _ in range(2))
        self.coarse_residuals = residuals
        for canvas, coarse in ((self.values, values), (self.residuals, residuals)):
            inside(canvas)[:, ::2, ::2] = coarse
            mirror(canvas)

    @cached_property
    def textures(self) -> tuple[Tensor, ...]:
        """By plane, the mean magnitude (float32 [h, w]) of the residuals around those of the coarser scale."""
        return tuple(mean_around(plane) for plane in self.coarse_residuals)

    def shape_of(self, band: int) -> tuple[int, int]:
        """Rows and columns of a band."""
        row, column = ROWS_AND_COLUMNS[band]
        return (self.height - row + 1) // 2, (self.width - column + 1) // 2

    def neighbours(
        self, canvas: Tensor, band: int, plane: int, offsets: tuple[Offset, ...], rows: slice, out: Tensor
    ) -> Tensor:
        """The neighbours of samples in some rows of a band, of `values` or `residuals`, into `out` [offsets, h, w]."""
        (row, column), stride = ROWS_AND_COLUMNS[band], canvas.shape[2]
        shape = len(range(rows.start, rows.stop, rows.step)), self.shape_of(band)[1]
        first = (plane * canvas.shape[1] + MARGIN + row + 2 * rows.start) * stride + MARGIN + column
        # views by hand, because there are many, and slicing costs more than copying what they show
        views = [
            canvas.as_strided(shape, (2 * rows.step * stride, 2), first + offset.row * stride + offset.column)
            for offset in offsets
        ]
        return torch.stack(views, out=out)

    def put(self, band: int, plane: int, values: Tensor, residuals: Tensor) -> None:
        """Enter the samples and residuals ([h, w]) of a pass."""
        for canvas, part in ((self.values, values), (self.residuals, residuals)):
            band_of(inside(canvas)[plane], band).copy_(part)
            mirror(canvas[plane])


def inside(canvas: Tensor) -> Tensor:
    """A canvas without its margin, as a view."""
    return canvas[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def mirror(canvas: Tensor) -> None:
    """Fill the margin of a canvas, mirrored so that each sample stays on its lattice; in place."""
    for axis in (-2, -1):
        length = canvas.shape[axis]
        before = canvas.narrow(axis, MARGIN + 1, MARGIN).flip(axis)
        after = canvas.narrow(axis, length - 2 * MARGIN - 1, MARGIN).flip(axis)
        canvas.narrow(axis, 0, MARGIN).copy_(before)
        canvas.narrow(axis, length - MARGIN, MARGIN).copy_(after)


def mean_around(residuals: Tensor) -> Tensor:
    """Mean magnitude (float32 [h, w]) of the AREA x AREA residuals around those of a plane [h, w]."""
    before, after = (AREA - 1) // 2, AREA // 2
    height, width = residuals.shape
    rows = torch.arange(-before, height + after, device=residuals.device).clamp_(0, height - 1)
    columns = torch.arange(-before, width + after, device=residuals.device).clamp_(0, width - 1)
    padded = residuals.abs().int().index_select(0, rows).index_select(1, columns)
    sums = F.pad(padded.cumsum(0, dtype=torch.int32), (0, 0, 1, 0))
    sums = sums[AREA:] - sums[:-AREA]
    sums = F.pad(sums.cumsum(1, dtype=torch.int32), (1, 0))
    return ((sums[:, AREA:] - sums[:, :-AREA]) >> 6).float()
