"""What is trained jointly: the backbone, its hyperprior, the context model and the larger decoder."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lcomp.encoding.objective import OBJECTIVES
from lcomp.networks.blocks import quality_weights
from lcomp.networks.config import BackboneConfig, ContextConfig, RefinementConfig
from lcomp.networks.context import Base, Context
from lcomp.networks.energy import group_of_latent
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.hyperprior import Hyperprior
from lcomp.networks.refinement import Evidence, no_noise
from lcomp.zoo.registry import METRICS


class Rates(NamedTuple):
    """Pictures and rates of a training pass."""

    x_hat: Tensor  # [B, 3, H, W], of g_s
    enhanced: Tensor  # [B, 3, H, W], of the larger decoder; x_hat where there is none
    bits_y: Tensor  # [B], bits of y under the hyperprior
    bits_context: Tensor  # [B], bits of y in context; bits_y where there is no context model
    bits_z: Tensor  # [B]


class JointModels(nn.Module):
    """A backbone with the entropy models that code its latents and a larger decoder of them.

    x -> g_a -> y -> h_a -> z -> round -> z_hat -> h_s -> (mu, sigma) -> context -> (mu', sigma')
                `-- choose(y - mu') + mu' -> y_hat -> g_s -> x_hat -> enhancer -> enhanced
    """

    def __init__(
        self,
        config: BackboneConfig,
        context: ContextConfig | None,
        decoder: RefinementConfig | None,
        metric: str = METRICS[0],
    ) -> None:
        super().__init__()
        self.objective = OBJECTIVES[metric]
        self.backbone = Hyperprior(config)
        self.context = None if context is None else Context(config, context, count_features(config))
        self.enhancer = None if decoder is None else Enhancer(config, decoder)

    def forward(self, x: Tensor, q: Tensor) -> Rates:
        """Training pass on x [B, 3, H, W] in [-1, 1] (multiples of 64) at qualities q [B].

        Rates and h_s see additive uniform noise; the context model and the decoders see the symbols that the encoder's
        RDOQ would choose, the decoders with a straight-through gradient (Minnen 2020).
        """
        w, backbone = quality_weights(q), self.backbone
        y = backbone.g_a(x, w, backbone.scale)
        z = backbone.h_a(y, w, backbone.scale)
        z_hat, bits_z = backbone.code_z(z, w)
        hints = backbone.hints(z_hat, w)
        weight = self.objective.error_weight(backbone.scale.gain(w).detach(), q)
        features = torch.cat([hints.hidden.float(), hints.energies], 1)
        base = Base(features, y - hints.mean, hints.log_scale / math.log(2))
        coded = base.unrefined()
        bits_y = bits_context = coded.bits(weight, self.training)
        if self.context is not None:
            coded = self.context.refine(base, w, weight)
            bits_context = coded.bits(weight, self.training)
        symbols = coded.residual + (coded.choose(weight) - coded.residual).detach()
        y_hat = y - coded.residual + symbols
        evidence = Evidence(y_hat, symbols, coded.scales())
        if self.enhancer is None:
            x_hat = enhanced = backbone.g_s(evidence, w, backbone.scale).x_hat
        else:
            parts = self.enhancer(backbone.g_s, evidence, no_noise(y_hat), w, backbone.scale, half=False)
            x_hat, enhanced = parts.x_hat, parts.x_hat + parts.added
        return Rates(x_hat, enhanced, bits_y, bits_context, bits_z)


def count_features(config: BackboneConfig) -> int:
    """Number of features that h_s hands to the context model."""
    return 2 * config.hyper_channels_high + group_of_latent(config.latents)[-1] + 1
