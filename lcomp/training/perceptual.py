"""Costs in features from outside: how far a decoded picture is from its original for a network that recognises things.

Structure is compared position by position, texture by the moments of neighbourhoods.
"""

from typing import NamedTuple

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


def whole(features: Tensor) -> Tensor:
    """Means and standard deviations [2, B, C] of features over all positions."""
    return torch.stack([features.mean((2, 3)), features.std((2, 3))])


class Drifts(NamedTuple):
    """Squared differences [B] of moments over whole crops, in squared deviations of the originals."""

    drift: Tensor  # of the moving averages, mean over channels, moments and stages
    patch_drift: Tensor  # of those of the deepest stage's means alone, which Frechet distances are of
    patches: Tensor  # of the deepest stage's means of every crop


class Drift:
    """How far the features of decoded pictures have drifted from those of originals, as populations.

    Moving averages of the differences, of every place in the batch: what a discriminator that is linear in the features
    would find, without having to learn it (generative feature matching, Santos 2019). What one crop differs in is
    chance and costs little; what all of them differ in costs much.
    """

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self.averages: list[Tensor] = []
        self.units: list[Tensor] = []

    def __call__(self, ours: list[Tensor], theirs: list[Tensor]) -> Drifts:
        """The drift of features [B, C, H, W] of stages, the deepest last."""
        originals = [whole(stage) for stage in theirs]
        differences = [whole(stage) - original for stage, original in zip(ours, originals, strict=True)]
        if not self.averages:
            self.averages = [torch.zeros_like(difference) for difference in differences]
            self.units = [original.var(1, correction=0, keepdim=True) for original in originals]
        share, costs = 1 - self.momentum, []
        for place, (difference, original) in enumerate(zip(differences, originals, strict=True)):
            self.units[place] = self.units[place].lerp(original.var(1, correction=0, keepdim=True), share)
            average = self.averages[place].lerp(difference, share)
            self.averages[place] = average.detach()
            # the gradient of the average is `share` of that of a difference
            costs.append((average.square() / (self.units[place] + FLOOR**2) / share).mean(2))
        patches = (differences[-1][0].square() / (self.units[-1][0] + FLOOR**2)).mean(1)
        return Drifts(torch.cat(costs).mean(0), costs[-1][0], patches)
