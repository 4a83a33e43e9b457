"""Frequency tables of the lossless family, fitted to the residuals of what its networks were trained on."""

import copy
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from lcomp.entropy.tables import Table, expected_bits
from lcomp.families.lossless.costs import symbols_of
from lcomp.families.lossless.mode import error_of
from lcomp.families.lossless.network import LosslessNetworks
from lcomp.families.lossless.parameters import TABLES, Strip, coding_parameters
from lcomp.families.lossless.passes import PassModel
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.tables import MOST, UNUSED, all_masses, likely_radius, residual_tables, within
from lcomp.families.lossless.tensors import exact_codec, exact_tensors
from lcomp.families.lossless.training.examples import Examples, Gathered

PRIOR = 256.0
"""Residuals that a table's distribution counts as, beside those that it is fitted to."""

WIDER = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Candidate radii of a fitted table, relative to that of its distribution."""

COUNTED = 2**18
"""Examples whose residuals are counted at once."""


@torch.inference_mode()
def count_residuals(model: PassModel, gathered: Gathered) -> NDArray[np.int64]:
    """Histograms [TABLES, 2 MOST + 1] of the residuals of examples, as `model` codes them."""
    width = 2 * MOST + 1
    counts = np.zeros(TABLES * width, np.int64)
    for (band, plane), examples in gathered.examples.items():
        for part in examples.batches(COUNTED):
            for condition in np.unique(part.conditions.numpy()).tolist():
                some = Examples(*(tensor[part.conditions == condition] for tensor in part))
                outputs = model.networks[band][plane](some.features.T.float(), condition, Scratch())
                error = int(error_of(condition))
                found = coding_parameters(Strip(outputs, some.predictions), model.scales, error, offset=0)
                symbols = symbols_of(some.values, found, error).clamp(-MOST, MOST)
                places = found.tables.long() * width + symbols.long() + MOST
                counts += places.bincount(minlength=len(counts)).numpy()
    return counts.reshape(TABLES, width)


def fitted_tables(counts: NDArray[np.int64]) -> tuple[Table, ...]:
    """Tables for counts [TABLES, 2 MOST + 1] of residuals; the distribution they stand for weighs as PRIOR of them."""
    tables = [UNUSED]
    for found, seen in zip(all_masses(), counts[1:], strict=True):
        mixed = seen + PRIOR * found
        mixed /= mixed.sum()
        likely = likely_radius(found)
        radii = sorted({min(round(likely * factor), MOST) for factor in WIDER})
        tables.append(min((within(mixed, radius) for radius in radii), key=partial(expected_bits, masses=mixed)))
    return tuple(tables)


def fit_tables(networks: LosslessNetworks, gathered: Gathered) -> tuple[Table, ...]:
    """Tables fitted to the residuals of what networks were trained on."""
    tensors = exact_tensors(copy.deepcopy(networks).cpu(), gathered.coefficients, residual_tables())
    return fitted_tables(count_residuals(exact_codec(tensors, torch.device("cpu")).model, gathered))
