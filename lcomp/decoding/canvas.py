"""The latents of a picture, put together from tiles that are decoded lazily."""

import torch
from torch import Tensor

from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.loaded import DecodeTile, MapTiles
from lcomp.types import STRIDE


class LatentCanvas:
    """What a decoder gathers of a picture's latents; holds only tiles that were asked for and not yet forgotten."""

    def __init__(
        self,
        grid: Grid,
        decode: DecodeTile,
        blank: Tensor,
        map_tiles: MapTiles,
    ) -> None:
        """`blank` [1, C, 1, 1] is grey; `map_tiles`, which is like `map`, may decode several tiles at once."""
        self.grid, self.decode, self.blank, self.map_tiles = grid, decode, blank, map_tiles
        self.tiles: dict[int, Tensor | None] = {}
        self.lost: set[int] = set()

    def intact(self, number: int) -> Tensor | None:
        """Latents of a tile, None where it is lost."""
        if number not in self.tiles:
            self.tiles[number] = self.decode(number)
        return self.tiles[number]

    def tile(self, number: int) -> Tensor:
        """Latents of a tile; a lost one shows the mean colour of the intact tiles beside it, or grey."""
        known = self.intact(number)
        if known is not None:
            return known
        self.lost.add(number)
        beside = [tile for tile in map(self.intact, self.grid.beside(number)) if tile is not None]
        colour = sum((tile.mean((2, 3), keepdim=True) for tile in beside), self.blank) / max(len(beside), 1)
        place = self.grid.rectangle(number).latents()
        return colour.expand(-1, -1, place.height, place.width)

    def area(self, area: Rectangle) -> Tensor:
        """Latents [1, C, rows, columns] of an area of the picture that starts at a multiple of STRIDE.

        It may reach beyond both sides of a picture that wraps.
        """
        target = area.latents()
        shape = (1, self.blank.shape[1], target.height, target.width)
        known = torch.empty(shape, device=self.blank.device, memory_format=torch.channels_last)
        parts = list(self.grid.parts(area))
        numbers = dict.fromkeys(number for part, _ in parts for number in self.grid.touching(part))
        missing = [number for number in numbers if number not in self.tiles]
        self.tiles.update(zip(missing, self.map_tiles(self.decode, missing), strict=True))
        for part, start in parts:
            shown = part.latents()
            there = known[..., start // STRIDE : start // STRIDE + shown.width]
            for number in self.grid.touching(part):
                place = self.grid.rectangle(number).latents()
                shared = place.shared(shown)
                assert shared is not None, "a tile that touches an area shares latents with it"
                there[(..., *shared.within(shown))] = self.tile(number)[(..., *shared.within(place))]
        return known

    def forget(self, around: Rectangle, wide: bool) -> None:
        """Free the tiles that no later window needs: above its surroundings, or left of them in a `wide` area.

        Windows are walked row by row, in a wide area column by column.
        """
        for number in list(self.tiles):
            tile = self.grid.rectangle(number)
            if tile.right <= around.x if wide else tile.bottom <= around.y:
                del self.tiles[number]
