"""The rate in training: differentiable proxies for rounding and for the frequency tables."""

import math

import torch
from torch import Tensor

from lcomp.entropy.tables import SCALE_MIN, SCALES, STEPS_PER_OCTAVE

LOG_SCALE_FLOOR = math.log2(SCALE_MIN)
LOG_SCALE_CEILING = LOG_SCALE_FLOOR + (SCALES - 1) / STEPS_PER_OCTAVE


def bounded(log_scale: Tensor) -> Tensor:
    """Clamp log2 standard deviations to the range of the tables, as the integer path does, but leakily.

    The small slope beyond the bounds leaves a gradient that can bring them back.
    """
    within = log_scale.clamp(LOG_SCALE_FLOOR, LOG_SCALE_CEILING)
    return within + 0.03 * (log_scale - within)


def gaussian_bits(value: Tensor, sigma: Tensor) -> Tensor:
    """Bits (elementwise) of the unit-wide bin around `value` under a zero-mean Gaussian (Balle 2018, eq. 8)."""
    value = value.abs()
    inverse = torch.rsqrt(torch.full_like(sigma, 2.0)) / sigma
    upper = torch.special.erfc((value - 0.5) * inverse)
    lower = torch.special.erfc((value + 0.5) * inverse)
    return -torch.log2((0.5 * (upper - lower)).clamp_min(1e-9))


def quantise(value: Tensor, training: bool) -> Tensor:
    """Quantisation as entropy models see it: additive uniform noise in training (Balle 2017), else rounding."""
    return value + torch.rand_like(value) - 0.5 if training else torch.round(value)


def scale_indexes(log_scale: Tensor) -> Tensor:
    """Nearest scale indexes, as floats without a gradient, of log2 standard deviations."""
    return torch.round((log_scale.detach() - LOG_SCALE_FLOOR) * STEPS_PER_OCTAVE).clamp(0, SCALES - 1)
