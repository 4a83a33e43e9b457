"""What the networks see of the surroundings of a sample, as 8-bit integers [K, n]: the same in training and coding.

Differences and residuals are companded: grey levels that differ by little are told apart, large ones by magnitude.
Predictions and residuals have FRACTION fractional bits.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.families.lossless.lattice import OTHER, OWN
from lcomp.families.lossless.surroundings import Surroundings

FRACTION = 4
"""Fractional bits of predictions and residuals."""

LEVELS_PER_OCTAVE = 12
ENTRIES = 8192
"""Length of the companding table: residuals are below 511 grey levels."""

NEAR = 12
"""Own neighbours whose difference from the prediction is a feature."""

AREA = 8
"""Side of the area of the coarser samples whose mean residual tells the texture around a sample."""

OWN_FEATURES = NEAR + len(OWN[0]) + 4
OTHER_FEATURES = len(OTHER[0]) + 2


def count_features(plane: int) -> int:
    """Number of features of the samples of a plane."""
    return OWN_FEATURES + OTHER_FEATURES * plane


def companding_table() -> Tensor:
    """Companded magnitudes (int8) for those of FRACTION fractional bits; stored with the weights, never computed."""
    magnitudes = torch.arange(ENTRIES, dtype=torch.float64) / 2**FRACTION
    return (LEVELS_PER_OCTAVE * torch.log2(1 + 2 * magnitudes)).round().clamp(max=127).to(torch.int8)


class Compander:
    """Looks up companded values in a table int8 [ENTRIES]."""

    def __init__(self, table: Tensor) -> None:
        self.signed = torch.cat([-table.flip(0), table[1:]])
        self.table = table

    def differences(self, values: Tensor) -> Tensor:
        """Companded differences (int8) of any integers, of the same shape."""
        places = values.clamp(1 - ENTRIES, ENTRIES - 1).add_(ENTRIES - 1)
        return self.signed.index_select(0, places.int().flatten()).view(values.shape)

    def magnitudes(self, values: Tensor) -> Tensor:
        """Companded magnitudes (int8) of integers that are not negative."""
        return self.table.index_select(0, values.clamp(max=ENTRIES - 1).int().flatten()).view(values.shape)


def mean_around(residuals: Tensor) -> Tensor:
    """Mean magnitude (int32 [h, w]) of the AREA x AREA residuals around those of a plane [h, w]."""
    before, after = (AREA - 1) // 2, AREA // 2
    height, width = residuals.shape
    rows = torch.arange(-before, height + after, device=residuals.device).clamp_(0, height - 1)
    columns = torch.arange(-before, width + after, device=residuals.device).clamp_(0, width - 1)
    padded = residuals.abs().int().index_select(0, rows).index_select(1, columns)
    sums = F.pad(padded.cumsum(0, dtype=torch.int32), (0, 0, 1, 0))
    sums = sums[AREA:] - sums[:-AREA]
    sums = F.pad(sums.cumsum(1, dtype=torch.int32), (1, 0))
    return (sums[:, AREA:] - sums[:, :-AREA]) >> 6


def own_features(around: Surroundings, band: int, plane: int, prediction: Tensor, compander: Compander) -> list[Tensor]:
    """Features (int8 [k, h, w] each) of the plane itself, for predictions [h, w]."""
    near = around.neighbours(around.values, band, plane, OWN[band][:NEAR])
    differences = compander.differences((near << FRACTION) - prediction)
    residuals = around.neighbours(around.residuals, band, plane, OWN[band])
    magnitudes = residuals.abs()
    nearest = magnitudes[:4].sum(0, dtype=torch.int32)
    texture = mean_around(around.coarse_residuals(plane))[: prediction.shape[0], : prediction.shape[1]]
    energies = torch.stack([nearest >> 2, magnitudes.sum(0, dtype=torch.int32) >> 4, texture])
    level = ((prediction >> FRACTION) - (0 if plane else 128) + 16) >> 5
    return [
        differences,
        compander.differences(residuals),
        compander.magnitudes(energies),
        (level << 3).to(torch.int8)[None],
    ]


def other_features(around: Surroundings, band: int, plane: int, compander: Compander) -> list[Tensor]:
    """Features (int8 [k, h, w] each) of an earlier plane."""
    residuals = around.neighbours(around.residuals, band, plane, OTHER[band])
    magnitudes = residuals.abs()
    nearest, all_around = magnitudes[1:5].sum(0, dtype=torch.int32), magnitudes[1:].sum(0, dtype=torch.int32)
    energies = torch.stack([nearest >> 2, all_around >> 3])
    return [compander.differences(residuals), compander.magnitudes(energies)]


def features(around: Surroundings, band: int, plane: int, prediction: Tensor, compander: Compander) -> Tensor:
    """Features (int8 [K, n]) of the samples of a pass, for their predictions (int16 [h, w])."""
    found = own_features(around, band, plane, prediction, compander)
    for earlier in range(plane):
        found += other_features(around, band, earlier, compander)
    return torch.cat(found).flatten(1)
