"""The networks of the lossless family, one for each band and plane: float with simulated 8-bit integers, for training.

features [n, K] -> linear -> LeakyReLU -> linear -> LeakyReLU -+-> linear -> shift of the mean, log2 scale, tail
        `------------------------------------------------------'
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.families.lossless.features import count_features
from lcomp.families.lossless.lattice import BANDS
from lcomp.families.lossless.mode import CONDITIONS
from lcomp.networks.blocks import SLOPE
from lcomp.networks.roles import Role, give_role

PLANES = 3

OUTPUTS = 3
LARGEST = 127
"""Largest magnitude of features, activations and weights, as integers."""

ACTIVATION_STEPS, WEIGHT_STEPS = 16, 64
"""Steps per unit of activations and of weights."""


def quantised(weight: Tensor) -> Tensor:
    """Weights rounded to what 8-bit integers hold, with a straight-through gradient."""
    rounded = (weight * WEIGHT_STEPS).round().clamp(-LARGEST, LARGEST) / WEIGHT_STEPS
    return weight + (rounded - weight).detach()


def activation(value: Tensor) -> Tensor:
    """LeakyReLU, clamped and rounded to what 8-bit integers hold, with a straight-through gradient."""
    largest = LARGEST / ACTIVATION_STEPS
    clamped = torch.maximum(value, value * SLOPE).clamp(-largest, largest)
    rounded = (clamped * ACTIVATION_STEPS + 0.5).floor() / ACTIVATION_STEPS
    return clamped + (rounded - clamped).detach()


class PassNetwork(nn.Module):
    """The network of one band and plane."""

    def __init__(self, plane: int, hidden: int) -> None:
        super().__init__()
        inputs = count_features(plane)
        self.enter, self.middle = nn.Conv2d(inputs, hidden, 1), nn.Conv2d(hidden, hidden, 1)
        self.leave = nn.Conv2d(hidden + inputs, OUTPUTS, 1)
        self.conditions = nn.Parameter(torch.zeros(CONDITIONS, hidden))
        give_role([self.conditions], Role.VECTORS)

    def forward(self, features: Tensor, conditions: Tensor) -> Tensor:
        """Outputs [n, OUTPUTS] for features (int8 [n, K]) of samples under conditions (int64 [n])."""
        x = features.float() / ACTIVATION_STEPS

        def linear(layer: nn.Conv2d, value: Tensor) -> Tensor:
            return F.linear(value, quantised(layer.weight[:, :, 0, 0]), layer.bias)

        h = activation(linear(self.enter, x) + self.conditions[conditions])
        h = activation(linear(self.middle, h))
        return linear(self.leave, torch.cat([h, x], 1))


class LosslessNetworks(nn.Module):
    """The networks of all passes; scales, colours and errors share them."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.by_band = nn.ModuleList(
            nn.ModuleList(PassNetwork(plane, hidden) for plane in range(PLANES)) for _ in range(BANDS)
        )

    def of(self, band: int, plane: int) -> PassNetwork:
        """The network of a band and plane."""
        network = self.by_band[band][plane]  # type: ignore[index]
        assert isinstance(network, PassNetwork)
        return network
