"""The order of coding: at every scale, three bands of a lazy wavelet between the samples of the coarser scale.

The samples of even row and even column make up the next scale. The others are coded band by band, and within a band
plane by plane, each in one pass: what a sample is predicted from surrounds it, without a causal neighbourhood.
"""

from typing import NamedTuple

from torch import Tensor

SCALES = 5
"""Most scales: the samples that are left at last are one in 4^SCALES."""

LEAST_SIDE = 8
"""Smallest side of a scale that is coded by prediction."""

MARGIN = 3
"""Samples by which neighbours may lie outside."""

ROWS_AND_COLUMNS = ((1, 1), (0, 1), (1, 0))
"""First row and column of the bands, in coding order."""

BANDS = len(ROWS_AND_COLUMNS)


class PyramidPass(NamedTuple):
    """Which samples are coded together."""

    scale: int
    band: int
    plane: int


class Offset(NamedTuple):
    """Where a neighbour lies."""

    row: int
    column: int


def is_known(offset: Offset, band: int, same_band: bool) -> bool:
    """Whether the neighbour of a sample of a band is decoded before it; those of its band only in earlier planes."""
    row, column = ROWS_AND_COLUMNS[band]
    lattice = (row + offset.row) % 2, (column + offset.column) % 2
    if lattice == (0, 0):
        return True
    other = ROWS_AND_COLUMNS.index(lattice)
    return other < band or (same_band and other == band)


def nearest(band: int, count: int, same_band: bool) -> tuple[Offset, ...]:
    """The offsets of the nearest known neighbours, in ascending order of distance."""
    reach = range(-MARGIN, MARGIN + 1)
    offsets = [Offset(row, column) for row in reach for column in reach]
    known = [offset for offset in offsets if is_known(offset, band, same_band)]
    return tuple(sorted(known, key=lambda o: (o.row**2 + o.column**2, abs(o.row), o))[:count])


OWN = tuple(nearest(band, 16, same_band=False) for band in range(BANDS))
"""Neighbours in the plane itself, by band."""

OTHER = tuple(nearest(band, 9, same_band=True) for band in range(BANDS))
"""Neighbours in an earlier plane, by band: the first lies at the same place."""


def scales_of(height: int, width: int) -> int:
    """Number of scales of a tile that are coded by prediction."""
    scales = 0
    while scales < SCALES and min(-(-height >> scales), -(-width >> scales)) >= LEAST_SIDE:
        scales += 1
    return scales


def at_scale(planes: Tensor, scale: int) -> Tensor:
    """The samples [..., h, w] of planes [..., H, W] that belong to a scale, as a view."""
    return planes[..., :: 2**scale, :: 2**scale]


def band_of(samples: Tensor, band: int) -> Tensor:
    """The samples [..., h, w] of a band of a scale, as a view."""
    row, column = ROWS_AND_COLUMNS[band]
    return samples[..., row::2, column::2]
