import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lcomp.format.tiles import TILE, UNIT, Grid, Rectangle

sides = st.integers(1, 2**24)
grids = st.builds(Grid, width=st.integers(1, 700), height=st.integers(1, 700), tile=st.sampled_from([64, 128, 192]))


@given(sides, sides)
def test_tiles_are_whole_hyper_latents_and_never_empty(width: int, height: int) -> None:
    grid = Grid(width, height)
    last = grid.rectangle(grid.count - 1)
    assert (last.right, last.bottom) == (width, height)
    for side, size, count in ((grid.tile_width, width, grid.columns), (grid.tile_height, height, grid.rows)):
        assert side % UNIT == 0
        assert side <= TILE
        assert count == -(-size // TILE)
        assert (count - 1) * side < size <= count * side
    # no tile is more than a rounding larger than the others would be in equal parts
    assert grid.tile_width < width / grid.columns + UNIT


def test_pictures_up_to_a_tile_have_one() -> None:
    for size in (1, 64, 768, 1023, 1024):
        grid = Grid(size, size)
        assert grid.count == 1
        assert grid.rectangle(0) == grid.picture
    assert Grid(1025, 1024).count == 2
    assert Grid(1025, 1024).rectangle(1) == Rectangle(576, 0, 449, 1024)


def covered(grid: Grid, parts: list[Rectangle], area: Rectangle) -> None:
    """Assert that the parts cover every pixel of the area exactly once."""
    count = np.zeros((grid.height, grid.width), np.uint8)
    for part in parts:
        count[part.within(grid.picture)] += 1
    inside = count[area.within(grid.picture)].copy()
    count[area.within(grid.picture)] = 1
    assert (inside == 1).all()
    assert count.sum() == area.width * area.height


@given(grids)
def test_tiles_cover_the_picture_once(grid: Grid) -> None:
    covered(grid, [grid.rectangle(number) for number in range(grid.count)], grid.picture)
    latents = [grid.rectangle(number).latents() for number in range(grid.count)]
    whole = grid.picture.latents()
    covered(Grid(whole.width, whole.height), latents, whole)


@st.composite
def areas(draw: st.DrawFn) -> tuple[Grid, Rectangle]:
    """A grid and an area of its picture."""
    grid = draw(grids)
    x, y = draw(st.integers(0, grid.width - 1)), draw(st.integers(0, grid.height - 1))
    width, height = draw(st.integers(1, grid.width - x)), draw(st.integers(1, grid.height - y))
    return grid, Rectangle(x, y, width, height)


@given(areas(), st.integers(1, 3))
def test_windows_cover_an_area_once(case: tuple[Grid, Rectangle], tiles: int) -> None:
    grid, area = case
    covered(grid, list(grid.windows(area, tiles)), area)


@given(areas())
def test_touching_is_overlapping(case: tuple[Grid, Rectangle]) -> None:
    grid, area = case
    numbers = [number for number in range(grid.count) if grid.rectangle(number).shared(area)]
    assert grid.touching(area) == numbers


@given(grids, st.data())
def test_neighbours_share_an_edge(grid: Grid, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, grid.count - 1))
    tile = grid.rectangle(number)
    wider = [tile._replace(x=tile.x - 1, width=tile.width + 2), tile._replace(y=tile.y - 1, height=tile.height + 2)]
    expected = [
        other
        for other in range(grid.count)
        if other != number and any(grid.rectangle(other).shared(area) for area in wider)
    ]
    assert grid.beside(number) == expected


@given(areas(), st.integers(1, 64))
def test_aligned_is_the_smallest_around(case: tuple[Grid, Rectangle], unit: int) -> None:
    _, area = case
    aligned = area.aligned(unit)
    assert aligned.shared(area) == area
    assert all(value % unit == 0 for value in aligned)
    assert area.x - aligned.x < unit
    assert aligned.right - area.right < unit
