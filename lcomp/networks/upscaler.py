"""The upscaler: pictures at twice their size, by interpolation and a residual network (super-resolution, Lim 2017).

It sees pixels alone, so that one network serves every backbone and every decoder.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import ResidualStack, start_at_zero
from lcomp.networks.config import UpscalerConfig
from lcomp.networks.enhancer import upscale
from lcomp.networks.roles import Role, give_role

CELL = 2
"""Side in pixels of the squares (pixel-unshuffle) that become one position of the network."""

CONDITIONS = 2
"""Conditions besides the quality: how far it is below 1, and whether the picture is tuned for what people see."""


class Upscaler(nn.Module):
    """Interpolates a picture and adds what a network of dense 3x3 convolutions makes of it.

    x [B, 3, H, W] - unshuffle 2 - 3x3 - blocks - 3x3 - shuffle 4 -+-> [B, 3, 2H, 2W]
    '------------------------- bicubic ----------------------------'
    """

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Conv2d(3 * CELL**2, config.channels, 3, padding=1)
        self.blocks = ResidualStack(config.channels, config.blocks, CELL, CONDITIONS)
        self.leave = nn.Conv2d(config.channels, 3 * (2 * CELL) ** 2, 3, padding=1)
        start_at_zero(self.leave)
        give_role(self.parameters(), Role.TRANSFORMS)

    @property
    def reach(self) -> int:
        """The receptive field of windows of whole cells, in pixels of the smaller picture on each side."""
        return CELL + self.blocks.reach + CELL

    def forward(self, x: Tensor, w: Tensor, visual: bool) -> Tensor:
        """Pictures x [B, 3, H, W] in [-1, 1], of even sides, at twice their size [B, 3, 2H, 2W].

        `w` [B, 9] or [B, 9, h, w] are the weights of the quality that they were coded at, zeros where they were not;
        `visual`, whether the result is to be near to them for the eye rather than by squared error.
        """
        conditions = torch.cat([w, torch.full_like(w[:, :1], float(visual))], 1)
        features = self.enter(F.pixel_unshuffle(x, CELL).contiguous(memory_format=torch.channels_last))
        features = self.blocks(F.leaky_relu(features, 0.1), conditions)
        return upscale(x) + F.pixel_shuffle(self.leave(features).float(), 2 * CELL)
