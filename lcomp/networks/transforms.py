"""Analysis and synthesis transforms: a linear block transform beside residual networks."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import ResidualStack, spread_over, start_at_zero
from lcomp.networks.config import PATCH, BackboneConfig
from lcomp.networks.refinement import FINE, Evidence, Painted, Refinement, expected_error, no_noise
from lcomp.networks.roles import Role, give_role
from lcomp.networks.scale import LatentScale
from lcomp.types import STRIDE

CONDITIONS = 1
"""Conditions of the refinement besides the quality: how far it is below 1."""


class Analysis(nn.Module):
    """g_a: picture to scaled latents.

    x [B, 3, H, W] --+-- L (16x16, stride 16, fp32) --------------------------------------+-- * gain(q)
                     |-- unshuffle 8 - 1x1 -----------------+- blocks(C) - 3x3/2          |      |
                     |                                      |              - blocks(D)    |      v
                     `-- unshuffle 4 - 3x3 - blocks(F)      |              - 1x1 ---------'  y [B, M, H/16, W/16]
                                     - unshuffle 2 - 1x1 ---'
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.zeros(config.latents, 3, STRIDE, STRIDE))
        self.enter = nn.Conv2d(3 * PATCH**2, config.channels, 1)
        self.fine_enter = nn.Conv2d(3 * FINE**2, config.channels_fine, 3, padding=1)
        self.fine = ResidualStack(config.channels_fine, config.blocks_fine)
        self.fine_leave = nn.Conv2d(config.channels_fine * (PATCH // FINE) ** 2, config.channels, 1)
        self.high = ResidualStack(config.channels, config.blocks)
        self.down = nn.Conv2d(config.channels, config.channels_low, 3, stride=2, padding=1)
        self.low = ResidualStack(config.channels_low, config.blocks_low)
        self.leave = nn.Conv2d(config.channels_low, config.latents, 1)
        for layer in (self.fine_leave, self.leave):
            start_at_zero(layer)
        give_role([self.linear], Role.LINEAR)
        give_role(self.parameters(), Role.TRANSFORMS)

    def forward(self, x: Tensor, w: Tensor, scale: LatentScale) -> Tensor:
        """Latents y [B, M, H/16, W/16] of pictures x [B, 3, H, W] in [-1, 1]; H and W multiples of 16."""
        h = self.low(self.down(self.features(x, w)), w)
        # the block transform runs in full precision: at 40 dB the DC must be right to 1 %
        with torch.autocast(x.device.type, enabled=False):
            linear = F.conv2d(x.float(), self.linear, stride=STRIDE)
            return (linear + self.leave(h.float()) * scale.std[None, :, None, None]) * scale.gain(w)

    def features(self, x: Tensor, w: Tensor) -> Tensor:
        """Features [B, C, H/8, W/8] of pictures x [B, 3, H, W], at quality weights w [B, 9]."""
        fine = self.fine_enter(F.pixel_unshuffle(x, FINE).contiguous(memory_format=torch.channels_last))
        fine = self.fine(F.leaky_relu(fine, 0.1), w)
        h = self.enter(F.pixel_unshuffle(x, PATCH).contiguous(memory_format=torch.channels_last))
        return self.high(h + self.fine_leave(F.pixel_unshuffle(fine, PATCH // FINE)), w)


class Draft(nn.Module):
    """The first stage of g_s: dequantised latents to a picture.

    y_hat [B, M, h, w] --+-- / gain(q) -- L' (transposed 16x16, stride 16, fp32) -------------------+-- x_hat
                         `-- / spread(q) - 1x1 - blocks(D) - 1x1 - shuffle 2 - blocks(C) - 3x3 - shuffle 8 -'
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.zeros(config.latents, 3, STRIDE, STRIDE))
        self.enter = nn.Conv2d(config.latents, config.channels_low, 1)
        self.low = ResidualStack(config.channels_low, config.blocks_low)
        self.up = nn.Conv2d(config.channels_low, 4 * config.channels, 1)
        self.high = ResidualStack(config.channels, config.blocks_synthesis)
        self.leave = nn.Conv2d(config.channels, 3 * PATCH**2, 3, padding=1)
        start_at_zero(self.leave)
        give_role([self.linear], Role.LINEAR)
        give_role(self.parameters(), Role.TRANSFORMS)

    def forward(self, y_hat: Tensor, w: Tensor, scale: LatentScale) -> Painted:
        """Pictures x_hat [B, 3, 16h, 16w], nominally in [-1, 1], of latents y_hat [B, M, h, w]."""
        h = self.low(self.enter(y_hat / scale.spread(w)), w)
        h = self.high(F.pixel_shuffle(self.up(h), 2).contiguous(memory_format=torch.channels_last), w)
        with torch.autocast(y_hat.device.type, enabled=False):
            # the transposed convolution as a matrix product per block, which is much faster on CPUs
            rows = self.linear.flatten(1).T[:, :, None, None]
            linear = F.pixel_shuffle(F.conv2d(y_hat / scale.gain(w), rows), STRIDE)
        return Painted(linear + F.pixel_shuffle(self.leave(h).float(), PATCH), h)

    def averaged_path(self, w: Tensor, scale: LatentScale, factor: int) -> Tensor:
        """The linear path at quality weights w [1, 9] and 1/factor of the size, as a matrix [3 (16/factor)^2, M]."""
        return (F.avg_pool2d(self.linear, factor).flatten(1) / scale.gain(w)[0, :, :, 0]).T


class Synthesis(nn.Module):
    """g_s: latents to a picture in two stages, a draft from y_hat and a refinement from symbols and scales."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.draft = Draft(config)
        self.refinement = Refinement(config, config.channels, config.refinement, CONDITIONS)

    def forward(self, evidence: Evidence, w: Tensor, scale: LatentScale) -> Painted:
        """Pictures x_hat [B, 3, 16h, 16w], nominally in [-1, 1], of latents [B, M, h, w]."""
        draft = self.draft(evidence.y_hat, w, scale)
        refined = self.refinement(draft, evidence, no_noise(evidence.y_hat), w, w, scale)
        features = torch.cat([draft.features, refined.features], 1)
        return Painted(draft.x_hat + refined.added * spread_over(expected_error(w), refined.added), features)
