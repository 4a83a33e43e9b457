"""Linear prediction of samples from their neighbours: coefficients fitted to a tile, predictions in integers.

Everything is relative to the mean of the four nearest neighbours, so that the coefficients do not depend on the level.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lcomp.families.lossless.colours import RANGES
from lcomp.families.lossless.features import FRACTION
from lcomp.families.lossless.lattice import OTHER, OWN
from lcomp.families.lossless.surroundings import Surroundings, Taps

COEFFICIENT_BITS = 8
"""Fractional bits of the coefficients."""

OTHER_TAPS = 5
"""Neighbours of each earlier plane that a prediction looks at."""

FITTED_SAMPLES = 40000
"""Samples that coefficients are fitted to, at most."""


def count_taps(plane: int) -> int:
    """Number of coefficients of a plane."""
    return len(OWN[0]) + OTHER_TAPS * plane


def taps_of(around: Surroundings, band: int, plane: int) -> Taps:
    """What a pass is predicted from."""
    own = around.neighbours(around.values, band, plane, OWN[band])
    mean = own[:4].sum(0, dtype=torch.int16)
    taps = [4 * own - mean]
    for earlier in range(plane):
        close = around.neighbours(around.values, band, earlier, OWN[band][:4]).sum(0, dtype=torch.int16)
        others = around.neighbours(around.values, band, earlier, OTHER[band][:OTHER_TAPS])
        taps.append(4 * others - close)
    return Taps(torch.cat(taps), mean)


def predict(taps: Taps, coefficients: Tensor, plane: int) -> Tensor:
    """Predictions (int16 [h, w], FRACTION fractional bits) with coefficients (int16 [K]): exact sums in float64."""
    lowest, highest = RANGES[plane]
    total = torch.tensordot(coefficients.double(), taps.neighbours.double(), 1)
    total.add_(taps.mean.double() * 2**COEFFICIENT_BITS)
    scaled = total.mul_(2.0 ** (FRACTION - 2 - COEFFICIENT_BITS)).add_(0.5).floor_()
    return scaled.clamp_(lowest << FRACTION, highest << FRACTION).to(torch.int16)


class Equations(NamedTuple):
    """Normal equations of a weighted least-squares fit; those of several pictures add up."""

    matrix: Tensor  # float64 [K, K]
    vector: Tensor  # float64 [K]

    def solution(self) -> Tensor:
        """The coefficients (int16 [K]), slightly regularised."""
        ridge = torch.eye(len(self.vector), dtype=torch.float64, device=self.vector.device)
        found = torch.linalg.solve(self.matrix + ridge, self.vector)
        return (found * 2**COEFFICIENT_BITS).round().clamp(-(2**15) + 1, 2**15 - 1).to(torch.int16)


def equations(taps: Taps, values: Tensor) -> Equations:
    """The normal equations for samples (int16 [h, w]), of which some are left out; busy places weigh less."""
    step = max(1, values.numel() // FITTED_SAMPLES)
    x = taps.neighbours.flatten(1)[:, ::step].double() / 4
    y = values.flatten()[::step].double() - taps.mean.flatten()[::step].double() / 4
    weighted = x / (x[: len(OWN[0])].abs().mean(0).square() + 3)
    return Equations(weighted @ x.T, weighted @ y)


def fit(taps: Taps, values: Tensor) -> Tensor:
    """Coefficients (int16 [K]) for samples (int16 [h, w])."""
    return equations(taps, values).solution()
