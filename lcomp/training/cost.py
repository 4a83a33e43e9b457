"""The rate-distortion cost that training minimises, normalised so that no quality dominates."""

from typing import NamedTuple

import torch
from torch import Tensor

from lcomp.encoding.objective import OBJECTIVES
from lcomp.networks.blocks import QUALITIES, quality_weights
from lcomp.training.joint import Rates
from lcomp.training.recipe import Shares

REFERENCE_COST = {
    "mse": (0.278, 0.405, 0.573, 0.796, 1.080, 1.440, 1.901, 2.491),
    "ms-ssim": (0.306, 0.437, 0.613, 0.846, 1.150, 1.551, 2.076, 2.749),
    "visual": (0.408, 0.595, 0.842, 1.174, 1.623, 2.205, 2.985, 3.978),
}
"""Bits per pixel + lmbda * distortion at q = 1..8 that costs are relative to, by metric.

The first two are the lowest along VTM's published curve on Kodak (CompressAI); the third is that of `autoregressive`,
trained for squared error, on the validation crops.
"""


def reference_bpp(q: Tensor, metric: str) -> Tensor:
    """The reference cost [B] at qualities q [B] of at least 1, in bits per pixel."""
    return (quality_weights(q)[:, :QUALITIES] @ torch.tensor(REFERENCE_COST[metric], device=q.device).log()).exp()


def tamed(cost: Tensor, wild: float) -> Tensor:
    """Costs [B] unchanged up to `wild`, growing logarithmically beyond, because crops of noise cost hundreds."""
    return torch.where(cost > wild, wild * (1 + (cost.clamp_min(wild) / wild).log()), cost)


class Costs(NamedTuple):
    """Costs [B] of the pairs of entropy model and decoder, or their means, relative to `reference_bpp`."""

    hyperprior: Tensor  # with g_s
    autoregressive: Tensor  # y coded in context, with g_s
    sr: Tensor  # y coded in context, with the larger decoder


def bits_per_pixel(bits: Tensor, x: Tensor) -> Tensor:
    """Bits per pixel [B] of bits [B] for pictures x [B, 3, H, W]."""
    return bits / (x.shape[2] * x.shape[3])


def distortions(rates: Rates, x: Tensor, q: Tensor, metric: str) -> tuple[Tensor, Tensor]:
    """Lmbda times the distortion [B] of g_s and of the larger decoder, in bits per pixel."""
    objective = OBJECTIVES[metric]
    plain = objective.lmbda(q) * objective.distortion(rates.x_hat, x)
    if rates.enhanced is rates.x_hat:
        return plain, plain
    return plain, objective.lmbda(q) * objective.distortion(rates.enhanced, x)


def relative_costs(rates: Rates, x: Tensor, q: Tensor, metric: str) -> Costs:
    """Relative costs [B] of pictures x [B, 3, H, W] in [-1, 1] at qualities q [B], model by model."""
    alone, context = (bits_per_pixel(bits + rates.bits_z, x) for bits in (rates.bits_y, rates.bits_context))
    plain, enhanced = distortions(rates, x, q, metric)
    reference = reference_bpp(q, metric)
    return Costs(
        *((rate + error) / reference for rate, error in ((alone, plain), (context, plain), (context, enhanced)))
    )


def relative_cost(rates: Rates, x: Tensor, q: Tensor, metric: str, shares: Shares) -> Tensor:
    """Cost [B] of pictures x [B, 3, H, W] in [-1, 1] at qualities q [B], relative to `reference_bpp`.

    Averaged over entropy models and decoders by their `shares`, because the same latents serve all.
    """
    bpp = bits_per_pixel(rates.bits_y.lerp(rates.bits_context, shares.context) + rates.bits_z, x)
    plain, enhanced = distortions(rates, x, q, metric)
    return tamed((bpp + plain.lerp(enhanced, shares.decoder)) / reference_bpp(q, metric), shares.wild)
