"""The symbols of a tile, and what the encoder chooses: colours, coefficients, offsets of scales."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lcomp.entropy.grouping import Order
from lcomp.entropy.latents import SymbolGroup
from lcomp.families.lossless.costs import SymbolCosts, symbols_of
from lcomp.families.lossless.lattice import PyramidPass, scales_of
from lcomp.families.lossless.mode import CodingMode
from lcomp.families.lossless.parameters import TABLES, Distributions
from lcomp.families.lossless.prediction import fit
from lcomp.families.lossless.source import TileSource
from lcomp.families.lossless.surroundings import Surroundings
from lcomp.families.lossless.symbols import BASE_TABLE, COEFFICIENT_TABLE, NUMBER_TABLE, decoded, middles

THOROUGH = 3
"""Effort from which everything is tried."""


@dataclass(frozen=True)
class Choices:
    """How long the encoder looks for a smaller tile."""

    tries_colours: bool  # whether tiles are coded with every colour transform, for the smallest
    adapts: bool  # whether scales are adapted to the tile
    refits: int  # how often coefficients are fitted again, to what they have left


def choices_of(effort: int) -> Choices:
    """What an effort (0 .. 9) does."""
    if effort == 0:
        return Choices(tries_colours=False, adapts=False, refits=0)
    if effort < THOROUGH:
        return Choices(tries_colours=False, adapts=True, refits=0)
    return Choices(tries_colours=True, adapts=True, refits=1)


class TileWriter:
    """The symbols of a tile of pixels (uint8 [H, W] or [H, W, 3])."""

    def __init__(self, pixels: Tensor, mode: CodingMode, choices: Choices, costs: SymbolCosts) -> None:
        self.source, self.mode, self.choices, self.costs = TileSource(pixels, mode.colours), mode, choices, costs
        self.groups: list[SymbolGroup] = []
        self.put_one(mode.colours.value)

    def put(self, symbols: Tensor, tables: Tensor) -> None:
        """Append symbols (int16 [n]) that are coded together."""
        order = Order(tables, TABLES)
        self.groups.append(SymbolGroup(order.arrange(symbols).cpu().numpy(), order.counts.cpu().numpy()))

    def put_alike(self, symbols: Tensor, table: int) -> None:
        """Append symbols of one table."""
        self.put(symbols, torch.full(symbols.shape, table, dtype=torch.int16, device=symbols.device))

    def put_one(self, value: int) -> None:
        """Append a number that is mostly near 0."""
        self.put_alike(torch.tensor([value], dtype=torch.int16, device=self.source.planes.device), NUMBER_TABLE)

    def base(self, height: int, width: int) -> Tensor:
        """The samples that nothing predicts."""
        base = self.source.base(scales_of(*self.source.planes.shape[1:]))
        self.put_alike((base - middles(len(base)).to(base.device)).flatten(), BASE_TABLE)
        return base

    def coefficients(self, step: PyramidPass, around: Surroundings) -> Tensor:
        """Coefficients fitted to a pass."""
        found = fit(around, step.band, step.plane, self.source.known(step, around), self.choices.refits)
        self.put_alike(found, COEFFICIENT_TABLE)
        return found

    def samples(self, step: PyramidPass, around: Surroundings, distributions: Distributions, adapted: bool) -> Tensor:
        """The samples of a pass."""
        values, offset = self.source.known(step, around).flatten(), 0
        if adapted:
            offset = self.costs.best_offset(values, distributions) if self.choices.adapts else 0
            self.put_one(offset)
        parameters = distributions.parameters(offset)
        symbols = symbols_of(values, parameters, self.mode.max_error)
        self.put(symbols, parameters.tables)
        return values if not self.mode.max_error else decoded(symbols, parameters, step, self.mode)
