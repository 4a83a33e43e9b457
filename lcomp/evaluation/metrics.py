"""Perceptual measures of 8-bit RGB pictures."""

import math

import torch
from pytorch_msssim import ms_ssim as library_ms_ssim

from lcomp.encoding import ssimulacra2 as objective
from lcomp.encoding.distortion import finest_band
from lcomp.encoding.objective import MS_SSIM_SIDE
from lcomp.types import Pixels


@torch.inference_mode()
def ms_ssim(ours: Pixels, original: Pixels) -> float | None:
    """Multi-scale structural similarity in [0, 1] (Wang 2003), mean of the channels; None where too small for it."""
    if min(original.shape[:2]) < MS_SSIM_SIDE:
        return None
    # channels last: four times as fast
    x, y = (torch.from_numpy(pixels.copy())[None].permute(0, 3, 1, 2).float() for pixels in (ours, original))
    return library_ms_ssim(x, y, data_range=255).item()


def decibels(ms_ssim: float) -> float:
    """MS-SSIM on the logarithmic scale of plots and BD-rates; infinite for an exact copy."""
    return -10 * math.log10(1 - ms_ssim) if ms_ssim < 1 else math.inf


def ssimulacra2(ours: Pixels, original: Pixels) -> float | None:
    """SSIMULACRA2 score, at most 100; None where either side is under 8 pixels, for which it is not defined."""
    return objective.ssimulacra2(ours, original) if min(original.shape[:2]) >= objective.SMALLEST_SIDE else None


@torch.inference_mode()
def detail(ours: Pixels, original: Pixels) -> float | None:
    """Energy of the finest band in relation to the original's; None where the original has none."""
    if min(original.shape[:2]) < 2:
        return None
    energies = []
    for pixels in (ours, original):
        x = torch.from_numpy(pixels.copy())[None].permute(0, 3, 1, 2).float()
        energies.append(finest_band(x).square().sum(dtype=torch.float64).item())
    return energies[0] / energies[1] if energies[1] else None
