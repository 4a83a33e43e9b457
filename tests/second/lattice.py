"""The samples around a sample, and what is predicted of them: B.2 to B.4 of docs/FORMAT.md."""

import numpy as np

from second.arithmetic import Integers

PARITIES = [(1, 1), (0, 1), (1, 0)]
"""Row and column of the samples of each band, modulo 2."""


def offsets(text: str) -> list[tuple[int, int]]:
    """Offsets (row, column) as the page writes them."""
    return [(int(row), int(column)) for row, column in (pair[1:-1].split(",") for pair in text.split())]


OWN = [
    offsets(
        "(-1,-1) (-1,1) (1,-1) (1,1) (-1,-3) (-1,3) (1,-3) (1,3) "
        "(-3,-1) (-3,1) (3,-1) (3,1) (-3,-3) (-3,3) (3,-3) (3,3)"
    ),
    offsets(
        "(0,-1) (0,1) (-1,0) (1,0) (-1,-2) (-1,2) (1,-2) (1,2) (-2,-1) (-2,1) (2,-1) (2,1) (0,-3) (0,3) (-3,0) (3,0)"
    ),
    offsets(
        "(0,-1) (0,1) (-1,0) (1,0) (-1,-1) (-1,1) (1,-1) (1,1) (-1,-2) (-1,2) (1,-2) (1,2) (-2,-1) (-2,1) (2,-1) (2,1)"
    ),
]
OTHER = [
    offsets("(0,0) (-1,-1) (-1,1) (1,-1) (1,1) (0,-2) (0,2) (-2,0) (2,0)"),
    offsets("(0,0) (0,-1) (0,1) (-1,0) (1,0) (0,-2) (0,2) (-2,0) (2,0)"),
    offsets("(0,0) (0,-1) (0,1) (-1,0) (1,0) (-1,-1) (-1,1) (1,-1) (1,1)"),
]
"""The neighbours of each band's samples, by rising band."""


def number_of_scales(height: int, width: int) -> int:
    """S: how many scales are coded by prediction."""
    scales = 0
    while scales < 5 and min(-(-height // 2**scales), -(-width // 2**scales)) >= 8:
        scales += 1
    return scales


def mirrored(places: Integers, size: int) -> Integers:
    """Places beyond an edge, mirrored at the first and the last."""
    places = abs(places)
    return np.where(places >= size, 2 * (size - 1) - places, places)


def around(plane: Integers, band: int, offsets: list[tuple[int, int]]) -> Integers:
    """The neighbours [offsets, rows, columns] of a band's samples in a plane at their scale."""
    rows, columns = (np.arange(parity, size, 2) for parity, size in zip(PARITIES[band], plane.shape, strict=True))
    return np.stack(
        [
            plane[np.ix_(mirrored(rows + down, plane.shape[0]), mirrored(columns + right, plane.shape[1]))]
            for down, right in offsets
        ]
    )


def taps(planes: list[Integers], band: int) -> tuple[Integers, Integers]:
    """M and the taps of the last of the planes; those before it are decoded already."""
    own = around(planes[-1], band, OWN[band])
    m = own[:4].sum(0)
    found = [4 * own - m]
    for other in planes[:-1]:
        m_there = around(other, band, OWN[band][:4]).sum(0)
        found.append(4 * around(other, band, OTHER[band][:5]) - m_there)
    return m, np.concatenate(found)
