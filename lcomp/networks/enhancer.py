"""What a decoder of its own adds to the picture of the backbone's g_s (Lee 2019: quality enhancement).

The g_s stays as it is: a network looks at its features and at all that the file says about the latents.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import ResidualStack, start_at_zero
from lcomp.networks.config import PATCH, BackboneConfig, EnhancerConfig
from lcomp.networks.transforms import LatentScale, Synthesis

FINE = 4
"""Pixels per cell of the last part of the network, in both directions."""

CONDITIONS = 2
"""Conditions besides the quality: how far it is below 1, and whether the picture was coded at half its size."""

MASK = 2**32 - 1


class Evidence(NamedTuple):
    """All that a file says about the latents."""

    y_hat: Tensor  # [B, M, h, w]: symbols + mu
    symbols: Tensor  # [B, M, h, w]
    scales: Tensor  # [B, M, h, w]: indexes of the scales that the symbols were coded with


class Enhanced(NamedTuple):
    """A picture in two parts, which add up."""

    x_hat: Tensor  # [B, 3, H, W]: of the backbone's g_s
    added: Tensor  # [B, 3, H, W]


def upscale(x: Tensor) -> Tensor:
    """A picture [B, 3, H, W] at twice its size, by cubic interpolation."""
    return F.interpolate(x, scale_factor=2, mode="bicubic", antialias=True)


def expected_error(w: Tensor) -> Tensor:
    """Root mean squared error [B, 1, 1, 1] that a photograph has at quality weights w [B, 9], in [-1, 1], roughly.

    28 dB at q = 1 and 1.8 dB more with every step: what is added is expressed in it, so that all qualities train alike.
    """
    points = torch.arange(w.shape[1] - 1, device=w.device, dtype=w.dtype)
    level = w[:, :-1] @ points - 4 * w[:, -1]
    return (2 * 10 ** (-(28 + 1.8 * level) / 20))[:, None, None, None]


def grain(channels: int, top: int, left: int, rows: int, columns: int, device: torch.device) -> Tensor:
    """Noise [1, channels, rows, columns] of unit variance, a function of the place alone: windows of a picture agree.

    An integer hash of row, column and channel (lowbias32 of Wellons' hash prospector), evenly distributed.
    """
    place = torch.arange(channels, device=device)[:, None, None] * 0xC2B2AE3D
    place = place ^ (torch.arange(top, top + rows, device=device)[:, None] * 0x9E3779B1)
    place = (place ^ (torch.arange(left, left + columns, device=device) * 0x85EBCA77)) & MASK
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        place = (place ^ (place >> shift)) * factor & MASK
    place = place ^ (place >> 16)
    return ((place.double() / 2**31 - 1) * 3**0.5).float()[None]


def no_noise(y_hat: Tensor) -> Tensor:
    """The noise [B, 0, 2h, 2w] of a network without any, for latents [B, M, h, w]."""
    batch, _, height, width = y_hat.shape
    return y_hat.new_empty(batch, 0, 2 * height, 2 * width)


class Enhancer(nn.Module):
    """The network of a decoder of its own.

    features of g_s [B, C, 2h, 2w] ------------------.
    symbols, scales [B, 2M, h, w] - 1x1 - shuffle 2 -+- 1x1 - blocks = h -- 3x3 - shuffle 8 ----+-> added
    noise [B, N, 2h, 2w] ----------------------------'                                          |
    x_hat of g_s - unshuffle 4 -+- 3x3 - blocks - 3x3 - shuffle 4 ------------------------------'
    h - shuffle 2 --------------'
    """

    def __init__(self, backbone: BackboneConfig, config: EnhancerConfig) -> None:
        super().__init__()
        self.config = config
        wide, fine = config.channels, config.channels_fine
        self.hints = nn.Conv2d(2 * backbone.latents, 4 * config.hints, 1)
        self.enter = nn.Conv2d(backbone.channels + config.hints + config.noise, wide, 1)
        self.blocks = ResidualStack(wide, config.blocks, CONDITIONS)
        self.leave = nn.Conv2d(wide, 3 * PATCH**2, 3, padding=1)
        self.fine_enter = nn.Conv2d(3 * FINE**2 + wide // 4, fine, 3, padding=1)
        self.fine_blocks = ResidualStack(fine, config.blocks_fine, CONDITIONS)
        self.fine_leave = nn.Conv2d(fine, 3 * FINE**2, 3, padding=1)
        self.fine_twice = nn.Conv2d(fine, 12 * FINE**2, 3, padding=1)
        for layer in (self.leave, self.fine_leave, self.fine_twice):
            start_at_zero(layer)

    def forward(
        self, g_s: Synthesis, evidence: Evidence, noise: Tensor, w: Tensor, scale: LatentScale, half: bool
    ) -> Enhanced:
        """The picture of g_s, and what to add to it; both twice the size where it was coded at `half` of it.

        `noise` is [B, N, 2h, 2w], latents are [B, M, h, w], at quality weights w [B, 9].
        """
        features = g_s.features(evidence.y_hat, w, scale)
        x_hat = g_s.picture(evidence.y_hat, features, w, scale)
        unit = expected_error(w)
        seen = torch.cat([evidence.symbols / scale.spread(w), evidence.scales / 16], 1)
        conditions = torch.cat([w, torch.full_like(w[:, :1], float(half))], 1)
        hints = F.pixel_shuffle(self.hints(seen), 2)
        h = torch.cat([features.to(hints.dtype), hints, noise.to(hints.dtype)], 1)
        h = self.blocks(self.enter(h.contiguous(memory_format=torch.channels_last)), conditions)
        added = F.pixel_shuffle(self.leave(h).float(), PATCH)
        fine = torch.cat([F.pixel_unshuffle(x_hat, FINE).to(h.dtype), F.pixel_shuffle(h, 2)], 1)
        fine = self.fine_enter(fine.contiguous(memory_format=torch.channels_last))
        fine = self.fine_blocks(F.leaky_relu(fine, 0.1), conditions)
        added = added + F.pixel_shuffle(self.fine_leave(fine).float(), FINE)
        if half:
            x_hat, added = upscale(x_hat), upscale(added) + F.pixel_shuffle(self.fine_twice(fine).float(), 2 * FINE)
        return Enhanced(x_hat, added * unit)
