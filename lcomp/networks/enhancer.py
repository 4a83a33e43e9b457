"""Decoders of their own: what they add to the picture of the backbone's g_s, which stays as it is."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import start_at_zero
from lcomp.networks.config import PATCH, BackboneConfig, RefinementConfig
from lcomp.networks.refinement import FINE, Evidence, Refinement, expected_error
from lcomp.networks.roles import Role, give_role
from lcomp.networks.scale import LatentScale
from lcomp.networks.transforms import Synthesis

CONDITIONS = 2
"""Conditions besides the quality: how far it is below 1, and whether the picture was coded at half its size."""

MASK = 2**32 - 1

CELLS = 2
"""Cells of the lattice in each direction that say what the lattice itself puts into a picture."""


class Enhanced(NamedTuple):
    """A picture in two parts, which add up."""

    x_hat: Tensor  # [B, 3, H, W]: of the backbone's g_s
    added: Tensor  # [B, 3, H, W]


def upscale(x: Tensor) -> Tensor:
    """A picture [B, 3, H, W] at twice its size, by cubic interpolation."""
    return F.interpolate(x, scale_factor=2, mode="bicubic", antialias=True)


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


def without_lattice(added: Tensor, side: int) -> Tensor:
    """What is added to pictures [B, 3, H, W], less what comes again in every cell of so many pixels around.

    A network that paints a cell of pixels from one place of its features paints all cells a little alike. As invented
    texture that is seen as a weave. What the pixels of a cell have in common is no pattern and stays.
    """
    # channels last: four times faster to average on CPUs
    cells = F.pixel_unshuffle(added, side).contiguous(memory_format=torch.channels_last)
    steady = F.avg_pool2d(cells, 2 * CELLS + 1, 1, CELLS, count_include_pad=False)
    apart = steady.reshape(len(added), added.shape[1], side**2, *steady.shape[2:])
    return added - F.pixel_shuffle((apart - apart.mean(2, keepdim=True)).reshape(steady.shape), side)


class Enhancer(nn.Module):
    """The network of a decoder of its own: a refinement of what g_s makes, and of pictures coded at half their size."""

    def __init__(self, backbone: BackboneConfig, config: RefinementConfig) -> None:
        super().__init__()
        self.config = config
        self.refinement = Refinement(backbone, backbone.channels + backbone.refinement.channels, config, CONDITIONS)
        self.twice = nn.Conv2d(config.channels_fine, 12 * FINE**2, 3, padding=1)
        start_at_zero(self.twice)
        give_role(self.parameters(), Role.TRANSFORMS)

    def forward(
        self, g_s: Synthesis, evidence: Evidence, noise: Tensor, w: Tensor, scale: LatentScale, half: bool
    ) -> Enhanced:
        """The picture of g_s, and what to add to it; both twice the size where it was coded at `half` of it.

        `noise` is [B, N, 2h, 2w], latents are [B, M, h, w], at quality weights w [B, 9].
        """
        painted = g_s(evidence, w, scale)
        conditions = torch.cat([w, torch.full_like(w[:, :1], float(half))], 1)
        x_hat, (added, _, fine) = painted.x_hat, self.refinement(painted, evidence, noise, conditions, w, scale)
        if half:
            x_hat, added = upscale(x_hat), upscale(added) + F.pixel_shuffle(self.twice(fine).float(), 2 * FINE)
        if self.config.noise:
            added = without_lattice(added, 2 * PATCH if half else PATCH)
        return Enhanced(x_hat, added * expected_error(w))
