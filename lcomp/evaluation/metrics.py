"""Perceptual metrics of 8-bit RGB pictures [H, W, 3] against their originals."""

import importlib
import importlib.util
import math

import torch
from pytorch_msssim import ms_ssim as library_ms_ssim

from lcomp.encoding import ssimulacra2 as objective
from lcomp.encoding.distortion import finest_band
from lcomp.encoding.objective import MS_SSIM_SIDE
from lcomp.types import Pixels

PIQ_SIDE, VIF_SIDE = 32, 41
"""Smallest side in pixels for which piq's metrics are computed, and its VIF."""


@torch.inference_mode()
def ms_ssim(ours: Pixels, original: Pixels) -> float | None:
    """Multi-scale structural similarity in [0, 1] (Wang 2003), mean of the channels; None where too small for it."""
    if min(original.shape[:2]) < MS_SSIM_SIDE:
        return None
    # channels-last memory format: four times as fast
    x, y = (torch.from_numpy(pixels.copy())[None].permute(0, 3, 1, 2).float() for pixels in (ours, original))
    return library_ms_ssim(x, y, data_range=255).item()


def decibels(similarity: float) -> float:
    """MS-SSIM or HaarPSI on the logarithmic scale of plots and BD-rates; infinite for an exact copy."""
    return -10 * math.log10(1 - similarity) if similarity < 1 else math.inf


def ssimulacra2(ours: Pixels, original: Pixels) -> float | None:
    """SSIMULACRA2 score, at most 100; None where either side is under 8 pixels, for which it is not defined."""
    return objective.ssimulacra2(ours, original) if min(original.shape[:2]) >= objective.SMALLEST_SIDE else None


def has_piq() -> bool:
    """Whether the library of HaarPSI and GMSD is installed (extra `perceptual`)."""
    return importlib.util.find_spec("piq") is not None


@torch.inference_mode()
def haarpsi(ours: Pixels, original: Pixels) -> float | None:
    """HaarPSI in [0, 1] (Reisenhofer 2018); None where it is not defined or piq is not installed."""
    return library_metric("haarpsi", ours, original)


@torch.inference_mode()
def gmsd(ours: Pixels, original: Pixels) -> float | None:
    """GMSD, 0 for an exact copy (Xue 2014); None where it is not defined or piq is not installed."""
    return library_metric("gmsd", ours, original)


@torch.inference_mode()
def vif(ours: Pixels, original: Pixels) -> float | None:
    """VIF in the pixel domain, 1 for an exact copy (Sheikh 2006); None where it is not defined or piq is missing."""
    return library_metric("vif_p", ours, original) if min(original.shape[:2]) >= VIF_SIDE else None


def library_metric(name: str, ours: Pixels, original: Pixels) -> float | None:
    """A metric of piq; None for pictures too small for any of its metrics, and where piq is not installed."""
    if min(original.shape[:2]) < PIQ_SIDE or not has_piq():
        return None
    x, y = (torch.from_numpy(pixels.copy())[None].permute(0, 3, 1, 2) / 255 for pixels in (ours, original))
    measure = getattr(importlib.import_module("piq"), name)
    return float(measure(x, y, data_range=1.0))


@torch.inference_mode()
def detail(ours: Pixels, original: Pixels) -> float | None:
    """Energy of the finest band relative to the original's; None where the original has none."""
    if min(original.shape[:2]) < 2:
        return None
    energies = []
    for pixels in (ours, original):
        x = torch.from_numpy(pixels.copy())[None].permute(0, 3, 1, 2).float()
        energies.append(finest_band(x).square().sum(dtype=torch.float64).item())
    return energies[0] / energies[1] if energies[1] else None
