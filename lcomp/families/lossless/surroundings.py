"""The samples of one scale of a tile as far as they are decoded, with a mirrored margin for neighbours."""

from typing import NamedTuple

import torch
from torch import Tensor

from lcomp.families.lossless.lattice import MARGIN, Offset, band_of, neighbour


class Taps(NamedTuple):
    """What the samples of a pass are predicted from, in quarters of a grey level."""

    neighbours: Tensor  # int16 [K, h, w], relative to the mean of the four nearest in their plane
    mean: Tensor  # int16 [h, w]: that mean in the plane itself


class Surroundings:
    """Samples and residuals of all planes at one scale; whoever codes a pass puts them in."""

    def __init__(self, values: Tensor, residuals: Tensor, height: int, width: int) -> None:
        """Start a scale of `height` x `width` samples from those of the coarser one (int16 [C, h, w] each)."""
        shape = (len(values), height + 2 * MARGIN, width + 2 * MARGIN)
        self.values, self.residuals = (torch.zeros(shape, dtype=torch.int16, device=values.device) for _ in range(2))
        for canvas, coarse in ((self.values, values), (self.residuals, residuals)):
            inside(canvas)[:, ::2, ::2] = coarse
            mirror(canvas)

    def coarse_residuals(self, plane: int) -> Tensor:
        """Residuals (int16 [h, w]) of the samples of the coarser scale."""
        return inside(self.residuals)[plane, ::2, ::2]

    def neighbours(self, canvas: Tensor, band: int, plane: int, offsets: tuple[Offset, ...]) -> Tensor:
        """The neighbours [offsets, h, w] of all samples of a band."""
        return torch.stack([neighbour(canvas[plane], band, offset) for offset in offsets])

    def put(self, band: int, plane: int, values: Tensor, residuals: Tensor) -> None:
        """Enter the samples and residuals (int16 [h, w]) of a pass."""
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
