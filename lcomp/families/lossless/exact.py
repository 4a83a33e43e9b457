"""The integer networks of the lossless family: what `lcomp.families.lossless.network` simulates.

Features, activations and weights are 8-bit integers. They are carried in float32, in which every sum of products here
is exact (below 2^24 steps), so that the order of summation, the device and its instruction set do not matter.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.families.lossless.scratch import Scratch
from lcomp.networks.blocks import SLOPE

EXACT_LIMIT = 2**23
"""Sums stay below this, so that rounding can add one half exactly."""

LARGEST = 127
WEIGHT_BITS = 6
"""Fractional bits of the weights."""


@dataclass(frozen=True)
class IntegerLinear:
    """A linear layer of integers; raises ValueError where its sums could be inexact."""

    weight: Tensor  # float32 [out, in]: integers of 8 bits
    bias: Tensor  # float32 [out], or [conditions, out]: integers, at the precision of the sums

    def __post_init__(self) -> None:
        largest = self.weight.abs().sum(1).max() * LARGEST + self.bias.abs().max()
        if self.weight.abs().max() > LARGEST or not largest < EXACT_LIMIT:
            raise ValueError("sums of a linear layer may exceed 2^23")


class IntegerNetwork:
    """The network of one band and plane."""

    def __init__(self, enter: IntegerLinear, middle: IntegerLinear, leave: IntegerLinear) -> None:
        # a power of two scales without rounding: sums come out in steps of activations
        step = 2.0**-WEIGHT_BITS
        # half a step of the sums more: what lies half way between two integers is rounded up, and nothing else changes
        self.enter, self.enter_bias = enter.weight * step, (enter.bias[:, :, None] + 0.5) * step
        self.middle, self.middle_bias = middle.weight * step, (middle.bias[:, None] + 0.5) * step
        hidden = len(middle.weight)
        self.leave_hidden, self.leave_input = leave.weight[:, :hidden], leave.weight[:, hidden:]
        self.leave_bias = leave.bias[:, None]

    def __call__(self, features: Tensor, condition: int, scratch: Scratch) -> Tensor:
        """Outputs (int32 [OUTPUTS, n]) for features (float32 [K, n]) of samples under a condition."""
        first, second = (scratch.take(name, len(self.middle), features.shape[1], features) for name in ("h", "g"))
        h = activation(torch.addmm(self.enter_bias[condition], self.enter, features, out=first))
        h = activation(torch.addmm(self.middle_bias, self.middle, h, out=second))
        return torch.addmm(self.leave_bias, self.leave_input, features).addmm_(self.leave_hidden, h).int()


def activation(total: Tensor) -> Tensor:
    """LeakyReLU, rounded to the nearest integer and clamped to 8 bits, in place."""
    return F.leaky_relu_(total, SLOPE).round_().clamp_(-LARGEST, LARGEST)
