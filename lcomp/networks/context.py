"""The context model: entropy parameters of y refined by the parts of y that are already decoded.

Channel groups are coded one after the other (Minnen 2020), the first of them in two checkerboard halves (He 2021,
"Checkerboard context model"; ELIC, He 2022). Everything a pass needs is one running state per latent position.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.entropy.tables import SCALE_MIN, STEPS_PER_OCTAVE
from lcomp.networks.blocks import QualityVector, start_at_zero
from lcomp.networks.config import BackboneConfig, ContextConfig
from lcomp.networks.hyperprior import SLOPE, gaussian_bits, quantise

LOG_SCALE_FLOOR = math.log2(SCALE_MIN)

FLOOR = 0.16
"""Energy of a symbol that is zero, in squared quantisation steps."""

SIGN_OFFSET = 3.0
"""Added to a symbol's surprise before its sign is put on; below it the sign says nothing."""


class Pass(NamedTuple):
    """One step of the coding order: a channel group, or one half of its positions."""

    group: int
    first: int  # channels first .. last - 1 of y
    last: int
    half: int | None  # 0: positions of even row + column, 1: odd ones, None: all


def passes(config: ContextConfig) -> Iterator[Pass]:
    """The coding order of y."""
    first = 0
    for group, channels in enumerate(config.groups):
        for half in (0, 1) if group < config.halved else (None,):
            yield Pass(group, first, first + channels, half)
        first += channels


def checkerboard(rows: int, columns: int, half: int) -> Tensor:
    """Boolean mask [rows, columns] of one half of the positions."""
    return (torch.arange(rows)[:, None] + torch.arange(columns)) % 2 == half


def surprise(symbols: Tensor, log_scale: Tensor) -> Tensor:
    """Features [B, 2G, h, w] of symbols [B, G, h, w] with log2 standard deviations: energy against expectation.

    Half the log2 ratio of the symbol's energy to the expected one, and the same with the symbol's sign.
    """
    energy = 0.5 * (torch.log2(symbols.square() + FLOOR) - torch.log2((2 * log_scale).exp2() + FLOOR))
    return torch.cat([energy, symbols.sign() * (energy + SIGN_OFFSET).clamp_min(0)], 1)


class Refined(NamedTuple):
    """What is left to code of a channel group, and how."""

    residual: Tensor  # [B, G, h, w]: y - mu
    log_scale: Tensor  # [B, G, h, w]: log2 of the standard deviation

    def choose(self, weight: Tensor) -> Tensor:
        """Symbols [B, G, h, w]: the nearest, or one towards zero where that saves more bits than it costs."""
        # not the decorator, at which torch.compile would break its graph
        with torch.no_grad():
            sigma = self.log_scale.exp2()
            nearest = torch.round(self.residual)
            lower = nearest - nearest.sign()
            saved = gaussian_bits(nearest, sigma) - gaussian_bits(lower, sigma)
            added = weight * ((self.residual - lower).square() - (self.residual - nearest).square())
            coded = self.log_scale > LOG_SCALE_FLOOR + 0.5 / STEPS_PER_OCTAVE  # the first scale stands for zeros
            return torch.where(saved > added, lower, nearest) * coded


class Base(NamedTuple):
    """What the hyperprior says about y."""

    features: Tensor  # [B, F, h, w]: hidden layer and energies of h_s
    residual: Tensor  # [B, M, h, w]: y - mu
    log_scale: Tensor  # [B, M, h, w]: log2 of the standard deviation, not yet bounded below

    def refine(self, shifts: Tensor) -> Refined:
        """The residual and scales after the shifts [B, 2G, h, w] of a pass."""
        mean, scale = shifts.float().chunk(2, 1)
        deviation = self.log_scale.clamp_min(LOG_SCALE_FLOOR).exp2()
        above = self.log_scale + scale - LOG_SCALE_FLOOR
        # a small slope below the bound keeps a gradient that can bring the scale back
        above = above.clamp_min(0) + 0.03 * above.clamp_max(0)
        return Refined(self.residual - mean * deviation, LOG_SCALE_FLOOR + above)


class Parameters(nn.Module):
    """Refinement of one pass: state [B, W, h, w] -> LeakyReLU - 1x1 - LeakyReLU - 1x1 -> [B, 2G, h, w]."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(width, width, 1)
        self.leave = nn.Conv2d(width, 2 * channels, 1)
        start_at_zero(self.leave)

    def forward(self, state: Tensor) -> Tensor:
        """Shifts of the means, in standard deviations, and of the log2 scales."""
        return self.leave(F.leaky_relu(self.enter(F.leaky_relu(state, SLOPE)), SLOPE))


class Context(nn.Module):
    """The context network.

    features of h_s [B, F, h, w] -- 1x1 - + vector(q) --> state [B, W, h, w] -- Parameters --> refined means, scales
                                                           ^                                          |
                    3x3 or, for groups with many channels, 1x1 -- surprise of the decoded symbols <---'
    """

    def __init__(self, backbone: BackboneConfig, config: ContextConfig, features: int) -> None:
        super().__init__()
        if sum(config.groups) != backbone.latents or not 0 <= config.halved <= len(config.groups):
            raise ValueError("the context groups do not add up to the latents")
        self.config = config
        self.enter = nn.Conv2d(features, config.width, 1)
        self.quality = QualityVector(config.width)
        self.parameters_of = nn.ModuleList(Parameters(config.width, step.last - step.first) for step in passes(config))
        kernels = [3 if channels <= config.widest else 1 for channels in config.groups]
        # from a first half to the other positions, and from a whole group to the groups after it
        self.across = nn.ModuleList(
            nn.Conv2d(2 * channels, config.width, 3, padding=1) for channels in config.groups[: config.halved]
        )
        self.onward = nn.ModuleList(
            nn.Conv2d(2 * channels, config.width, kernel, padding=kernel // 2)
            for channels, kernel in zip(config.groups[:-1], kernels, strict=False)
        )
        with torch.no_grad():
            for layer in (*self.across, *self.onward):
                layer.weight.mul_(0.3)

    def forward(self, base: Base, w: Tensor, weight: Tensor) -> Tensor:
        """Bits [B] of y coded in context, at quality weights w [B, 8].

        `weight` [B, M, 1, 1] is what a squared error of one step costs in bits: the symbols that later passes see are
        chosen as the encoder does (`lcomp.rounding`), without a gradient.
        """
        refined = self.refine(base, w, weight)
        return gaussian_bits(quantise(refined.residual, self.training), refined.log_scale.exp2()).sum((1, 2, 3))

    def refine(self, base: Base, w: Tensor, weight: Tensor) -> Refined:
        """What every symbol is coded with, all passes in order."""
        state = self.enter(base.features) + self.quality(w)
        height, width = base.residual.shape[2:]
        odd = checkerboard(height, width, 1).to(state.device)
        parameters = iter(self.parameters_of)
        parts = []
        first = 0
        for group, channels in enumerate(self.config.groups):
            part = Base(base.features, *(tensor[:, first : first + channels] for tensor in base[1:]))
            cost = weight[:, first : first + channels]
            refined = part.refine(next(parameters)(state))
            if group < self.config.halved:
                seen = surprise(refined.choose(cost), refined.log_scale.detach()) * ~odd
                second = part.refine(next(parameters)(state + self.across[group](seen)))
                refined = Refined(*(torch.where(odd, two, one) for one, two in zip(refined, second, strict=True)))
            if group + 1 < len(self.config.groups):
                state = state + self.onward[group](surprise(refined.choose(cost), refined.log_scale.detach()))
            parts.append(refined)
            first += channels
        return Refined(*(torch.cat(tensors, 1) for tensors in zip(*parts, strict=True)))
