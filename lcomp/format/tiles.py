"""The grid of tiles of a picture, and which tiles an area overlaps: integers only, part of the file format.

Along each axis a picture has ceil(size / TILE) tiles of one size, rounded up to whole hyper-latents; the last one takes
what is left. Tiles are numbered row by row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import NamedTuple

from lcomp.types import HYPER_STRIDE, STRIDE

TILE = 1024
"""Largest side of a tile in pixels: a multiple of UNIT, part of the format."""

UNIT = STRIDE * HYPER_STRIDE
"""Tiles start at multiples of this many pixels, so that no latent or hyper-latent belongs to two of them."""


class Rectangle(NamedTuple):
    """An area of a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @property
    def right(self) -> int:
        """First column that is not in it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row that is not in it."""
        return self.y + self.height

    @property
    def wide(self) -> bool:
        """Whether it is wider than high."""
        return self.width > self.height

    def shared(self, other: "Rectangle") -> "Rectangle | None":
        """The intersection of the two; None where they do not overlap."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width, height = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Rectangle(x, y, width, height) if width > 0 and height > 0 else None

    def grown(self, margin: int) -> "Rectangle":
        """With `margin` more pixels on all sides."""
        return Rectangle(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def doubled(self) -> "Rectangle":
        """In a picture of twice the size."""
        return Rectangle(2 * self.x, 2 * self.y, 2 * self.width, 2 * self.height)

    def reduced(self, factor: int) -> "Rectangle":
        """The pixels that it touches in a picture `factor` times smaller."""
        x, y = self.x // factor, self.y // factor
        return Rectangle(x, y, -(-self.right // factor) - x, -(-self.bottom // factor) - y)

    def aligned(self, unit: int) -> "Rectangle":
        """The smallest rectangle around it that starts and ends at multiples of `unit`."""
        x, y = self.x // unit * unit, self.y // unit * unit
        return Rectangle(x, y, -(-self.right // unit) * unit - x, -(-self.bottom // unit) * unit - y)

    def within(self, other: "Rectangle") -> tuple[slice, slice]:
        """Rows and columns of this rectangle in an array that holds `other`."""
        y, x = self.y - other.y, self.x - other.x
        return slice(y, y + self.height), slice(x, x + self.width)

    def latents(self) -> "Rectangle":
        """The rectangle of the latents that cover it, in latents; it must start at multiples of STRIDE."""
        right, bottom = -(-self.right // STRIDE), -(-self.bottom // STRIDE)
        x, y = self.x // STRIDE, self.y // STRIDE
        return Rectangle(x, y, right - x, bottom - y)


def tile_side(size: int, largest: int) -> int:
    """Side of the tiles along an axis of `size` pixels; the last tile may be smaller."""
    count = -(-size // largest)
    return -(-size // (count * UNIT)) * UNIT


@dataclass(frozen=True)
class Grid:
    """The tiles of a picture."""

    width: int
    height: int
    tile: int = TILE  # every file has TILE; a multiple of UNIT
    wraps: bool = False  # whether the left and the right edge are neighbours; then the width is a multiple of STRIDE

    @property
    def picture(self) -> Rectangle:
        """The whole picture."""
        return Rectangle(0, 0, self.width, self.height)

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return -(-self.width // self.tile)

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-self.height // self.tile)

    @property
    def count(self) -> int:
        """Number of tiles."""
        return self.columns * self.rows

    @property
    def tile_width(self) -> int:
        """Width of all tiles but the last of a row."""
        return tile_side(self.width, self.tile)

    @property
    def tile_height(self) -> int:
        """Height of all tiles but those of the last row."""
        return tile_side(self.height, self.tile)

    def rectangle(self, number: int) -> Rectangle:
        """The rectangle of a tile."""
        row, column = divmod(number, self.columns)
        return self.block(row, column, 1)

    def block(self, row: int, column: int, tiles: int) -> Rectangle:
        """The rectangle of up to `tiles` by `tiles` tiles, the first of which is in the given row and column."""
        x, y = column * self.tile_width, row * self.tile_height
        width, height = tiles * self.tile_width, tiles * self.tile_height
        return Rectangle(x, y, min(width, self.width - x), min(height, self.height - y))

    def touching(self, area: Rectangle) -> list[int]:
        """Numbers of the tiles that an area within the picture overlaps, in order."""
        rows = range(area.y // self.tile_height, -(-area.bottom // self.tile_height))
        columns = range(area.x // self.tile_width, -(-area.right // self.tile_width))
        return [row * self.columns + column for row in rows for column in columns]

    def parts(self, area: Rectangle) -> Iterator[tuple[Rectangle, int]]:
        """The parts within the picture of an area that may reach beyond both sides where it wraps.

        Each comes with the column of the area that it begins at.
        """
        x = area.x
        while x < area.right:
            start = x % self.width
            width = min(area.right - x, self.width - start)
            yield Rectangle(start, area.y, width, area.height), x - area.x
            x += width

    def beside(self, number: int) -> list[int]:
        """Numbers of the up to four tiles that share an edge with a tile."""
        row, column = divmod(number, self.columns)
        places = [(row - 1, column), (row, column - 1), (row, column + 1), (row + 1, column)]
        return [r * self.columns + c for r, c in places if 0 <= r < self.rows and 0 <= c < self.columns]

    def windows(self, area: Rectangle, tiles: int) -> Iterator[Rectangle]:
        """Split an area into windows of `tiles` by `tiles` tiles, row by row, or column by column where it is wide.

        Along the shorter side, less has to be kept of one row or column of windows for the halo of the next.
        """
        places = product(range(0, self.rows, tiles), range(0, self.columns, tiles))
        for row, column in sorted(places, key=itemgetter(1)) if area.wide else places:
            part = self.block(row, column, tiles).shared(area)
            if part:
                yield part
