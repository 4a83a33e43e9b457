"""The rate-distortion cost that training minimises, normalised so that no quality dominates."""

import torch
from torch import Tensor

from lcomp.networks.blocks import QUALITIES, lmbda, quality_weights
from lcomp.networks.family import Rates

VTM_COST = (0.278, 0.405, 0.573, 0.796, 1.080, 1.440, 1.901, 2.491)
"""Lowest bpp + lmbda * 255^2 * MSE of VTM on Kodak at q = 1..8, from its published curve (CompressAI)."""

CONTEXT_SHARE = 0.7
"""Weight of the rate in context; the rest is that of the hyperprior alone."""

ENHANCED_SHARE = 0.8
"""Weight of the larger decoder's error; the rest is that of g_s alone."""


def reference_bpp(q: Tensor) -> Tensor:
    """VTM's cost [B] on Kodak at qualities q [B] of at least 1, in bits per pixel."""
    return (quality_weights(q)[:, :QUALITIES] @ torch.tensor(VTM_COST, device=q.device).log()).exp()


def relative_cost(rates: Rates, x: Tensor, q: Tensor) -> Tensor:
    """Cost [B] of pictures x [B, 3, H, W] in [-1, 1] at qualities q [B], relative to VTM's on Kodak.

    A mean over what there is of entropy models and decoders: the latents serve all.
    """
    bits_y = rates.bits_y.lerp(rates.bits_context, CONTEXT_SHARE)
    bpp = (bits_y + rates.bits_z) / (x.shape[2] * x.shape[3])
    plain, enhanced = (((picture - x) * 127.5).square().mean((1, 2, 3)) for picture in (rates.x_hat, rates.enhanced))
    return (bpp + lmbda(q) * plain.lerp(enhanced, ENHANCED_SHARE)) / reference_bpp(q)
