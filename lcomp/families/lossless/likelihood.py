"""Bits of samples under what the networks say, for training: `parameters` without its classes."""

import torch
from torch import Tensor

from lcomp.families.lossless.features import FRACTION
from lcomp.families.lossless.tables import WIDE

LOG_SCALE_RANGE = (-4.0, 8.0)
MOST_SHIFT, MOST_TAIL = 4.0, 3.0
"""What the networks say beyond these means the same as these, as it does for the classes of coding."""

TAIL_OFFSET = -2.5
"""Logit of the tail's weight where the network says 0."""

FLOOR = 2.0**-20
"""Least probability of a sample: one that no table holds is escaped."""


def bits(outputs: Tensor, values: Tensor, predictions: Tensor, errors: Tensor, lowest: int, highest: int) -> Tensor:
    """Bits [n] of samples [n] for outputs [n, OUTPUTS] and predictions [n] with FRACTION fractional bits.

    Those that may be off by `errors` [n] are taken as the middle of their step, wherever it lies.
    """
    shift, logarithm, tail = outputs.unbind(1)
    scale = 0.5 * torch.exp2(logarithm.clamp(*LOG_SCALE_RANGE))
    difference = values - (predictions * 2.0**-FRACTION + shift.clamp(-MOST_SHIFT, MOST_SHIFT) * scale)
    half = errors + 0.5
    first, last = values - errors <= lowest, values + errors >= highest
    # on the side of the mean where the logistic function is far from 1, so that no digits cancel
    beyond = difference > 0
    low, high = difference - half, difference + half
    near, far = torch.where(beyond, -low, high), torch.where(beyond, -high, low)
    open_near, open_far = torch.where(beyond, first, last), torch.where(beyond, last, first)

    def mass(width: Tensor) -> Tensor:
        upper = torch.where(open_near, 1.0, torch.sigmoid(near / width))
        return upper - torch.where(open_far, 0.0, torch.sigmoid(far / width))

    weight = torch.sigmoid(tail.clamp(-MOST_TAIL, MOST_TAIL) + TAIL_OFFSET)
    mixed = (1 - weight) * mass(scale) + weight * mass(WIDE * scale)
    return -torch.log2(mixed.clamp_min(0) * (1 - 2.0**-12) + FLOOR)
