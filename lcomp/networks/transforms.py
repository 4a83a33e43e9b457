"""Analysis and synthesis transforms: a linear block transform beside residual networks."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import ResidualStack, spread_over, start_at_zero
from lcomp.networks.config import PATCH, BackboneConfig
from lcomp.networks.halo import NO_HALO, Halo, Reach
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
        self.fine = ResidualStack(config.channels_fine, config.blocks_fine, FINE)
        self.fine_leave = nn.Conv2d(config.channels_fine * (PATCH // FINE) ** 2, config.channels, 1)
        self.high = ResidualStack(config.channels, config.blocks, PATCH)
        self.down = nn.Conv2d(config.channels, config.channels_low, 3, stride=2, padding=1)
        self.low = ResidualStack(config.channels_low, config.blocks_low, STRIDE)
        self.leave = nn.Conv2d(config.channels_low, config.latents, 1)
        for layer in (self.fine_leave, self.leave):
            start_at_zero(layer)
        give_role([self.linear], Role.LINEAR)
        give_role(self.parameters(), Role.TRANSFORMS)

    @property
    def reach(self) -> int:
        """How far it sees of pictures, in pixels on each side."""
        return FINE + self.fine.reach + self.high.reach + self.features_seen

    @property
    def features_seen(self) -> int:
        """How far features are needed."""
        return PATCH + self.low.reach

    def forward(self, x: Tensor, w: Tensor, scale: LatentScale, halo: Halo = NO_HALO) -> Tensor:
        """Latents y [B, M, H/16, W/16] of pictures x [B, 3, H, W] in [-1, 1]; H and W multiples of 16.

        Of a halo of the pictures, only `halo.seen(0)` is left.
        """
        seen = self.low.reach
        h = self.down(self.features(x, w, halo))
        h = self.low(halo.crop(h, STRIDE, seen, self.features_seen), w, halo)
        # the block transform runs in full precision: at 40 dB the DC must be right to 1 %
        with torch.autocast(x.device.type, enabled=False):
            linear = F.conv2d(halo.crop(x, 1, 0).float(), self.linear, stride=STRIDE)
            detail = self.leave(h.float()) * scale.std[None, :, None, None]
            return (linear + detail) * scale.gain(halo.crop(w, STRIDE, 0))

    def features(self, x: Tensor, w: Tensor, halo: Halo = NO_HALO) -> Tensor:
        """Features [B, C, H/8, W/8] of pictures x [B, 3, H, W], at quality weights w [B, 9]."""
        between = self.features_seen + self.high.reach
        held = between + self.fine.reach
        seen = F.pixel_unshuffle(halo.crop(x, 1, held + FINE), FINE).contiguous(memory_format=torch.channels_last)
        fine = halo.through(self.fine_enter, seen, FINE, held, held + FINE)
        fine = self.fine(F.leaky_relu(fine, 0.1), w, halo, between)
        coarse = F.pixel_unshuffle(halo.crop(x, 1, between), PATCH).contiguous(memory_format=torch.channels_last)
        h = self.enter(coarse) + self.fine_leave(F.pixel_unshuffle(fine, PATCH // FINE))
        return self.high(h, w, halo, self.features_seen)


class Draft(nn.Module):
    """The first stage of g_s: dequantised latents to a picture.

    y_hat [B, M, h, w] --+-- / gain(q) -- L' (transposed 16x16, stride 16, fp32) -------------------+-- x_hat
                         `-- / spread(q) - 1x1 - blocks(D) - 1x1 - shuffle 2 - blocks(C) - 3x3 - shuffle 8 -'
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.zeros(config.latents, 3, STRIDE, STRIDE))
        self.enter = nn.Conv2d(config.latents, config.channels_low, 1)
        self.low = ResidualStack(config.channels_low, config.blocks_low, STRIDE)
        self.up = nn.Conv2d(config.channels_low, 4 * config.channels, 1)
        self.high = ResidualStack(config.channels, config.blocks_synthesis, PATCH)
        self.leave = nn.Conv2d(config.channels, 3 * PATCH**2, 3, padding=1)
        start_at_zero(self.leave)
        give_role([self.linear], Role.LINEAR)
        give_role(self.parameters(), Role.TRANSFORMS)

    def features_seen(self, after: Reach) -> int:
        """How far its features are needed, in pixels, for layers that see so far of what it makes."""
        return max(after.picture + PATCH, after.features)

    def reach(self, after: Reach = Reach()) -> int:
        """How far it sees of the latents, in pixels on each side, for layers that see so far of what it makes."""
        return self.features_seen(after) + self.high.reach + self.low.reach

    def forward(
        self, y_hat: Tensor, w: Tensor, scale: LatentScale, halo: Halo = NO_HALO, after: Reach = Reach()
    ) -> Painted:
        """Pictures x_hat [B, 3, 16h, 16w], nominally in [-1, 1], of latents y_hat [B, M, h, w] in a halo."""
        held = self.features_seen(after)
        between, before = held + self.high.reach, self.reach(after)
        h = halo.crop(y_hat, STRIDE, before) / scale.spread(halo.crop(w, STRIDE, before))
        h = self.low(self.enter(h), w, halo, between)
        h = F.pixel_shuffle(self.up(h), 2).contiguous(memory_format=torch.channels_last)
        h = self.high(h, w, halo, held)
        with torch.autocast(y_hat.device.type, enabled=False):
            # the transposed convolution as a matrix product per block, which is much faster on CPUs
            rows = self.linear.flatten(1).T[:, :, None, None]
            shown = halo.crop(y_hat, STRIDE, after.picture) / scale.gain(halo.crop(w, STRIDE, after.picture))
            linear = F.pixel_shuffle(F.conv2d(shown, rows), STRIDE)
        added = halo.through(self.leave, h, PATCH, after.picture, held)
        x_hat = linear + F.pixel_shuffle(added.float(), PATCH)
        return Painted(x_hat, halo.crop(h, PATCH, after.features, held))

    def averaged_path(self, w: Tensor, scale: LatentScale, factor: int) -> Tensor:
        """The linear path at quality weights w [1, 9] and 1/factor of the size, as a matrix [3 (16/factor)^2, M]."""
        return (F.avg_pool2d(self.linear, factor).flatten(1) / scale.gain(w)[0, :, :, 0]).T


class Synthesis(nn.Module):
    """g_s: latents to a picture in two stages, a draft from y_hat and a refinement from symbols and scales."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.draft = Draft(config)
        self.refinement = Refinement(config, config.channels, config.refinement, CONDITIONS)

    def reach(self, after: Reach = Reach()) -> int:
        """How far it sees of the latents, in pixels on each side, for layers that see so far of what it makes."""
        return self.draft.reach(self.refinement.reach(after))

    def forward(
        self, evidence: Evidence, w: Tensor, scale: LatentScale, halo: Halo = NO_HALO, after: Reach = Reach()
    ) -> Painted:
        """Pictures x_hat [B, 3, 16h, 16w], nominally in [-1, 1], of latents [B, M, h, w] in a halo.

        They and the features are made as far as the layers see that are to follow.
        """
        seen = self.refinement.reach(after)
        draft = self.draft(evidence.y_hat, w, scale, halo, seen)
        refined = self.refinement(draft, evidence, no_noise(evidence.y_hat), w, w, scale, halo, after)
        features = torch.cat([halo.crop(draft.features, PATCH, after.features, seen.features), refined.features], 1)
        error = expected_error(halo.crop(w, STRIDE, after.picture))
        x_hat = halo.crop(draft.x_hat, 1, after.picture, seen.picture)
        return Painted(x_hat + refined.added * spread_over(error, refined.added), features)
