"""Everything that is trained together: the backbone, its hyperprior and the context model on it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lcomp.networks.blocks import lmbda, quality_weights
from lcomp.networks.config import BackboneConfig, ContextConfig
from lcomp.networks.context import Base, Context
from lcomp.networks.energy import group_of_latent
from lcomp.networks.hyperprior import Hyperprior, bounded_deviation, gaussian_bits, quantise
from lcomp.rounding import error_weight


class Rates(NamedTuple):
    """Result of a training pass."""

    x_hat: Tensor  # [B, 3, H, W]
    bits_y: Tensor  # [B], bits of y under the hyperprior
    bits_context: Tensor  # [B], bits of y in context; bits_y where there is no context model
    bits_z: Tensor  # [B]


def round_through(value: Tensor) -> Tensor:
    """Round to the nearest integer with an identity gradient (Theis 2017)."""
    return value + (torch.round(value) - value).detach()


class Family(nn.Module):
    """A backbone with the entropy models that code its latents.

    x -> g_a -> y -> h_a -> z -> round -> z_hat -> h_s -> (mu, sigma) -> context -> (mu', sigma')
                `-- round(y - mu') + mu' -> y_hat -> g_s -> x_hat
    """

    def __init__(self, config: BackboneConfig, context: ContextConfig | None) -> None:
        super().__init__()
        self.backbone = Hyperprior(config)
        self.context = None if context is None else Context(config, context, count_features(config))

    def forward(self, x: Tensor, q: Tensor) -> Rates:
        """Training pass on x [B, 3, H, W] in [-1, 1] (multiples of 64) at qualities q [B].

        Rates and h_s see uniform noise, g_s sees rounding with a straight-through gradient (Minnen 2020), the context
        the symbols that the encoder would choose.
        """
        w, backbone = quality_weights(q), self.backbone
        y = backbone.g_a(x, w, backbone.scale)
        z = backbone.h_a(y, w, backbone.scale)
        z_hat = quantise(z, self.training)
        bits_z = gaussian_bits(z_hat, backbone.z_log_scale(w).exp().expand_as(z))
        hints = backbone.hints(z_hat, w)
        residual = y - hints.mean
        bits_y = gaussian_bits(quantise(residual, self.training), bounded_deviation(hints.log_scale)).sum((1, 2, 3))
        bits_context = bits_y
        if self.context is not None:
            features = torch.cat([hints.hidden.float(), hints.energies], 1)
            weight = error_weight(backbone.scale.gain(w).detach(), lmbda(q)[:, None, None, None])
            refined = self.context.refine(Base(features, residual, hints.log_scale / math.log(2)), w, weight)
            residual = refined.residual
            bits_context = gaussian_bits(quantise(residual, self.training), refined.log_scale.exp2()).sum((1, 2, 3))
        x_hat = backbone.g_s(y - residual + round_through(residual), w, backbone.scale)
        return Rates(x_hat, bits_y, bits_context, bits_z.sum((1, 2, 3)))


def count_features(config: BackboneConfig) -> int:
    """Number of features that h_s hands to the context model."""
    return 2 * config.hyper_channels_high + group_of_latent(config.latents)[-1] + 1
