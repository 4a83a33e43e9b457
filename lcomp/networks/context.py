"""The context model: refines the entropy parameters of y with what is already decoded of y.

Channel-conditional between groups (Minnen 2020) and spatial within the first ones, which are coded in parts: the halves
of a checkerboard (He 2021, "Checkerboard context model"; ELIC, He 2022) or the corners of 2x2 squares. All that a pass
knows is in one running state per latent position.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import SLOPE, QualityVector, start_at_zero
from lcomp.networks.config import BackboneConfig, ContextConfig
from lcomp.networks.passes import part_numbers, passes
from lcomp.networks.rates import LOG_SCALE_CEILING, LOG_SCALE_FLOOR, bounded, gaussian_bits, quantise, scale_indexes

FLOOR = 0.16
"""Added to the energy of every symbol, so that a zero has a logarithm; in squared quantisation steps."""

SIGN_OFFSET = 3.0
"""Added to a symbol's surprise before its sign is applied; where the sum is negative, the sign says nothing."""


def surprise(symbols: Tensor, log_scale: Tensor) -> Tensor:
    """Context features [B, 2G, h, w] of decoded symbols [B, G, h, w], given their log2 standard deviations.

    Half the log2 ratio of each symbol's energy to its expectation; then that ratio plus SIGN_OFFSET, at least 0, with
    the symbol's sign.
    """
    energy = 0.5 * (torch.log2(symbols.square() + FLOOR) - torch.log2((2 * log_scale).exp2() + FLOOR))
    return torch.cat([energy, symbols.sign() * (energy + SIGN_OFFSET).clamp_min(0)], 1)


class ContextOutput(NamedTuple):
    """The residual of a channel group that is left to code, and the scale of every symbol."""

    residual: Tensor  # [B, G, h, w]: y - mu
    log_scale: Tensor  # [B, G, h, w]: log2 of the standard deviation

    def bits(self, weight: Tensor, training: bool) -> Tensor:
        """Rate [B] in bits: under additive uniform noise in training (Balle 2017), else of the symbols of `choose`."""
        seen = quantise(self.residual, True) if training else self.choose(weight)
        return gaussian_bits(seen, self.log_scale.exp2()).sum((1, 2, 3))

    def scales(self) -> Tensor:
        """Scale indexes [B, G, h, w], as floats."""
        return scale_indexes(self.log_scale)

    def choose(self, weight: Tensor) -> Tensor:
        """Symbols [B, G, h, w] by RDOQ: the nearest, or one towards zero where the bits saved outweigh the error.

        `weight` (broadcast) is the bits that a squared error of one step is worth.
        """
        # the decorator form of no_grad would break torch.compile's graph
        with torch.no_grad():
            sigma = self.log_scale.exp2()
            nearest = torch.round(self.residual)
            lower = nearest - nearest.sign()
            saved = gaussian_bits(nearest, sigma) - gaussian_bits(lower, sigma)
            added = weight * ((self.residual - lower).square() - (self.residual - nearest).square())
            # symbols at the first scale are not coded: the decoder takes them for zero
            return torch.where(saved > added, lower, nearest) * (self.scales() > 0)


class Base(NamedTuple):
    """The hyperprior's prediction of y, which the context model starts from."""

    features: Tensor  # [B, F, h, w]: hidden layer and energies of h_s
    residual: Tensor  # [B, M, h, w]: y - mu
    log_scale: Tensor  # [B, M, h, w]: log2 of the standard deviation, not yet bounded

    def unrefined(self) -> ContextOutput:
        """The prediction as it stands, its scales bounded to those of the frequency tables."""
        return ContextOutput(self.residual, bounded(self.log_scale))

    def refine(self, shifts: Tensor) -> ContextOutput:
        """Residual and scales after a pass's shifts [B, 2G, h, w]: of means in deviations, of scales in octaves."""
        mean, scale = shifts.float().chunk(2, 1)
        deviation = self.log_scale.clamp(LOG_SCALE_FLOOR, LOG_SCALE_CEILING).exp2()
        return ContextOutput(self.residual - mean * deviation, bounded(self.log_scale + scale))


class Parameters(nn.Module):
    """Entropy parameters of one pass: state [B, W, h, w] -> LeakyReLU - 1x1 - LeakyReLU - 1x1 -> [B, 2G, h, w]."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(width, width, 1)
        self.leave = nn.Conv2d(width, 2 * channels, 1)
        start_at_zero(self.leave)

    def forward(self, state: Tensor) -> Tensor:
        """Shifts [B, 2G, h, w] of the means, in standard deviations, and of the log2 scales."""
        return self.leave(F.leaky_relu(self.enter(F.leaky_relu(state, SLOPE)), SLOPE))


class Mixer(nn.Module):
    """Spatial mixing of the state between groups: [B, W, h, w] -> LeakyReLU - 3x3 - LeakyReLU - 1x1 -> to be added."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(width, hidden, 3, padding=1)
        self.leave = nn.Conv2d(hidden, width, 1)
        start_at_zero(self.leave)

    def forward(self, state: Tensor) -> Tensor:
        """What to add to the state [B, W, h, w]."""
        return self.leave(F.leaky_relu(self.enter(F.leaky_relu(state, SLOPE)), SLOPE))


class Context(nn.Module):
    """The context network; raises ValueError where its groups do not add up to the channels of y.

    features of h_s [B, F, h, w] -- 1x1 - + vector(q) --> state [B, W, h, w] -- Parameters --> refined means, scales
                                                           ^                                          |
                    3x3 or, for groups with many channels, 1x1 -- surprise of the decoded symbols <---'

    Between groups a Mixer adds to the state.
    """

    def __init__(self, backbone: BackboneConfig, config: ContextConfig, features: int) -> None:
        super().__init__()
        if sum(config.groups) != backbone.latents:
            raise ValueError("the context groups do not add up to the latents")
        self.config = config
        self.enter = nn.Conv2d(features, config.width, 1)
        self.quality = QualityVector(config.width)
        self.parameters_of = nn.ModuleList(Parameters(config.width, step.last - step.first) for step in passes(config))
        kernels = [3 if channels <= config.widest else 1 for channels in config.groups]
        # across: from the decoded parts of a group to its next part; onward: from a whole group to the groups after it
        self.across = nn.ModuleList(
            nn.Conv2d(2 * (step.last - step.first), config.width, 3, padding=1) for step in passes(config) if step.part
        )
        self.onward = nn.ModuleList(
            nn.Conv2d(2 * channels, config.width, kernel, padding=kernel // 2)
            for channels, kernel in zip(config.groups[:-1], kernels, strict=False)
        )
        self.mixers = nn.ModuleList(Mixer(config.width, config.hidden) for _ in config.groups[:-1])
        with torch.no_grad():
            for layer in (*self.across, *self.onward):
                layer.weight.mul_(0.3)

    def forward(self, base: Base, w: Tensor, weight: Tensor) -> Tensor:
        """Rate [B] in bits of y coded in context, at quality weights w [B, 9].

        `weight` [B, M, 1, 1] is the bits that a squared error of one step is worth. Later passes see the symbols that
        the encoder's RDOQ (`lcomp.encoding.rdoq`) would choose, without a gradient.
        """
        return self.refine(base, w, weight).bits(weight, self.training)

    def refine(self, base: Base, w: Tensor, weight: Tensor) -> ContextOutput:
        """Residuals and scales [B, M, h, w] that the symbols are coded with, after all passes in order."""
        state = self.enter(base.features) + self.quality(w)
        height, width = base.residual.shape[2:]
        parameters, across = iter(self.parameters_of), iter(self.across)
        finished, refined = [], ContextOutput(base.residual[:, :0], base.log_scale[:, :0])
        for step in passes(self.config):
            channels = slice(step.first, step.last)
            part = Base(base.features, base.residual[:, channels], base.log_scale[:, channels])
            cost = weight[:, channels]
            if step.part == 0:
                refined = part.refine(next(parameters)(state))
            else:
                numbers = part_numbers(height, width, step.parts).to(state.device)
                seen = surprise(refined.choose(cost), refined.log_scale.detach()) * (numbers < step.part)
                better = part.refine(next(parameters)(state + next(across)(seen)))
                here = numbers == step.part
                refined = ContextOutput(
                    *(torch.where(here, new, old) for new, old in zip(better, refined, strict=True))
                )
            if step.part + 1 < step.parts:
                continue
            if step.group < len(self.onward):
                state = state + self.onward[step.group](surprise(refined.choose(cost), refined.log_scale.detach()))
                state = state + self.mixers[step.group](state)
            finished.append(refined)
        return ContextOutput(*(torch.cat(tensors, 1) for tensors in zip(*finished, strict=True)))
