"""Local statistics of textures: how much energy each band of a picture has, place by place."""

import torch
from torch import Tensor
from torch.nn import functional as F

LEVELS = 3
"""Bands of the Laplacian pyramid that are compared."""

POOL = 8
"""Side of the squares that energies are taken of, in samples of the band."""


def bands(x: Tensor) -> list[Tensor]:
    """The finest LEVELS bands of the Laplacian pyramid (Burt and Adelson 1983) of pictures [B, 3, H, W]."""
    result = []
    for _ in range(LEVELS):
        small = F.avg_pool2d(x, 2)
        result.append(x - F.interpolate(small, scale_factor=2, mode="bilinear"))
        x = small
    return result


def energies(band: Tensor, floor: Tensor) -> Tensor:
    """Root mean squares [B, 3, H/8, W/8] of squares of a band, at least `floor`."""
    return (F.avg_pool2d(band.square(), POOL) + floor.square()).sqrt()


def statistics_distance(ours: Tensor, theirs: Tensor, unit: Tensor) -> Tensor:
    """Mean difference of the local energies of two pictures [B, 3, H, W] in `unit` [B, 1, 1, 1], over all bands.

    A Wasserstein distance between zero-mean Gaussians (Vacher 2020; Wasserstein distortion, Qiu 2023).
    """
    distances = [
        F.l1_loss(energies(a, 0.1 * unit) / unit, energies(b, 0.1 * unit) / unit)
        for a, b in zip(bands(ours), bands(theirs), strict=True)
    ]
    return torch.stack(distances).mean()
