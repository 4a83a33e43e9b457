"""Post-filters: the networks of `sr` and `gan`, which add to the picture of the backbone's g_s and leave g_s alone."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import spread_over, start_at_zero
from lcomp.networks.config import PATCH, BackboneConfig, RefinementConfig
from lcomp.networks.halo import NO_HALO, Halo, Reach
from lcomp.networks.refinement import FINE, Evidence, Refinement, expected_error
from lcomp.networks.roles import Role, give_role
from lcomp.networks.scale import LatentScale
from lcomp.networks.transforms import Synthesis
from lcomp.types import STRIDE

CONDITIONS = 2
"""Conditions besides the quality: how far it is below 1, and whether the picture was coded at half size."""

MASK = 2**32 - 1

UPSCALE_REACH = 2
"""Support of the bicubic upscaling on each side, in pixels of the smaller picture."""

DOUBLED = 0.5
"""Pixels of the smaller picture per pixel of the upscaled one."""

CELLS = 2
"""Neighbouring cells on each side that `without_lattice` averages over to estimate the periodic pattern."""

LEAST_ENERGY = 1e-6
"""Of a pattern: with less there is none to remove."""


class Enhanced(NamedTuple):
    """A picture as the sum of two parts."""

    x_hat: Tensor  # [B, 3, H, W]: of the backbone's g_s
    added: Tensor  # [B, 3, H, W]: of the post-filter


def upscale(x: Tensor) -> Tensor:
    """Pictures [B, 3, H, W] at twice their size [B, 3, 2H, 2W], by bicubic interpolation."""
    return F.interpolate(x, scale_factor=2, mode="bicubic", antialias=True)


def grain(channels: int, top: int, left: int, rows: int, columns: int, device: torch.device) -> Tensor:
    """Uniform noise [1, channels, rows, columns] of unit variance, a function of the place, so that windows agree.

    An integer hash of row, column and channel (lowbias32 of Wellons' hash prospector).
    """
    place = torch.arange(channels, device=device)[:, None, None] * 0xC2B2AE3D
    place = place ^ (torch.arange(top, top + rows, device=device)[:, None] * 0x9E3779B1)
    place = (place ^ (torch.arange(left, left + columns, device=device) * 0x85EBCA77)) & MASK
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        place = (place ^ (place >> shift)) * factor & MASK
    place = place ^ (place >> 16)
    return ((place.double() / 2**31 - 1) * 3**0.5).float()[None]


def without_lattice(added: Tensor, side: int) -> Tensor:
    """Remove from what is added [B, 3, H, W] the pattern that repeats with a period of `side` pixels.

    A pixel-shuffle paints a whole cell of pixels from one position of the features, and all cells a little alike; in
    synthesised texture this periodic artefact shows as a weave. The mean over neighbouring cells, taken for each pixel
    of a cell, estimates it. What the pixels of a cell have in common is no pattern and stays.
    """
    # channels last: four times faster to average on CPUs
    cells = F.pixel_unshuffle(added, side).contiguous(memory_format=torch.channels_last)
    steady = F.avg_pool2d(cells, 2 * CELLS + 1, 1, CELLS, count_include_pad=False)
    apart = steady.reshape(len(added), added.shape[1], side**2, *steady.shape[2:])
    return added - F.pixel_shuffle((apart - apart.mean(2, keepdim=True)).reshape(steady.shape), side)


def without_weave(added: Tensor, side: int) -> Tensor:
    """The same by projection, for pictures coded at half size: each cell loses what it shares with the eight around it.

    Their texture is stronger, and its mean pattern would come out, inverted, in a flat sky beside it. The weights were
    trained under `without_lattice`, and at full size they need it (docs/lab/LOG.md).
    """
    cells = F.pixel_unshuffle(added, side).contiguous(memory_format=torch.channels_last)
    around = F.avg_pool2d(cells, 3, 1, 1, divisor_override=1) - cells
    apart = (len(added), added.shape[1], side**2, *cells.shape[2:])
    pattern = around.reshape(apart)
    pattern = pattern - pattern.mean(2, keepdim=True)
    shown = (cells.reshape(apart) * pattern).sum((1, 2), keepdim=True)
    shown = shown / (pattern.square().sum((1, 2), keepdim=True) + LEAST_ENERGY)
    return added - F.pixel_shuffle((shown * pattern).reshape(cells.shape), side)


class Enhancer(nn.Module):
    """The post-filter of a decoder: refines what g_s makes, and upsamples pictures that were coded at half size."""

    def __init__(self, backbone: BackboneConfig, config: RefinementConfig) -> None:
        super().__init__()
        self.config = config
        self.refinement = Refinement(backbone, backbone.channels + backbone.refinement.channels, config, CONDITIONS)
        self.twice = nn.Conv2d(config.channels_fine, 12 * FINE**2, 3, padding=1)
        start_at_zero(self.twice)
        give_role(self.parameters(), Role.TRANSFORMS)

    @property
    def after(self) -> Reach:
        """How far the rest sees of what the refinement makes; it may have to be upscaled."""
        return Reach(UPSCALE_REACH + ((CELLS + 1) * PATCH if self.config.noise else 0))

    def reach(self, g_s: Synthesis) -> int:
        """How far it and g_s see of the latents, in pixels on each side."""
        return g_s.reach(self.refinement.reach(self.after))

    def forward(
        self,
        g_s: Synthesis,
        evidence: Evidence,
        noise: Tensor,
        w: Tensor,
        scale: LatentScale,
        half: bool,
        halo: Halo = NO_HALO,
    ) -> Enhanced:
        """The picture of g_s and what to add to it, [B, 3, 16h, 16w], or twice the size if coded at `half` size.

        The latents are [B, M, h, w], `noise` is [B, N, 2h, 2w], both in a halo; at quality weights w [B, 9].
        """
        seen, after = self.refinement.reach(self.after), self.after.picture
        painted = g_s(evidence, w, scale, halo, seen)
        conditions = torch.cat([w, torch.full_like(w[:, :1], float(half))], 1)
        refined = self.refinement(painted, evidence, noise, conditions, w, scale, halo, self.after)
        x_hat, added = halo.crop(painted.x_hat, 1, after, seen.picture), refined.added
        if half:
            twice = halo.through(self.twice, refined.fine, FINE, after, after + FINE)
            x_hat, added = upscale(x_hat), upscale(added) + F.pixel_shuffle(twice.float(), 2 * FINE)
        if self.config.noise:
            # at half size what it adds repeats with the period of the latents, which the hints are of
            added = without_weave(added, 2 * STRIDE) if half else without_lattice(added, PATCH)
        added = added * spread_over(expected_error(halo.crop(w, STRIDE, after)), added)
        return Enhanced(*(halo.crop(part, DOUBLED if half else 1, 0, after) for part in (x_hat, added)))
