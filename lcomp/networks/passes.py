"""The coding order of latents: channel groups, and parts of the positions within them."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from lcomp.networks.config import ContextConfig

PATTERNS = {1: ((0,),), 2: ((0, 1), (1, 0)), 4: ((0, 2), (3, 1))}
"""By number of parts, the part of each position, a pattern that repeats: all, checkerboard, corners of 2x2 squares."""


class Pass(NamedTuple):
    """One step of the coding order: a channel group, or one part of its positions."""

    group: int
    first: int  # channels first .. last - 1 of y
    last: int
    part: int  # 0 .. parts - 1
    parts: int  # a key of PATTERNS


def passes(config: ContextConfig) -> Iterator[Pass]:
    """The coding order of y."""
    first = 0
    for group, (channels, parts) in enumerate(zip(config.groups, config.parts, strict=True)):
        for part in range(parts):
            yield Pass(group, first, first + channels, part, parts)
        first += channels


def part_numbers(rows: int, columns: int, parts: int) -> Tensor:
    """The part that every position [rows, columns] belongs to."""
    pattern = torch.tensor(PATTERNS[parts])
    size = len(pattern)
    return pattern.repeat(-(-rows // size), -(-columns // size))[:rows, :columns]


class Partition(NamedTuple):
    """The parts of positions [rows, columns], in row-major order on a device."""

    numbers: Tensor  # [rows * columns]: the part of each
    places: tuple[Tensor, ...]  # [n] of each part


@lru_cache(maxsize=64)
def partition(rows: int, columns: int, parts: int, device: torch.device) -> Partition:
    """The parts of positions [rows, columns] on a device.

    Cached, because tiles are mostly of one size and every copy to the device synchronises with it.
    """
    numbers = part_numbers(rows, columns, parts).flatten()
    places = ((numbers == part).nonzero()[:, 0] for part in range(parts))
    return Partition(numbers.to(device), tuple(place.to(device) for place in places))


def known_taps(parts: int, part: int) -> list[tuple[int, int]]:
    """Taps (row, column) of a 3x3 kernel centred on a position of `part` that see positions of earlier parts."""
    pattern = PATTERNS[parts]
    size = len(pattern)
    row, column = next((r, c) for r in range(size) for c in range(size) if pattern[r][c] == part)
    return [(r, c) for r in range(3) for c in range(3) if pattern[(row + r - 1) % size][(column + c - 1) % size] < part]
