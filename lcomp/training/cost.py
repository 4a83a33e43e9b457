"""The rate-distortion cost that training minimises, normalised so that no quality dominates."""

import torch
from torch import Tensor

from lcomp.networks.blocks import QUALITIES, lmbda, quality_weights
from lcomp.networks.family import Rates

VTM_COST = (0.278, 0.405, 0.573, 0.796, 1.080, 1.440, 1.901, 2.491)
"""Lowest bpp + lmbda * 255^2 * MSE of VTM on Kodak at q = 1..8, from its published curve (CompressAI)."""


def reference_bpp(q: Tensor) -> Tensor:
    """VTM's cost [B] on Kodak at qualities q [B] of at least 1, in bits per pixel."""
    return (quality_weights(q)[:, :QUALITIES] @ torch.tensor(VTM_COST, device=q.device).log()).exp()


def relative_cost(rates: Rates, x: Tensor, q: Tensor) -> Tensor:
    """Cost [B] of pictures x [B, 3, H, W] in [-1, 1] at qualities q [B], relative to VTM's on Kodak.

    The mean over what there is of entropy models and decoders: the latents serve all.
    """
    bpp = ((rates.bits_y + rates.bits_context) / 2 + rates.bits_z) / (x.shape[2] * x.shape[3])
    pictures = torch.stack([rates.x_hat, rates.enhanced])
    mse = ((pictures - x) * 127.5).square().mean((0, 2, 3, 4))
    return (bpp + lmbda(q) * mse) / reference_bpp(q)
