"""What the networks see of the surroundings of a sample, as 8-bit integers in float32: the same in training and coding.

Differences and residuals are companded: grey levels that differ by little are told apart, large ones by magnitude.
Predictions and residuals have FRACTION fractional bits.
"""

import torch
from torch import Tensor

from lcomp.families.lossless.lattice import OTHER, OWN
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.surroundings import Surroundings

FRACTION = 4
"""Fractional bits of predictions and residuals."""

LEVELS_PER_OCTAVE = 12
ENTRIES = 8192
"""Length of the companding table: residuals and differences are below 511 grey levels."""

NEAR = 12
"""Own neighbours whose difference from the prediction is a feature."""

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
        self.signed = torch.cat([-table.flip(0), table[1:]]).float()

    def __call__(self, values: Tensor, scratch: Scratch) -> Tensor:
        """Companded integers (float32 [K, n], of magnitudes below ENTRIES); changes `values`."""
        rows, columns = values.shape
        places = scratch.take("places", rows, columns, values, torch.int32).copy_(values.add_(ENTRIES - 1))
        companded = scratch.take("companded", rows, columns, values)
        torch.index_select(self.signed, 0, places.flatten(), out=companded.view(-1))
        return companded


def put_own(around: Surroundings, band: int, plane: int, rows: slice, out: Tensor) -> None:
    """Residuals and energies of the plane itself into `out` [OWN_FEATURES - NEAR - 1, h, w], before companding."""
    count = len(OWN[band])
    magnitudes = around.neighbours(around.residuals, band, plane, OWN[band], rows, out[:count]).abs()
    torch.mul(magnitudes[:4].sum(0), 2**-2, out=out[count]).floor_()
    torch.mul(magnitudes.sum(0), 2**-4, out=out[count + 1]).floor_()
    out[count + 2] = around.textures[plane][rows, : out.shape[2]]


def put_other(around: Surroundings, band: int, plane: int, rows: slice, out: Tensor) -> None:
    """Residuals and energies of an earlier plane into `out` [OTHER_FEATURES, h, w], before companding."""
    count = len(OTHER[band])
    magnitudes = around.neighbours(around.residuals, band, plane, OTHER[band], rows, out[:count])[1:].abs()
    torch.mul(magnitudes[:4].sum(0), 2**-2, out=out[count]).floor_()
    torch.mul(magnitudes.sum(0), 2**-3, out=out[count + 1]).floor_()


def features(
    around: Surroundings,
    band: int,
    plane: int,
    rows: slice,
    values: Tensor,
    prediction: Tensor,
    compander: Compander,
    scratch: Scratch,
) -> Tensor:
    """Features (float32 [K, n]: integers of 8 bits) of the samples in some rows of a pass, in `scratch`.

    For what they are predicted from (`values` [K, h, w]) and their predictions [h, w].
    """
    height, width = prediction.shape
    flat = scratch.take("features", count_features(plane), height * width, prediction)
    found = flat.view(-1, height, width)
    torch.sub(values[:NEAR].mul(2**FRACTION), prediction, out=found[:NEAR])
    put_own(around, band, plane, rows, found[NEAR : OWN_FEATURES - 1])
    found[OWN_FEATURES - 1] = 0
    for earlier in range(plane):
        start = OWN_FEATURES + OTHER_FEATURES * earlier
        put_other(around, band, earlier, rows, found[start : start + OTHER_FEATURES])
    companded = compander(flat, scratch)
    level = companded[OWN_FEATURES - 1].view(height, width)
    torch.mul(prediction, 2.0**-FRACTION, out=level).floor_().sub_(0 if plane else 128).add_(16)
    level.mul_(2**-5).floor_().mul_(8)
    return companded
