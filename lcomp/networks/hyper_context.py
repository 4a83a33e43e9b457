"""h_c, the context model of z: predicts each part of z from the parts already decoded.

Positions are coded in four parts, the corners of 2x2 squares, as those of y are in a context model. It pays because z
alone is 3 to 12 % of a file, and neighbouring hyper-latents are correlated.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import SLOPE, QualityVector, start_at_zero
from lcomp.networks.config import BackboneConfig

PARTS = 4
"""Parts of the positions of z."""


class HyperContext(nn.Module):
    """h_c: shifts of the means, in standard deviations, and of the log2 scales.

    z_hat / gain(q) [B, Z, h, w], zero where not decoded -- 3x3 - + vector(q) - LeakyReLU - 1x1 --> [B, 2Z, h, w]
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        z, width = config.hyper_latents, config.hyper_context
        enter = [nn.Conv2d(z, width, 3, padding=1) for _ in range(1, PARTS)]
        leave = [nn.Conv2d(width, 2 * z, 1) for _ in range(1, PARTS)]
        with torch.no_grad():
            for layer in enter:
                layer.weight.mul_(0.3)
        for layer in leave:
            start_at_zero(layer)
        self.enter, self.leave = nn.ModuleList(enter), nn.ModuleList(leave)
        self.quality = QualityVector(width)

    def forward(self, known: Tensor, part: int, w: Tensor) -> tuple[Tensor, Tensor]:
        """Shifts of the means and of the scales [B, Z, h, w] for part 1 .. 3, at quality weights w [B, 9]."""
        h = F.leaky_relu(self.enter[part - 1](known) + self.quality(w), SLOPE)
        mean, scale = self.leave[part - 1](h).float().chunk(2, 1)
        return mean, scale
