"""Linear prediction of samples from their neighbours: coefficients fitted to a tile, predictions in integers.

Everything is relative to the mean of the four nearest neighbours, so that the coefficients do not depend on the level.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lcomp.families.lossless.colours import RANGES
from lcomp.families.lossless.features import FRACTION
from lcomp.families.lossless.lattice import OTHER, OWN
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.surroundings import Surroundings

COEFFICIENT_BITS = 8
"""Fractional bits of the coefficients."""

OTHER_TAPS = 5
"""Neighbours of each earlier plane that a prediction looks at."""

NEAREST = 4
"""Neighbours whose mean everything is relative to."""

LEAST_LEFT = 2.0
"""Added to what a fit leaves of samples, in grey levels, so that none weighs too much in the next."""

LIMB_BITS = 7
"""Bits of the lower limb of a weight."""

EXACT_LIMIT = 2**23
"""Sums in float32 stay below this, so that rounding can add one half exactly."""

FITTED_SAMPLES = 20000
"""Samples that coefficients are fitted to, at most."""


def count_taps(plane: int) -> int:
    """Number of coefficients of a plane."""
    return len(OWN[0]) + OTHER_TAPS * plane


def values_around(around: Surroundings, band: int, plane: int, rows: slice, scratch: Scratch) -> Tensor:
    """What some rows of a pass are predicted from (float32 [K, h, w]), in `scratch`.

    Samples of the plane itself, then of the others.
    """
    width, own = around.shape_of(band)[1], len(OWN[band])
    height = len(range(rows.start, rows.stop, rows.step))
    found = scratch.take("values", count_taps(plane), height * width, around.values).view(-1, height, width)
    around.neighbours(around.values, band, plane, OWN[band], rows, found[:own])
    for earlier in range(plane):
        start = own + OTHER_TAPS * earlier
        part = found[start : start + OTHER_TAPS]
        around.neighbours(around.values, band, earlier, OTHER[band][:OTHER_TAPS], rows, part)
    return found


def weights_of(coefficients: Tensor) -> Tensor:
    """Weights (int32 [K]) of samples, for coefficients (int16 [K]) of their differences from means of four.

    In steps of 2^-(COEFFICIENT_BITS + 2). The four are those nearest in each plane: the first of the plane itself, and
    all but the first of others, which lies at the same place.
    """
    found = 4 * coefficients.int()
    own = len(OWN[0])
    found[:NEAREST] += 2**COEFFICIENT_BITS - coefficients[:own].sum(dtype=torch.int32)
    for start in range(own, len(found), OTHER_TAPS):
        part = slice(start, start + OTHER_TAPS)
        found[part][-NEAREST:] -= coefficients[part].sum(dtype=torch.int32)
    return found


def limbs_of(weights: Tensor) -> Tensor:
    """Weights (int32 [K]) in two limbs (float32 [2, K]): the first counts 2^LIMB_BITS, the second has as many bits."""
    high = (weights + (1 << (LIMB_BITS - 1))) >> LIMB_BITS
    return torch.stack([high, weights - (high << LIMB_BITS)]).float()


def weighted_sum(values: Tensor, weights: Tensor) -> Tensor:
    """Exact sums (float32 or float64 [h, w]) of samples [K, h, w] by weights (int32 [K]).

    In float32 where all sums stay below 2^23, and factors have the 8 bits that every precision of torch's products
    keeps (`torch.set_float32_matmul_precision`); otherwise in float64.
    """
    limbs, highest = limbs_of(weights), RANGES[0][1]
    if int(weights.abs().sum()) * highest >= EXACT_LIMIT or limbs.abs().max() > highest:
        return torch.tensordot(weights.double(), values.double(), 1)
    high, low = torch.tensordot(limbs, values, 1)
    return high.mul_(2.0**LIMB_BITS).add_(low)


def predict(values: Tensor, weights: Tensor, plane: int) -> Tensor:
    """Predictions (float32 [h, w]: integers of FRACTION fractional bits): samples [K, h, w] by weights (int32 [K])."""
    lowest, highest = RANGES[plane]
    total = weighted_sum(values, weights)
    scaled = total.mul_(2.0 ** (FRACTION - 2 - COEFFICIENT_BITS)).add_(0.5).floor_()
    return scaled.clamp_(lowest << FRACTION, highest << FRACTION).float()


class Equations(NamedTuple):
    """Normal equations of a weighted least-squares fit; those of several pictures add up."""

    matrix: Tensor  # float64 [K, K]
    vector: Tensor  # float64 [K]

    def solution(self) -> Tensor:
        """The coefficients (int16 [K]), slightly regularised."""
        ridge = torch.eye(len(self.vector), dtype=torch.float64, device=self.vector.device)
        found = torch.linalg.solve(self.matrix + ridge, self.vector)
        return (found * 2**COEFFICIENT_BITS).round().clamp(-(2**15) + 1, 2**15 - 1).to(torch.int16)


def relative(values: Tensor) -> Tensor:
    """Samples (float32 [K, n]) less the mean of the four nearest ones in their plane, in place."""
    own = len(OWN[0])
    values[:own] -= values[:NEAREST].mean(0)
    for start in range(own, len(values), OTHER_TAPS):
        values[start : start + OTHER_TAPS] -= values[start + 1 : start + OTHER_TAPS].mean(0)
    return values


def importance(relatives: Tensor) -> Tensor:
    """Weights [n] of samples with those around [K, n], relative to the mean: busy places weigh less."""
    return 1 / (relatives[: len(OWN[0])].abs().mean(0).square() + 3)


def weighted_equations(relatives: Tensor, targets: Tensor, weights: Tensor) -> Equations:
    """The normal equations for targets [n] from [K, n], each weighted."""
    x = relatives.double()
    weighted = x * weights
    return Equations(weighted @ x.T, weighted @ targets.double())


def equations(values: Tensor, samples: Tensor) -> Equations:
    """The normal equations for samples (float32 [n]) and those around [K, n]."""
    relatives = relative(values.clone())
    return weighted_equations(relatives, samples - values[:NEAREST].mean(0), importance(relatives))


def fitted_rows(height: int, width: int) -> slice:
    """Rows of a pass that its coefficients are fitted to, evenly spaced."""
    return slice(0, height, max(1, height * width // FITTED_SAMPLES))


def fit(around: Surroundings, band: int, plane: int, samples: Tensor, refits: int = 0) -> Tensor:
    """Coefficients (int16 [K]) for the samples ([h, w]) of a pass.

    Each refit weighs samples by what the last one left of them, towards the least sum of magnitudes: iteratively
    reweighted least squares.
    """
    rows = fitted_rows(*samples.shape)
    values = values_around(around, band, plane, rows, Scratch()).flatten(1)
    targets = samples[rows].flatten() - values[:NEAREST].mean(0)
    relatives = relative(values)
    weights = importance(relatives)
    found = weighted_equations(relatives, targets, weights).solution()
    for _ in range(refits):
        left = (targets - (found.float() @ relatives) * 2.0**-COEFFICIENT_BITS).abs()
        found = weighted_equations(relatives, targets, weights.sqrt() / (left + LEAST_LEFT)).solution()
    return found
