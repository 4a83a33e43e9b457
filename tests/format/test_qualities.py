"""Qualities that differ from block to block: written, read, and taken apart by tile and area."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcomp.errors import FormatError
from lcomp.format.qualities import (
    blocks,
    of_area,
    of_latents,
    of_tile,
    read_offsets,
    with_offsets,
    within_range,
    write_offsets,
)
from lcomp.format.tiles import Grid, Rectangle

sides = st.integers(1, 700)


def some_offsets(width: int, height: int) -> np.ndarray:
    rows, columns = blocks(width, height)
    return np.random.default_rng(width + height).integers(-40, 40, (rows, columns)).astype(np.int8)


@given(width=sides, height=sides)
def test_what_is_written_is_read(width: int, height: int) -> None:
    offsets = some_offsets(width, height)
    payload = write_offsets(offsets)
    assert (read_offsets(payload, width, height) == offsets).all()
    with pytest.raises(FormatError, match="another number of blocks"):
        read_offsets(payload, width + 64, height)


@given(quality=st.integers(0, 8000))
def test_qualities_stay_within_their_range(quality: int) -> None:
    offsets = np.arange(-128, 128, dtype=np.int8)[None]
    kept = within_range(quality, offsets)
    qualities = quality + 125 * kept.astype(int)
    assert (with_offsets(quality, kept) == qualities).all()
    assert qualities.min() >= 0
    assert qualities.max() <= 8000
    assert set(np.unique(with_offsets(quality, offsets))) >= {0, 8000}
    assert (kept == offsets)[np.abs(offsets.astype(int)) <= min(quality, 8000 - quality) // 125].all()


@given(width=sides, height=sides, x=st.integers(0, 20), y=st.integers(0, 20))
def test_tiles_and_areas_are_parts_of_the_picture(width: int, height: int, x: int, y: int) -> None:
    qualities = with_offsets(4000, some_offsets(width, height))
    grid = Grid(width, height, tile=256)
    picture = grid.picture.latents()
    whole = of_latents(qualities, picture.height, picture.width)
    assert isinstance(whole, np.ndarray)
    assert whole.shape == (-(-height // 16), -(-width // 16))
    for number in range(grid.count):
        tile = grid.rectangle(number)
        here = tile.latents()
        part = of_latents(of_tile(qualities, tile), here.height, here.width)
        assert (part == whole[here.within(picture)]).all()
    area = Rectangle(16 * min(x, (width - 1) // 16), 16 * min(y, (height - 1) // 16), 50, 70).shared(grid.picture)
    assert area is not None
    assert (of_area(qualities, area) == whole[area.latents().within(picture)]).all()


def test_one_quality_is_that_of_every_part() -> None:
    place = Rectangle(0, 0, 80, 80)
    assert of_tile(4000, place) == of_area(4000, place) == of_latents(4000, 3, 3) == 4000
