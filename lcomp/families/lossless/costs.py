"""What symbols cost, so that the encoder can choose."""

import numpy as np
import torch
from torch import Tensor

from lcomp.entropy.tables import ESCAPE_BITS, PRECISION, Table
from lcomp.families.lossless.parameters import CodingParameters, Distributions
from lcomp.families.lossless.tables import MOST

LOOKED_AT = 2**12
"""Samples of a pass, at most, whose cost decides its offset."""

STRIDES = (4, 2, 1)
"""Changes of an offset that are tried one after the other."""


def symbols_of(values: Tensor, parameters: CodingParameters, max_error: int) -> Tensor:
    """The symbols (int16 [n]) of samples [n] that may be off: residuals in whole steps, to the nearest."""
    residuals = (values - parameters.centres) * parameters.signs
    if not max_error:
        return residuals
    return torch.div(residuals + max_error, 2 * max_error + 1, rounding_mode="floor")


class SymbolCosts:
    """Bits of symbols under tables."""

    def __init__(self, tables: tuple[Table, ...], device: torch.device) -> None:
        bits = np.empty((len(tables), 2 * MOST + 1), np.float32)
        for row, (radius, frequencies) in zip(bits, tables, strict=True):
            found = PRECISION - np.log2(frequencies)
            row[:] = found[-1] + ESCAPE_BITS
            row[MOST - radius : MOST + radius + 1] = found[:-1]
        self.bits = torch.from_numpy(bits).flatten().to(device)

    def of(self, symbols: Tensor, tables: Tensor) -> float:
        """Bits of symbols (int16 [n]), those of tables (int16 [n])."""
        places = tables.int() * (2 * MOST + 1) + symbols.clamp(-MOST, MOST).int() + MOST
        return float(self.bits.index_select(0, places).sum())

    def best_offset(self, values: Tensor, distributions: Distributions) -> int:
        """The offset of scales under which samples (int16 [n]) cost least, going by some of them."""
        step = len(values) // LOOKED_AT | 1  # odd, so that they are not all of the same column or parity of columns
        values, distributions = values[::step], distributions.every(step)

        def cost(offset: int) -> float:
            parameters = distributions.parameters(offset)
            return self.of(symbols_of(values, parameters, distributions.max_error), parameters.tables)

        best, least = 0, cost(0)
        for stride in STRIDES:
            for offset in (best - stride, best + stride):
                if (found := cost(offset)) < least:
                    best, least = offset, found
        return best
