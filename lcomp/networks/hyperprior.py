"""The mean-scale hyperprior (Balle 2018, Minnen 2018)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import QualityVector, start_at_zero
from lcomp.networks.config import HYPER_STRIDE, BackboneConfig
from lcomp.networks.energy import energies, energy_transform, group_of_latent
from lcomp.networks.transforms import Analysis, LatentScale, Synthesis

SLOPE = 0.125
"""Negative slope of h_s's activation: a power of two, so that the integer path is exact."""


class Hints(NamedTuple):
    """What h_s says about y."""

    hidden: Tensor  # [B, 2 * high, h, w]: its last hidden layer
    energies: Tensor  # [B, G, h, w]: output of its linear path
    mean: Tensor  # [B, M, h, w]
    log_scale: Tensor  # [B, M, h, w]: natural logarithm of the standard deviation, not bounded below


class HyperAnalysis(nn.Module):
    """h_a: latents to hyper-latents.

    y [B, M, h, w] --+-- energies [B, G, h, w] -- linear path (4x4/4, fp32) --+-- * gain(q) -> z [B, Z, h/4, w/4]
                     `-- asinh(y / spread) - 3x3 - 3x3/2 - 3x3/2 -------------'
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.path = nn.Parameter(energy_transform(config))
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
            return (path + self.leave(h.float())) * scale.z_gain(w)


class HyperSynthesis(nn.Module):
    """h_s: hyper-latents to the entropy parameters of y, relative to the latents' known deviation.

    z_hat [B, Z, h, w] -- / gain(q) --+-- linear path (transposed 4x4, stride 4) - 1x1 ----------+-- [B, 2M, 4h, 4w]
                                      `-- 3x3 - shuffle 2 - 3x3 - shuffle 2 - 1x1 - 1x1 ---------'  (means, log-scales)

    The exact integer path (`lcomp.networks.integer`) runs the same layers in fixed point.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        wide, high = config.hyper_channels, config.hyper_channels_high
        transform = energy_transform(config)  # [Z, G, 4, 4]
        groups = transform.shape[1]
        # the transposed convolution as a 1x1 convolution before a pixel-shuffle
        self.path = nn.Conv2d(config.hyper_latents, groups * HYPER_STRIDE**2, 1)
        self.expand = nn.Conv2d(groups, 2 * config.latents, 1)
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
        # means of large latents need full precision: bf16 has steps of 1 at 256
        with torch.autocast(h.device.type, enabled=False):
            energies = F.pixel_shuffle(self.path(v), HYPER_STRIDE)
            mean, log_scale = (self.expand(energies) + self.leave(h.float())).chunk(2, 1)
        return Hints(h, energies, mean, log_scale)


def gaussian_bits(value: Tensor, sigma: Tensor) -> Tensor:
    """Bits of integer-wide bins around `value` (elementwise) under a zero-mean Gaussian (Balle 2018, eq. 8)."""
    value = value.abs()
    inverse = torch.rsqrt(torch.full_like(sigma, 2.0)) / sigma
    upper = torch.special.erfc((value - 0.5) * inverse)
    lower = torch.special.erfc((value + 0.5) * inverse)
    return -torch.log2((0.5 * (upper - lower)).clamp_min(1e-9))


def quantise(value: Tensor, training: bool) -> Tensor:
    """What the entropy models see: uniform noise in training (Balle 2017), else integers."""
    return value + torch.rand_like(value) - 0.5 if training else torch.round(value)


class Hyperprior(nn.Module):
    """The networks of a variable-rate mean-scale hyperprior model: g_a, h_a, h_s, g_s and the Gaussian prior of z."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = LatentScale(config)
        self.g_a = Analysis(config)
        self.g_s = Synthesis(config)
        self.h_a = HyperAnalysis(config)
        self.h_s = HyperSynthesis(config)
        self.z_log_scale = QualityVector(config.hyper_latents)

    def hints(self, z_hat: Tensor, w: Tensor) -> Hints:
        """What z_hat [B, Z, h, w] says about y [B, M, 4h, 4w] at quality weights w [B, 9], in quantisation steps."""
        hints = self.h_s(z_hat, w, self.scale)
        deviation = self.scale.deviation(w)
        return hints._replace(mean=hints.mean * deviation, log_scale=hints.log_scale + deviation.log())
