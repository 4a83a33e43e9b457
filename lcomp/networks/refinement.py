"""The refinement: a network that adds to a first picture of the latents (quality enhancement, Lee 2019).

It sees the features that the first picture was made from, and all that the file says about the latents.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import ResidualStack, start_at_zero
from lcomp.networks.config import PATCH, BackboneConfig, RefinementConfig
from lcomp.networks.halo import NO_HALO, Halo, Reach
from lcomp.networks.roles import Role, give_role
from lcomp.networks.scale import LatentScale
from lcomp.types import STRIDE

FINE = 4
"""Side in pixels of the patches (pixel-unshuffle) that become one position of the networks' 1/4-resolution stage."""


class Evidence(NamedTuple):
    """All that a file says about the latents."""

    y_hat: Tensor  # [B, M, h, w]: symbols + mu
    symbols: Tensor  # [B, M, h, w]
    scales: Tensor  # [B, M, h, w]: indexes of the scales that the symbols were coded with


class Painted(NamedTuple):
    """A picture and the features that it was made from."""

    x_hat: Tensor  # [B, 3, H, W]
    features: Tensor  # [B, C, H/8, W/8]: input of the last layers at 1/8 resolution


class RefinementOutput(NamedTuple):
    """What is to be added to a picture, and the features that it was made from."""

    added: Tensor  # [B, 3, H, W], in units of `expected_error`
    features: Tensor  # [B, C, H/8, W/8]
    fine: Tensor  # [B, F, H/4, W/4]: the same at 1/4 resolution, for one more 3x3 convolution


def expected_error(w: Tensor) -> Tensor:
    """Typical RMSE [B, 1, 1, 1] of a photograph at quality weights w [B, 9], for samples in [-1, 1].

    It is [B, 1, h, w] at quality weights [B, 9, h, w].

    28 dB at q = 1 and 1.8 dB more with every step. Networks predict what they add in this unit, so that all
    qualities train alike.
    """
    points = torch.arange(w.shape[1] - 1, device=w.device, dtype=w.dtype)
    each = w[:, :-1]
    level = (each @ points if w.ndim == 2 else (each * points[:, None, None]).sum(1)) - 4 * w[:, -1]
    error = 2 * 10 ** (-(28 + 1.8 * level) / 20)
    return error[:, None] if w.ndim > 2 else error[:, None, None, None]


class Refinement(nn.Module):
    """The refinement network: adds to a picture, at 1/8 and then at 1/4 of its resolution.

    features of the picture [B, C, 2h, 2w] ----------.
    symbols, scales [B, 2M, h, w] - 1x1 - shuffle 2 -+- 1x1 - blocks = h -- 3x3 - shuffle 8 ----+-> added
    noise [B, N, 2h, 2w] ----------------------------'                                          |
    the picture - unshuffle 4 -+- 3x3 - blocks - 3x3 - shuffle 4 -------------------------------'
    h - shuffle 2 -------------'
    """

    def __init__(self, backbone: BackboneConfig, features: int, config: RefinementConfig, conditions: int) -> None:
        super().__init__()
        self.config = config
        wide, fine = config.channels, config.channels_fine
        self.hints = nn.Conv2d(2 * backbone.latents, 4 * config.hints, 1)
        self.enter = nn.Conv2d(features + config.hints + config.noise, wide, 1)
        self.blocks = ResidualStack(wide, config.blocks, PATCH, conditions)
        self.leave = nn.Conv2d(wide, 3 * PATCH**2, 3, padding=1)
        self.fine_enter = nn.Conv2d(3 * FINE**2 + wide // 4, fine, 3, padding=1)
        self.fine_blocks = ResidualStack(fine, config.blocks_fine, FINE, conditions)
        self.fine_leave = nn.Conv2d(fine, 3 * FINE**2, 3, padding=1)
        for layer in (self.leave, self.fine_leave):
            start_at_zero(layer)
        give_role(self.parameters(), Role.TRANSFORMS)

    def picture_seen(self, after: Reach) -> int:
        """How far it sees of a picture, in pixels, for layers that see so far of what this makes."""
        return after.picture + FINE + self.fine_blocks.reach + FINE

    def features_seen(self, after: Reach) -> int:
        """How far h is needed, in pixels, for layers that see so far of what this makes."""
        return max(after.picture + PATCH, self.picture_seen(after), after.features)

    def reach(self, after: Reach = Reach()) -> Reach:
        """How far it sees of a picture and its features, for layers that see so far of what it makes."""
        return Reach(self.picture_seen(after), self.features_seen(after) + self.blocks.reach)

    def forward(
        self,
        first: Painted,
        evidence: Evidence,
        noise: Tensor,
        conditions: Tensor,
        w: Tensor,
        scale: LatentScale,
        halo: Halo = NO_HALO,
        after: Reach = Reach(),
    ) -> RefinementOutput:
        """What to add to the picture `first` of latents [B, M, h, w] in a halo, at quality weights w [B, 9].

        `noise` is [B, N, 2h, 2w]; `conditions` [B, 9 + ...] are w and what else the blocks are told. `first` is
        held for what `reach` says.
        """
        seen = self.reach(after)
        spread = scale.spread(halo.crop(w, STRIDE, seen.features))
        symbols, scales = (halo.crop(each, STRIDE, seen.features) for each in (evidence.symbols, evidence.scales))
        hints = F.pixel_shuffle(self.hints(torch.cat([symbols / spread, scales / 16], 1)), 2)
        noise = halo.crop(noise, PATCH, seen.features).to(hints.dtype)
        h = torch.cat([first.features.to(hints.dtype), hints, noise], 1)
        held = self.features_seen(after)
        h = self.blocks(self.enter(h.contiguous(memory_format=torch.channels_last)), conditions, halo, held)
        added = F.pixel_shuffle(halo.through(self.leave, h, PATCH, after.picture, held).float(), PATCH)
        shown = halo.crop(h, PATCH, seen.picture, held)
        fine = torch.cat([F.pixel_unshuffle(first.x_hat, FINE).to(h.dtype), F.pixel_shuffle(shown, 2)], 1)
        fine = fine.contiguous(memory_format=torch.channels_last)
        fine = halo.through(self.fine_enter, fine, FINE, seen.picture - FINE, seen.picture)
        fine_held = after.picture + FINE
        fine = self.fine_blocks(F.leaky_relu(fine, 0.1), conditions, halo, fine_held)
        detail = halo.through(self.fine_leave, fine, FINE, after.picture, fine_held)
        added = added + F.pixel_shuffle(detail.float(), FINE)
        return RefinementOutput(added, halo.crop(h, PATCH, after.features, held), fine)


def no_noise(y_hat: Tensor) -> Tensor:
    """Empty noise [B, 0, 2h, 2w], for a network without noise channels and latents [B, M, h, w]."""
    batch, _, height, width = y_hat.shape
    return y_hat.new_empty(batch, 0, 2 * height, 2 * width)
