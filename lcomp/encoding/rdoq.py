"""Rate-distortion optimised quantisation (RDOQ) of the latents: the encoder's choice, invisible to the decoder."""

import math

import numpy as np
import torch
from torch import Tensor

from lcomp.entropy.latents import MAX_SYMBOL
from lcomp.entropy.tables import ESCAPE_BITS, MAX_RADIUS, PRECISION, Table

DISTORTION_WEIGHT = 2.5
"""Weight of the distortion, which corrects for g_s not being the orthonormal transform that the estimate assumes.

By BD-rate 2.2 and 3 do as well (docs/lab/LOG.md).
"""

DISTORTION_WEIGHT_IN_CONTEXT = 2.0
"""The same with a context model and no search, where effects on later channel groups count too (`RIPPLE_BITS`)."""


def error_weight(gain: Tensor, trade_off: float | Tensor, distortion_weight: float = DISTORTION_WEIGHT) -> Tensor:
    """Bits that a squared error of one step is worth, for the gain of y and lmbda (`trade_off`).

    An error of one step is gain^-2 in the squared error of a 16x16 block in [-1, 1]: 127.5^2 / 3 times that is
    255^2 MSE per pixel.
    """
    return distortion_weight * trade_off * 127.5**2 / 3 / gain.square()


def worth_a_look(symbols: Tensor) -> Tensor | slice:
    """Places of the non-zero symbols [n], mostly few, the only ones that RDOQ may change.

    On devices other than the CPU all places, because to count the non-zero ones would synchronise.
    """
    return symbols.nonzero()[:, 0] if symbols.device.type == "cpu" else slice(None)


class Rdoq:
    """Quantises latents: to the nearest symbol, or one towards zero where the bits saved outweigh the error added."""

    def __init__(self, tables: tuple[Table, ...], device: torch.device) -> None:
        # bits [table, magnitude]; magnitudes beyond a table cost an escape
        bits = np.empty((len(tables), MAX_RADIUS + 2), np.float32)
        for row, table in zip(bits, tables, strict=True):
            row[:] = PRECISION - math.log2(table.frequencies[-1]) + ESCAPE_BITS
            row[: table.radius + 1] = PRECISION - np.log2(table.frequencies[table.radius : -1])
        self.bits = torch.from_numpy(bits).to(device)

    def cost(self, symbols: Tensor, scales: Tensor) -> Tensor:
        """Bits of symbols at scale indexes of the same shape."""
        magnitude = symbols.abs().clamp_max(MAX_RADIUS + 1)
        places = scales.to(torch.int32).mul_(self.bits.shape[1]).add_(magnitude.to(torch.int32))
        return self.bits.view(-1).index_select(0, places.flatten()).view(symbols.shape)

    def nearest(self, residual: Tensor, scales: Tensor) -> Tensor:
        """Symbols nearest to y - mu, for scale indexes of the same shape; those of the first scale are zero."""
        return torch.round(residual).clamp_(-MAX_SYMBOL, MAX_SYMBOL).mul_(scales > 0)

    def optimised(self, residual: Tensor, scales: Tensor, weight: Tensor, least: Tensor | float = 0.0) -> Tensor:
        """Symbols of y - mu by RDOQ, for scale indexes of the same shape.

        `weight` (broadcast) is that of `error_weight`; a symbol is lowered only where this saves `least` bits
        (broadcast) more than the error is worth.
        """
        residual, scales = residual.contiguous(), scales.contiguous()
        symbols = self.nearest(residual, scales)
        flat = symbols.view(-1)
        places = worth_a_look(flat)
        nearest, value, scale = flat[places], residual.view(-1)[places], scales.view(-1)[places]
        lower = nearest - nearest.sign()
        saved = self.cost(nearest, scale) - self.cost(lower, scale)
        weight = weight.expand_as(symbols).reshape(-1)[places]
        least = torch.as_tensor(least, device=symbols.device).expand_as(symbols).reshape(-1)[places]
        added = least + weight * ((value - lower).square() - (value - nearest).square())
        flat[places] = torch.where(saved > added, lower, nearest)
        return symbols
