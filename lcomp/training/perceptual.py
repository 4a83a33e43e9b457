"""Costs in features from outside: how far a decoded picture is from its original for a network that recognises things.

Structure is compared position by position, texture by the moments of neighbourhoods.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

POOL = 4
"""Side of the neighbourhoods whose moments are compared, in positions of a stage."""

FLOOR = 0.1
"""Added to the deviation of a feature, so that those that say nothing of a picture count little."""


def normalised(features: Tensor) -> Tensor:
    """Features [B, C, H, W], of unit length at every position."""
    return features / (features.square().sum(1, keepdim=True) + 1e-3).sqrt()


def structure_distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Squared distance [B] of normalised features, mean over positions and stages (LPIPS without weights, Zhang 2018).

    >>> same = [torch.ones(1, 8, 4, 4)]
    >>> structure_distance(same, same).item()
    0.0
    """
    pairs = zip(ours, theirs, strict=True)
    return torch.stack([(normalised(a) - normalised(b)).square().sum(1).mean((1, 2)) for a, b in pairs]).mean(0)


def moments(features: Tensor) -> Tensor:
    """Means and standard deviations [2, B, C, H/4, W/4] of features in neighbourhoods of POOL x POOL positions."""
    mean = F.avg_pool2d(features, POOL)
    return torch.stack([mean, (F.avg_pool2d(features.square(), POOL) - mean.square()).clamp_min(1e-4).sqrt()])


def moments_distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Difference [B] of the moments of neighbourhoods, in deviations of the originals' features, mean over stages.

    A Wasserstein distance between Gaussians of independent features (Wasserstein distortion, Qiu 2023).
    """
    distances = []
    for a, b in zip(ours, theirs, strict=True):
        unit = b.std((0, 2, 3), keepdim=True) + FLOOR
        distances.append((moments(a / unit) - moments(b / unit)).abs().sum(0).mean((1, 2, 3)))
    return torch.stack(distances).mean(0)
