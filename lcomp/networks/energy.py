"""Local energies of the latents: the features that the linear path of the hyperprior codes.

Channels are sorted by variance, and neighbouring channels largely share their local variance. The log energy of a group
of channels, relative to its expectation, is therefore most of what an entropy model needs to know. The linear path
codes the 4x4 DCT of these log energies.
"""

import numpy as np
import torch
from torch import Tensor

from lcomp.networks.config import BackboneConfig
from lcomp.types import HYPER_STRIDE

GROUP = 32
"""Channels per group; smaller groups of 1, 1, 2, 4, 8, 16 come first."""

FLOOR = 0.4
"""Noise floor of the energies, in quantisation steps: its square is added to them, and hides what is smaller."""


def group_of_latent(latents: int) -> list[int]:
    """Group number of every channel of y; group 0 is channel 0 (the DC) alone."""
    return [channel.bit_length() if channel < GROUP else 5 + channel // GROUP for channel in range(latents)]


def energies(y: Tensor, deviation: Tensor) -> Tensor:
    """Features [B, G, h, w] of latents y [B, M, h, w] with expected deviations [B, M, 1, 1].

    Feature 0 is the DC latent over its deviation; the others are half the log ratio of their group's energy to its
    expectation.
    """
    groups = group_of_latent(y.shape[1])
    sizes = [groups.count(group) for group in range(1, groups[-1] + 1)]
    floor = FLOOR**2
    features = [y[:, :1] / deviation[:, :1]]
    parts, deviations = torch.split(y[:, 1:], sizes, 1), torch.split(deviation[:, 1:], sizes, 1)
    for part, expected in zip(parts, deviations, strict=True):
        ratio = (part.square().mean(1, True) + floor) / (expected.square().mean(1, True) + floor)
        features.append(0.5 * ratio.log())
    return torch.cat(features, 1)


def energy_transform(config: BackboneConfig) -> Tensor:
    """Orthonormal 4x4 DCT [Z, G, 4, 4] of the features, lowest frequencies of all groups first."""
    n = HYPER_STRIDE
    k, i = np.mgrid[:n, :n]
    basis = np.cos(np.pi * (i + 0.5) * k / n) * np.sqrt(np.where(k > 0, 2 / n, 1 / n))
    frequencies = sorted(((u, v) for u in range(n) for v in range(n)), key=lambda pair: (sum(pair), pair))
    groups = group_of_latent(config.latents)[-1] + 1
    transform = np.zeros((config.hyper_latents, groups, n, n), np.float32)
    pairs = [(frequency, group) for frequency in frequencies for group in range(groups)]
    for channel, ((u, v), group) in zip(range(config.hyper_latents), pairs, strict=False):
        transform[channel, group] = np.outer(basis[u], basis[v])
    return torch.from_numpy(transform)
