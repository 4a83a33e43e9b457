"""Regions of interest and importance maps: which blocks of a picture are coded better than others.

Importance is a weight of the squared error. The lmbda of a block is that of the picture times the mean weight of its
pixels, which is best for the weighted error, and makes blocks at the border of a region a step between both sides.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lcomp.format.qualities import OFFSET_STEP, Offsets, within_range
from lcomp.format.tiles import UNIT
from lcomp.networks.blocks import STEEP
from lcomp.options import EncodeOptions, Region
from lcomp.pictures.panorama import Panorama
from lcomp.types import QUALITY_STEPS

WEIGHT = 100 ** (1 / 7)
"""By how much an error weighs more with every step of quality, as lmbda rises."""

FARTHEST = 8
"""Most steps of quality between what is important and what is not."""

NEUTRAL, LEVELS = 128, 64
"""Grey level that changes nothing, and how many more are worth a step of quality."""


def weights_of(importance: NDArray[np.generic]) -> NDArray[np.float32]:
    """Weights of an importance map: of grey levels, or of steps of quality in floats."""
    steps = importance.astype(np.float32)
    if importance.dtype == np.uint8:
        steps = (steps - np.float32(NEUTRAL)) / np.float32(LEVELS)
    return np.exp(steps.clip(-FARTHEST, FARTHEST) * np.float32(math.log(WEIGHT)))


def block_edges(size: int, block: int) -> NDArray[np.float64]:
    """Where the blocks of an axis begin, and where the last one ends."""
    return np.minimum(np.arange(-(-size // block) + 1) * block, size).astype(np.float64)


def shares(edges: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which share of each block lies in each of some intervals [blocks, intervals]."""
    shared = np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], starts)
    return shared.clip(0) / np.diff(edges)[:, None]


def share_inside(edges: NDArray[np.float64], start: int, end: int) -> NDArray[np.float64]:
    """Which share of each block lies in an interval [blocks, 1]; or of the interval in it, where that is smaller."""
    inside = shares(edges, np.array([float(start)]), np.array([float(end)]))
    lengths = np.diff(edges)[:, None]
    return inside * lengths / np.minimum(lengths, end - start)


def areas(edges: NDArray[np.float64], panorama: Panorama) -> NDArray[np.float64]:
    """How large a pixel is on the sphere, relative to one at the equator: the mean cosine of each block [blocks, 1]."""
    angles = panorama.top + (panorama.bottom - panorama.top) * edges / edges[-1]
    cosines = np.diff(np.sin(angles)) / np.diff(angles)
    return cosines.clip(WEIGHT**-FARTHEST)[:, None]


def cell_shares(edges: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Which share of each block lies in each of the cells that divide the axis evenly [blocks, cells]."""
    bounds = np.arange(cells + 1) * (edges[-1] / cells)
    return shares(edges, bounds[:-1], bounds[1:])


def with_region(
    weights: NDArray[np.float64], region: Region, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mean weights of blocks, those of a region taking the place of others."""
    x, y, across, down, steps = region
    covered = share_inside(rows, y, y + down) @ share_inside(columns, x, x + across).T
    return weights * (1 - covered) + WEIGHT**steps * covered


def quality_offsets(
    options: EncodeOptions,
    width: int,
    height: int,
    half: bool,
    panorama: Panorama | None = None,
    protected: tuple[Region, ...] = (),
) -> Offsets | None:
    """Offsets of the blocks of a picture, which is coded at `half` size or not; None where nothing asks for them.

    The rows of a panorama weigh as much as their area on the sphere does. What is `protected` weighs no less than an
    importance map says.

    >>> quality_offsets(EncodeOptions(roi=[(64, 0, 64, 64, 2.0)]), 192, 64, half=False)
    array([[ 0, 16,  0]], dtype=int8)
    """
    if not options.regional and not protected and panorama is None:
        return None
    rows, columns = (block_edges(size, 2 * UNIT if half else UNIT) for size in (height, width))
    weights = np.ones((len(rows) - 1, len(columns) - 1))
    if options.importance is not None:
        given = weights_of(options.importance)
        weights = cell_shares(rows, given.shape[0]) @ given @ cell_shares(columns, given.shape[1]).T
    for region in protected:
        weights = np.maximum(weights, with_region(weights, region, rows, columns))
    for region in options.regions:
        weights = with_region(weights, region, rows, columns)
    if panorama is not None:
        weights = weights * areas(rows, panorama)
    offsets = np.log(weights) * (QUALITY_STEPS / OFFSET_STEP / math.log(WEIGHT))
    return np.rint(offsets).astype(np.int8)


def by_lmbda(quality: int, offsets: Offsets) -> Offsets:
    """Offsets that change lmbda at a quality in thousandths as much as these do above q = 1, within the range.

    Below, lmbda falls STEEP times as steeply.

    >>> by_lmbda(2000, np.array([[8, -8, -16, -127]], np.int8))
    array([[  8,  -8, -10, -16]], dtype=int8)
    """
    start = min(quality, STEEP * quality - (STEEP - 1) * QUALITY_STEPS)
    aimed = start + OFFSET_STEP * offsets.astype(np.int64)
    found = np.maximum(aimed, (aimed + (STEEP - 1) * QUALITY_STEPS) / STEEP)
    changes = np.rint((found - quality) / OFFSET_STEP).clip(-128, 127)
    return within_range(quality, changes.astype(np.int8))
