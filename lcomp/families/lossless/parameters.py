"""From what a network says of a sample to the table that codes it, in integers.

A sample is coded by the distribution of its residual: a mixture of two logistic distributions of one mean. Its scale,
the weight of its wide part (the tail) and the phase of its mean between two grey levels choose one of TABLES tables.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lcomp.families.lossless.features import FRACTION
from lcomp.families.lossless.mode import STEP_LOG2

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


OFFSET_STEP = 1 << (OUTPUT_BITS - 3)
"""What an offset of a pass adds to the log2 of its scales: an eighth of an octave."""


MapStrips = Callable[..., Iterable[Any]]
"""Like `map`, though it may spread its work over threads."""


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


def scale_class(logarithm: Tensor) -> Tensor:
    """The class of a scale, from its log2 as the networks say it: they count from half a grey level."""
    place = logarithm - ((LEAST_SCALE_LOG2 + 1) << OUTPUT_BITS)
    return ((place * SCALES_PER_OCTAVE + (1 << (OUTPUT_BITS - 1))) >> OUTPUT_BITS).clamp_(0, SCALES - 1)


class Strip(NamedTuple):
    """What is known of some samples of a pass before they are coded."""

    outputs: Tensor  # int32 [3, n]: shift, log2 scale and tail, as a network says them
    predictions: Tensor  # float32 [n]: integers, FRACTION fractional bits


def coding_parameters(strip: Strip, scales: Tensor, max_error: int, offset: int) -> CodingParameters:
    """How the samples of a strip are coded.

    `scales` (int32 [SCALES]) is what the classes of scales stand for; `offset` widens all of them, in OFFSET_STEP.
    Where samples may be off by `max_error`, residuals are multiples of a step, and their scale is narrower by it.
    """
    shift, logarithm, tail = strip.outputs
    logarithm = logarithm + offset * OFFSET_STEP
    moved = shift.clamp(-MOST_SHIFT, MOST_SHIFT).long() * scales.index_select(0, scale_class(logarithm))
    bits = OUTPUT_BITS + SHIFT_BITS
    mean = strip.predictions.int() + ((moved + (1 << (bits - 1))) >> bits).int()
    centres = (mean + (1 << (FRACTION - 1))) >> FRACTION
    phase = mean - (centres << FRACTION)
    signs = torch.where(phase < 0, -1, 1)
    tails = torch.div(tail - LEAST_TAIL, TAIL_STEP, rounding_mode="floor").clamp_(0, TAILS - 1)
    scale = scale_class(logarithm - STEP_LOG2[max_error])
    tables = table_number(scale, tails, (phase.abs() // (2 * max_error + 1) + 1) >> 1)
    return CodingParameters(centres.to(torch.int16), signs.to(torch.int16), tables.to(torch.int16))


@dataclass(frozen=True)
class Distributions:
    """What is known of all samples of a pass before they are coded."""

    strips: tuple[Strip, ...]
    scales: Tensor  # see `coding_parameters`
    max_error: int
    map_strips: MapStrips

    def parameters(self, offset: int = 0) -> CodingParameters:
        """How the samples are coded; `offset` widens all scales, in steps of OFFSET_STEP."""
        work = partial(coding_parameters, scales=self.scales, max_error=self.max_error, offset=offset)
        return CodingParameters(*map(torch.cat, zip(*self.map_strips(work, self.strips), strict=True)))

    def every(self, step: int) -> "Distributions":
        """Those of one sample in so many."""
        outputs, predictions = zip(*self.strips, strict=True)
        return replace(self, strips=(Strip(torch.cat(outputs, 1)[:, ::step], torch.cat(predictions)[::step]),))
