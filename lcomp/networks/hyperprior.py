"""The mean-scale hyperprior (Balle 2018, Minnen 2018)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import SLOPE, QualityVector, spread_over, start_at_zero
from lcomp.networks.config import BackboneConfig
from lcomp.networks.energy import energies, energy_transform, group_of_latent
from lcomp.networks.hyper_context import PARTS, HyperContext
from lcomp.networks.passes import part_numbers
from lcomp.networks.rates import bounded, gaussian_bits, quantise, scale_indexes
from lcomp.networks.roles import Role, give_role
from lcomp.networks.scale import LatentScale
from lcomp.networks.transforms import Analysis, Synthesis
from lcomp.types import HYPER_STRIDE


class Hints(NamedTuple):
    """Output of h_s: the predicted means and scales of y, and the features that a context model starts from."""

    hidden: Tensor  # [B, 2 * high, h, w]: its last hidden layer
    energies: Tensor  # [B, G, h, w]: output of its linear path
    mean: Tensor  # [B, M, h, w]
    log_scale: Tensor  # [B, M, h, w]: natural logarithm of the standard deviation, not bounded below


class CodedZ(NamedTuple):
    """Quantised hyper-latents and their rate."""

    z_hat: Tensor  # [B, Z, h, w]
    bits: Tensor  # [B], of the whole picture


class HyperAnalysis(nn.Module):
    """h_a: latents to hyper-latents.

    y [B, M, h, w] --+-- energies [B, G, h, w] -- linear path (4x4/4, fp32) --+-- * gain(q) -> z [B, Z, h/4, w/4]
                     `-- asinh(y / spread) - 3x3 - 3x3/2 - 3x3/2 -------------'
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.path = nn.Parameter(energy_transform(config))
        give_role([self.path], Role.SMALL)
        self.enter = nn.Conv2d(config.latents, config.hyper_channels, 3, padding=1)
        self.middle = nn.Conv2d(config.hyper_channels, config.hyper_channels, 3, stride=2, padding=1)
        self.leave = nn.Conv2d(config.hyper_channels, config.hyper_latents, 3, stride=2, padding=1)
        start_at_zero(self.leave)

    def forward(self, y: Tensor, w: Tensor, scale: LatentScale) -> Tensor:
        """Hyper-latents z [B, Z, h/4, w/4] of y [B, M, h, w]; h and w multiples of 4."""
        h = torch.asinh(y / scale.spread(w))
        h = F.leaky_relu(self.enter(h), 0.1)
        h = F.leaky_relu(self.middle(h), 0.1)
        with torch.autocast(y.device.type, enabled=False):
            path = F.conv2d(energies(y, scale.deviation(w)), self.path, stride=HYPER_STRIDE)
            return (path + self.leave(h.float())) * spread_over(scale.z_gain(w), path)


class HyperSynthesis(nn.Module):
    """h_s: hyper-latents to the entropy parameters of y, relative to the latents' known deviation.

    z_hat [B, Z, h, w] -- / gain(q) --+-- linear path (transposed 4x4, stride 4) - 1x1 ----------+-- [B, 2M, 4h, 4w]
                                      `-- 3x3 - shuffle 2 - 3x3 - shuffle 2 - 1x1 - 1x1 ---------'  (means, log-scales)

    The exact integer path (`lcomp.networks.exact.hyper_synthesis`) runs the same layers in fixed point.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        wide, high = config.hyper_channels, config.hyper_channels_high
        transform = energy_transform(config)  # [Z, G, 4, 4]
        groups = transform.shape[1]
        # the transposed convolution as a 1x1 convolution before a pixel-shuffle
        self.path = nn.Conv2d(config.hyper_latents, groups * HYPER_STRIDE**2, 1)
        self.expand = nn.Conv2d(groups, 2 * config.latents, 1)
        for layer in (self.path, self.expand):
            give_role(layer.parameters(), Role.SMALL)
        self.enter = nn.Conv2d(config.hyper_latents, 4 * wide, 3, padding=1)
        self.middle = nn.Conv2d(wide, 4 * high, 3, padding=1)
        self.mix = nn.Conv2d(high, 2 * high, 1)
        self.leave = nn.Conv2d(2 * high, 2 * config.latents, 1)
        for layer in (self.path, self.expand, self.leave):
            start_at_zero(layer)
        with torch.no_grad():
            self.path.weight.copy_(transform.flatten(1).T[:, :, None, None])
            # feature 0 is the mean of the DC latent, the others the log-scales of their groups
            self.expand.weight[0, 0] = 1
            for channel, group in enumerate(group_of_latent(config.latents)):
                if group:
                    self.expand.weight[config.latents + channel, group] = 1

    def forward(self, z_hat: Tensor, w: Tensor, scale: LatentScale) -> Hints:
        """Hints for z_hat [B, Z, h, w], means and scales relative to the deviation of y [B, M, 4h, 4w]."""
        v = z_hat / scale.z_gain(w)
        h = F.leaky_relu(F.pixel_shuffle(self.enter(v), 2), SLOPE)
        h = F.leaky_relu(F.pixel_shuffle(self.middle(h), 2), SLOPE)
        h = F.leaky_relu(self.mix(h), SLOPE)
        # means of large latents need full precision: bf16 has steps of 1 up to 256, and of 2 beyond
        with torch.autocast(h.device.type, enabled=False):
            energies = F.pixel_shuffle(self.path(v), HYPER_STRIDE)
            mean, log_scale = (self.expand(energies) + self.leave(h.float())).chunk(2, 1)
        return Hints(h, energies, mean, log_scale)


class Hyperprior(nn.Module):
    """A variable-rate mean-scale hyperprior: g_a, g_s, h_a, h_s, and the prior of z with its context model h_c."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = LatentScale(config)
        self.g_a = Analysis(config)
        self.g_s = Synthesis(config)
        self.h_a = HyperAnalysis(config)
        self.h_s = HyperSynthesis(config)
        self.z_log_scale = QualityVector(config.hyper_latents)
        self.h_c = HyperContext(config)

    def code_z(self, z: Tensor, w: Tensor) -> CodedZ:
        """Quantise z [B, Z, h, w] part by part at quality weights w [B, 9]; with additive uniform noise in training."""
        gain, log_scale = self.scale.z_gain(w), self.z_log_scale(w) / math.log(2)
        rows, columns = z.shape[2:]
        numbers = part_numbers(rows, columns, PARTS).to(z.device)
        mean, scales = torch.zeros_like(z), bounded(log_scale).expand_as(z)
        known = z.detach()  # replaced part by part with what is decoded; what later parts see
        for part in range(PARTS):
            here = numbers == part
            if part:
                shift, change = self.h_c(known / gain * (numbers < part), part, w)
                mean = torch.where(here, shift * log_scale.exp2(), mean)
                scales = torch.where(here, bounded(log_scale + change), scales)
            with torch.no_grad():
                symbols = torch.round(known - mean) * (scale_indexes(scales) > 0)
                known = torch.where(here, symbols + mean, known)
        seen = quantise(z - mean, True) if self.training else known - mean
        return CodedZ(seen + mean, gaussian_bits(seen, scales.exp2()).sum((1, 2, 3)))

    def hints(self, z_hat: Tensor, w: Tensor) -> Hints:
        """Prediction of y [B, M, 4h, 4w] from z_hat [B, Z, h, w] at quality weights w [B, 9], in quantisation steps."""
        hints = self.h_s(z_hat, w, self.scale)
        deviation = self.scale.deviation(w)
        return hints._replace(mean=hints.mean * deviation, log_scale=hints.log_scale + deviation.log())
