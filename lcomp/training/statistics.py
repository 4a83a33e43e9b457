"""Local statistics of textures: how much energy each band of a picture has, place by place."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.encoding.distortion import finest_band

WEIGHTS = (1.6, 0.9, 0.5)
"""Weights of the bands of the Laplacian pyramid, finest first: the finer texture is, the less PSNR it costs."""

POOL = 8
"""Side of the squares that energies are averaged over, in samples of the band."""

CHROMA = 2.0
"""Weight of the colour differences: texture that is invented per channel would be a coloured grain, which is ugly."""

LUMA_CHROMA = (
    (1 / 3**0.5, 1 / 3**0.5, 1 / 3**0.5),
    (0.5**0.5, 0.0, -(0.5**0.5)),
    (1 / 6**0.5, -2 / 6**0.5, 1 / 6**0.5),
)
"""Orthonormal luma and colour differences of RGB."""


def seen(x: Tensor) -> Tensor:
    """Luma and weighted colour differences [B, 3, H, W] of RGB pictures [B, 3, H, W]."""
    rows = x.new_tensor(LUMA_CHROMA) * x.new_tensor((1.0, CHROMA, CHROMA))[:, None]
    return F.conv2d(x, rows[:, :, None, None])


def bands(x: Tensor) -> list[Tensor]:
    """The finest bands of the Laplacian pyramid of pictures [B, 3, H, W]."""
    result = []
    for _ in WEIGHTS:
        result.append(finest_band(x))
        x = F.avg_pool2d(x, 2)
    return result


def finest_difference(ours: Tensor, theirs: Tensor) -> Tensor:
    """Squared logarithm [B] of the energy of pictures [B, 3, H, W] in the finest band, relative to that of others.

    >>> flat, noisy = torch.zeros(1, 3, 8, 8), torch.eye(8).expand(1, 3, 8, 8)
    >>> finest_difference(noisy, noisy).item(), finest_difference(flat, noisy).item() > 1
    (0.0, True)
    """
    energies = (bands(picture)[0].square().mean((1, 2, 3)) + 1e-6 for picture in (ours, theirs))
    return torch.sub(*(energy.log() for energy in energies)).square()


def band_energies(band: Tensor, floor: Tensor) -> Tensor:
    """Local RMS [B, 3, H/8, W/8] of a band [B, 3, H, W], at least `floor`."""
    return (F.avg_pool2d(band.square(), POOL) + floor.square()).sqrt()


def statistics_distance(ours: Tensor, theirs: Tensor, unit: Tensor) -> Tensor:
    """Mean difference of the local energies of pictures [B, 3, H, W] in `unit` [B, 1, 1, 1], over bands and colours.

    A Wasserstein distance between zero-mean Gaussians (Vacher 2020; Wasserstein distortion, Qiu 2023).
    """
    distances = [
        weight * F.l1_loss(band_energies(a, 0.1 * unit) / unit, band_energies(b, 0.1 * unit) / unit)
        for weight, a, b in zip(WEIGHTS, bands(seen(ours)), bands(seen(theirs)), strict=True)
    ]
    return torch.stack(distances).mean()
