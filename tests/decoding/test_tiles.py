"""Pictures of many tiles: what is decoded of all, of some, of damaged ones, and of two at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.pictures import noise_image
from lcomp.decoding.area import Decoded, decode_tiles
from lcomp.decoding.canvas import LatentCanvas
from lcomp.encoding.streams import WINDOW, encode_tiles
from lcomp.errors import FormatError
from lcomp.format.container import Coder, Encoded
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.loaded import LoadedModel
from lcomp.model.transforms import surroundings
from lcomp.zoo.registry import ModelInfo

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def codec(tiny_info: ModelInfo) -> LoadedModel:
    return LoadedModel(tiny_info, CPU)


TILED = Grid(330, 215, tile=64)


@pytest.fixture(scope="module")
def tiled(codec: LoadedModel) -> tuple[Encoded, ...]:
    """The streams of a picture of 6 x 4 tiles."""
    pixels = np.asarray(noise_image(TILED.width, TILED.height))
    return encode_tiles(codec, pixels, 4000, TILED, Coder.CONSTRICTION)


def decode(codec: LoadedModel, tiles: Sequence[Encoded | None], area: Rectangle = TILED.picture) -> Decoded:
    return decode_tiles(codec, tiles, 4000, TILED, Coder.CONSTRICTION, area, salvage=True)


def test_progress_counts_all_pixels(codec: LoadedModel, tiled: tuple[Encoded, ...]) -> None:
    total = TILED.width * TILED.height
    steps: list[tuple[int, int]] = []
    blank = np.zeros((215, 330, 3), np.uint8)
    encode_tiles(codec, blank, 1000, TILED, Coder.CONSTRICTION, progress=lambda *step: steps.append(step))
    told = len(steps)  # of each tile, and of each block of g_a in each window
    assert told > TILED.count
    assert steps == sorted(steps)
    decode_tiles(
        codec, tiled, 4000, TILED, Coder.CONSTRICTION, TILED.picture, progress=lambda *step: steps.append(step)
    )
    assert steps[told - 1] == steps[-1] == (total, total)
    assert all(of == total for _, of in steps)
    decoded = [done for done, _ in steps[told:]]  # of each tile, and of each window
    assert decoded == sorted(decoded)
    assert len(decoded) > TILED.count
    assert decoded[0] <= total / TILED.count


def test_tiles_decode_to_what_one_piece_gives(codec: LoadedModel, tiled: tuple[Encoded, ...]) -> None:
    rows = []
    for row in range(TILED.rows):
        parts = []
        for column in range(TILED.columns):
            number = row * TILED.columns + column
            tile = TILED.rectangle(number)
            decoded = codec.tile.decode(tiled[number], 4000, tile.height, tile.width, Coder.CONSTRICTION, number)
            parts.append(codec.transforms.mse.gather(*decoded))
        rows.append(torch.cat(parts, 3))
    known, picture = torch.cat(rows, 2), TILED.picture
    whole = codec.transforms.synthesize(codec.transforms.mse, known, picture, picture, 4000, half=False)
    difference = np.abs(whole.astype(int) - decode(codec, tiled).pixels)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize(
    "area",
    [Rectangle(0, 0, 330, 215), Rectangle(0, 0, 1, 1), Rectangle(329, 214, 1, 1), Rectangle(61, 66, 131, 80)],
    ids=str,
)
def test_a_crop_is_the_crop_of_everything(codec: LoadedModel, tiled: tuple[Encoded, ...], area: Rectangle) -> None:
    whole = decode(codec, tiled).pixels[area.within(TILED.picture)]
    crop = decode(codec, tiled, area).pixels
    assert crop.shape == (area.height, area.width, 3)
    difference = np.abs(crop.astype(int) - whole)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_a_crop_needs_only_the_tiles_around_it(codec: LoadedModel, tiled: tuple[Encoded, ...]) -> None:
    area = Rectangle(310, 0, 20, 10)
    needed = set(TILED.touching(surroundings(area, TILED.picture, codec.transforms.mse.halo)))
    assert len(needed) < TILED.count / 2
    sparse = [tile if number in needed else None for number, tile in enumerate(tiled)]
    assert decode(codec, sparse, area).lost == ()
    assert np.array_equal(decode(codec, sparse, area).pixels, decode(codec, tiled, area).pixels)


@pytest.mark.parametrize(
    "grid",
    [Grid(30 * 64, 50, tile=64), Grid(50, 30 * 64, tile=64), Grid(30 * 64, 250, tile=64), Grid(250, 30 * 64, tile=64)],
    ids=["thin", "thin and high", "wide", "high"],
)
def test_tiles_are_forgotten_along_the_longer_side(
    codec: LoadedModel, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = encode_tiles(codec, np.zeros((grid.height, grid.width, 3), np.uint8), 4000, grid, Coder.CONSTRICTION)
    area, held = LatentCanvas.area, []

    def counted(canvas: LatentCanvas, part: Rectangle) -> Tensor:
        known = area(canvas, part)
        held.append(len(canvas.tiles))
        return known

    monkeypatch.setattr(LatentCanvas, "area", counted)
    decode_tiles(codec, streams, 4000, grid, Coder.CONSTRICTION, grid.picture)
    around = WINDOW + 2 * -(-codec.transforms.mse.halo // 64)
    assert max(held) == around * min(grid.columns, grid.rows) < grid.count / 2


def test_two_tiles_at_once_are_what_one_after_the_other_is(
    codec: LoadedModel, tiled: tuple[Encoded, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is done where the networks run on another device."""
    broken = [tiled[0]._replace(stream=tiled[0].stream[:-9] + bytes(9)), *tiled[1:]]
    alone = [decode(codec, tiles) for tiles in (tiled, broken)]
    with ThreadPoolExecutor(2) as executor:
        monkeypatch.setattr(codec, "executor", executor)
        assert codec.map_tiles == executor.map
        pixels = np.asarray(noise_image(TILED.width, TILED.height))
        assert encode_tiles(codec, pixels, 4000, TILED, Coder.CONSTRICTION) == tiled
        for tiles, one in zip((tiled, broken), alone, strict=True):
            two = decode(codec, tiles)
            assert two.lost == one.lost
            assert np.array_equal(two.pixels, one.pixels)
        with pytest.raises(FormatError):
            decode_tiles(codec, broken, 4000, TILED, Coder.CONSTRICTION, TILED.picture)


def test_a_lost_tile_is_an_error_or_filled_in(codec: LoadedModel, tiled: tuple[Encoded, ...]) -> None:
    number = TILED.columns + 2
    lost = TILED.rectangle(number)
    broken = tiled[number]._replace(stream=tiled[number].stream[:-9] + bytes(9))
    reach = lost.grown(codec.transforms.mse.halo).shared(TILED.picture)
    assert reach is not None
    whole = decode(codec, tiled).pixels
    for bad in (None, broken):
        tiles: list[Encoded | None] = list(tiled)
        tiles[number] = bad
        if bad is broken:
            with pytest.raises(FormatError):
                decode_tiles(codec, tiles, 4000, TILED, Coder.CONSTRICTION, TILED.picture)
        decoded = decode(codec, tiles)
        assert decoded.lost == (lost,)
        changed = np.any(decoded.pixels != whole, axis=2)
        assert changed[lost.within(TILED.picture)].mean() > 0.5
        changed[reach.within(TILED.picture)] = False
        assert not changed.any()


def test_everything_lost_is_grey(codec: LoadedModel) -> None:
    decoded = decode(codec, [None] * TILED.count)
    assert len(decoded.lost) == TILED.count
    # flat as far as latents go: every 16x16 block away from the edges is the same
    inner = decoded.pixels[64:144, 64:256]
    assert np.array_equal(inner[16:], inner[:-16])
    assert np.array_equal(inner[:, 16:], inner[:, :-16])
