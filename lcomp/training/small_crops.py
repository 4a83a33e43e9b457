"""Coded crops at half their size, which the upscaler is trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import quality_weights
from lcomp.training.data import Pool, centres
from lcomp.training.evidence import choose_symbols, half_size, shown
from lcomp.types import QUALITY_STEPS

GRID = 4
"""Pixels at full size of one position of the upscaler: where crops may be cut."""

HELD_OUT = (0.5, 2.0, None)
"""Qualities of the validation pictures; None for those that are not coded."""

HELD_OUT_SIDE = 128
"""Side of the validation crops in pixels, at full size."""

MOST_HELD_OUT = 10
"""Limit on the validation pictures, which take as long as many steps."""


@dataclass(frozen=True)
class SmallCrops:
    """What an upscaler is trained on: crops at half their size, as the codec writes them (`[training.small]`)."""

    mse: str  # the model that codes crops whose squared error counts,
    visual: str  # and that of crops that are compared as people see them
    low: float  # range of the qualities,
    middle: float  # its first part,
    high: float
    low_share: float  # of the crops in that
    clean_share: float  # of those that are not coded
    side: int  # of the crops that are coded, at full size
    rounds: int  # batches of them that are kept, of each model
    fresh: int  # one step in so many replaces a crop
    visual_every: int  # and one in so many is for the eye
    hyperprior: float  # share that is coded without the context model

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.middle < self.high <= 8:
            raise ValueError("low, middle and high are qualities that rise")
        if not (self.low_share > 0 and self.clean_share >= 0 and self.low_share + self.clean_share < 1):
            raise ValueError("shares are not less than 0, and less than 1 together")
        least = min(self.rounds, self.fresh, self.visual_every)
        if self.side < 64 or self.side % 64 or least < 1 or not 0 <= self.hyperprior <= 1:
            raise ValueError("side is a multiple of 64, hyperprior a share, and all else at least 1")

    def quality(self, place: float) -> float | None:
        """The quality at a place from 0 to 1 in the order of all; None for one that is not coded."""
        if place < self.low_share:
            return self.low + (self.middle - self.low) * place / self.low_share
        coded = 1 - self.clean_share
        if place >= coded:
            return None
        return self.middle + (self.high - self.middle) * (place - self.low_share) / (coded - self.low_share)


class Small(NamedTuple):
    """Crops, and what is decoded of them at half their size."""

    decoded: Tensor  # uint8 [B, 3, H/2, W/2]
    x: Tensor  # uint8 [B, 3, H, W]
    w: Tensor  # [B, 9]: weights of the quality, zeros where it was not coded

    def cut(self, top: int, left: int, side: int, turn: int) -> "Small":
        """A square of these at `top` and `left`, turned by multiples of 90 degrees, and mirrored from the fourth on."""

        def turned(pixels: Tensor, scale: int) -> Tensor:
            rows, columns = (slice(start // scale, (start + side) // scale) for start in (top, left))
            square = torch.rot90(pixels[:, :, rows, columns], turn % 4, (2, 3))
            return square.flip(3) if turn >= 4 else square

        return Small(turned(self.decoded, 2), turned(self.x, 1), self.w)


@torch.no_grad()
def make_small(codec: LoadedModel, x: Tensor, quality: float | None) -> Small:
    """Code a crop x (uint8 [1, 3, H, W]) at half its size."""
    small = half_size(x)
    if quality is None:
        return Small(small, x, torch.zeros(1, 9, device=x.device))
    q = torch.tensor([round(quality * QUALITY_STEPS) / QUALITY_STEPS], device=x.device)
    x_hat = shown(codec, choose_symbols(codec, small, q), q).float()
    return Small((x_hat * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8), x, quality_weights(q))


def joined(parts: list[Small]) -> Small:
    """Concatenate crops of one size into a batch."""
    return Small(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


class SmallStore:
    """A replay buffer of coded random crops, whose oldest one `renew` replaces.

    Batches are stratified: they hold one crop from each of `batch` equal parts of the qualities.
    """

    def __init__(
        self, pool: Pool, choose: Callable[[], LoadedModel], random: np.random.Generator, batch: int, crops: SmallCrops
    ) -> None:
        self.pool, self.choose, self.random, self.batch, self.crops = pool, choose, random, batch, crops
        self.made = 0
        self.kept = [self.fresh() for _ in range(batch * crops.rounds)]

    def fresh(self) -> Small:
        """A new crop, from the part of the qualities whose turn it is."""
        place = (self.made % self.batch + self.random.random()) / self.batch
        self.made += 1
        return make_small(self.choose(), self.pool.crops(1, self.crops.side, self.random), self.crops.quality(place))

    def renew(self) -> None:
        """Replace the oldest crop."""
        place = self.made % len(self.kept)
        self.kept[place] = self.fresh()

    def draw(self, side: int) -> Small:
        """A random stratified batch of squares of `side` pixels."""
        chosen, places = [], (self.crops.side - side) // GRID + 1
        for part, turn in enumerate(self.random.integers(self.crops.rounds, size=self.batch)):
            top, left = (GRID * int(self.random.integers(places)) for _ in range(2))
            kept = self.kept[turn * self.batch + part]
            chosen.append(kept.cut(top, left, side, int(self.random.integers(8))))
        return joined(chosen)


def held_out_small(pool: Pool, codec: LoadedModel) -> list[Small]:
    """Centre crops of validation pictures at all HELD_OUT qualities; raises LcompError where all are too small."""
    found = centres(pool, HELD_OUT_SIDE, HELD_OUT_SIDE)[:MOST_HELD_OUT]
    return [joined([make_small(codec, x, quality) for quality in HELD_OUT]) for x in found]
