"""The light synthesis: a g_s of a fifth of the arithmetic, for the same latents.

It is built like the draft of g_s, with fewer and thinner blocks, but knows what the refinement is told as well.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcomp.networks.blocks import ResidualStack, start_at_zero
from lcomp.networks.config import PATCH, BackboneConfig, LightConfig
from lcomp.networks.halo import NO_HALO, Halo
from lcomp.networks.refinement import Evidence
from lcomp.networks.roles import Role, give_role
from lcomp.networks.scale import LatentScale
from lcomp.types import STRIDE


class LightSynthesis(nn.Module):
    """The light g_s: latents to a picture.

    y_hat [B, M, h, w] ------- / gain(q) -- L' (transposed 16x16, stride 16, fp32) ------------+-- x_hat
    y_hat, symbols, scales [B, 3M, h, w] -- 1x1 - blocks(D) - 1x1 - shuffle 2 - blocks(C) - 3x3 - shuffle 8
    """

    def __init__(self, backbone: BackboneConfig, config: LightConfig) -> None:
        super().__init__()
        self.config = config
        low, wide = backbone.channels_low, backbone.channels
        self.linear = nn.Parameter(torch.zeros(backbone.latents, 3, STRIDE, STRIDE))
        self.enter = nn.Conv2d(3 * backbone.latents, low, 1)
        self.low = ResidualStack(low, backbone.blocks_low, STRIDE, hidden=config.hidden_low)
        self.up = nn.Conv2d(low, 4 * wide, 1)
        self.high = ResidualStack(wide, config.blocks, PATCH, hidden=config.hidden)
        self.leave = nn.Conv2d(wide, 3 * PATCH**2, 3, padding=1)
        start_at_zero(self.leave)
        give_role([self.linear], Role.LINEAR)
        give_role(self.parameters(), Role.TRANSFORMS)

    def reach(self, after: int = 0) -> int:
        """How far it sees of the latents, in pixels on each side, for layers that see `after` pixels of its picture."""
        return after + PATCH + self.high.reach + self.low.reach

    def forward(
        self, evidence: Evidence, w: Tensor, scale: LatentScale, halo: Halo = NO_HALO, after: int = 0
    ) -> Tensor:
        """Pictures x_hat [B, 3, 16h, 16w], nominally in [-1, 1], of latents [B, M, h, w] in a halo.

        They are made as far as the layers see that are to follow.
        """
        held, before = after + PATCH, self.reach(after)
        spread = scale.spread(halo.crop(w, STRIDE, before))
        y_hat, symbols, scales = (halo.crop(each, STRIDE, before) for each in evidence)
        seen = torch.cat([y_hat / spread, symbols / spread, scales / 16], 1)
        h = F.pixel_shuffle(self.up(self.low(self.enter(seen), w, halo, held + self.high.reach)), 2)
        h = self.high(h.contiguous(memory_format=torch.channels_last), w, halo, held)
        with torch.autocast(seen.device.type, enabled=False):
            shown = halo.crop(evidence.y_hat, STRIDE, after) / scale.gain(halo.crop(w, STRIDE, after))
            linear = F.pixel_shuffle(F.conv2d(shown, self.rows()), STRIDE // PATCH)
        return F.pixel_shuffle(linear + halo.through(self.leave, h, PATCH, after, held).float(), PATCH)

    def rows(self) -> Tensor:
        """The linear path as a 1x1 convolution [768, M, 1, 1].

        A matrix product per block is much faster on CPUs than a transposed convolution. Its outputs are in the order in
        which a pixel-shuffle to 1/8 of the resolution gives what a pixel-unshuffle of the picture would.
        """
        cells = STRIDE // PATCH
        blocks = self.linear.view(-1, 3, cells, PATCH, cells, PATCH).permute(1, 3, 5, 2, 4, 0)
        return blocks.reshape(3 * STRIDE**2, -1, 1, 1)
