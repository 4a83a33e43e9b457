"""From what a network says of a sample to the table that codes it, in integers.

A sample is coded by the distribution of its residual: a mixture of two logistic distributions of one mean. Its scale,
the weight of its wide part (the tail) and the phase of its mean between two grey levels choose one of TABLES tables.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lcomp.families.lossless.features import FRACTION

OUTPUT_BITS = 10
"""Fractional bits of what the networks say."""

SCALES_PER_OCTAVE, SCALES, TAILS = 4, 48, 4
LEAST_SCALE_LOG2 = -5
"""Log2 of the scale of the first class, in grey levels."""

FINE_SCALES, PHASES = 24, 5
"""Scales below which the mean's phase matters, and the phases from a grey level to half way to the next."""

TABLES = 1 + FINE_SCALES * TAILS * PHASES + (SCALES - FINE_SCALES) * TAILS
"""The first is never used: the entropy layer does not code what has it."""

LEAST_TAIL, TAIL_STEP = -3 << 10, 3 << 9
"""Where the first class of tails begins, and how far each reaches, in steps of OUTPUT_BITS."""

MOST_SHIFT = 4 << OUTPUT_BITS
"""Largest shift of a mean, in scales."""

SHIFT_BITS = 8
"""Fractional bits of the scales that a shift is multiplied with."""


class CodingParameters(NamedTuple):
    """How the samples of a pass are coded."""

    centres: Tensor  # int16 [n]: the grey level that residuals count from
    signs: Tensor  # int16 [n]: 1, or -1 where the residual is mirrored
    tables: Tensor  # int16 [n]: numbers of tables, from 0


def scale_table() -> Tensor:
    """Scales (int32 [SCALES]) in steps of 2^-(FRACTION + SHIFT_BITS) grey levels; stored with the weights."""
    logarithms = LEAST_SCALE_LOG2 + torch.arange(SCALES, dtype=torch.float64) / SCALES_PER_OCTAVE
    return torch.round(2.0 ** (logarithms + FRACTION + SHIFT_BITS)).to(torch.int32)


def table_number(scale: Tensor, tail: Tensor, phase: Tensor) -> Tensor:
    """Numbers of tables for classes of scales, tails and phases."""
    fine = (scale * TAILS + tail) * PHASES + phase
    coarse = FINE_SCALES * TAILS * PHASES + (scale - FINE_SCALES) * TAILS + tail
    return 1 + torch.where(scale < FINE_SCALES, fine, coarse)


def coarse_table(scale: int) -> int:
    """The number of the table of a coarse class of scales with the widest tail."""
    return int(table_number(torch.tensor(scale), torch.tensor(TAILS - 1), torch.tensor(0)))


def coding_parameters(outputs: Tensor, predictions: Tensor, scales: Tensor) -> CodingParameters:
    """Parameters from the outputs of a network (int32 [3, n]: shift, log2 scale, tail) and predictions (int16 [n])."""
    shift, logarithm, tail = outputs
    place = logarithm - ((LEAST_SCALE_LOG2 + 1) << OUTPUT_BITS)  # the networks count from half a grey level
    scale = ((place * SCALES_PER_OCTAVE + (1 << (OUTPUT_BITS - 1))) >> OUTPUT_BITS).clamp_(0, SCALES - 1)
    moved = shift.clamp(-MOST_SHIFT, MOST_SHIFT).long() * scales.index_select(0, scale)
    bits = OUTPUT_BITS + SHIFT_BITS
    mean = predictions.int() + ((moved + (1 << (bits - 1))) >> bits).int()
    centres = (mean + (1 << (FRACTION - 1))) >> FRACTION
    offset = mean - (centres << FRACTION)
    tails = torch.div(tail - LEAST_TAIL, TAIL_STEP, rounding_mode="floor").clamp_(0, TAILS - 1)
    tables = table_number(scale, tails, (offset.abs() + 1) >> 1)
    signs = torch.where(offset < 0, -1, 1)
    return CodingParameters(centres.to(torch.int16), signs.to(torch.int16), tables.to(torch.int16))
