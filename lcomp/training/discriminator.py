"""The discriminator of `gan`: tells originals from decoded pictures, conditioned on the mse decoder's picture."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from lcomp.networks.refinement import expected_error

FINE = 4
"""Factor of the pixel-unshuffle before the first layer."""


class Discriminator(nn.Module):
    """PatchGAN at 1/16 of the resolution (Isola 2017) with spectral normalisation (Miyato 2018).

    difference to x_mse, in expected errors --.
    x_mse ------------------------------------+- unshuffle 4 - 3x3 - 3x3/2 - 3x3 - 3x3/2 - 3x3 -> logits
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = ((6 * FINE**2, width, 1), (width, 2 * width, 2), (2 * width, 2 * width, 1), (2 * width, 2 * width, 2))
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 3, stride=stride, padding=1)) for before, after, stride in sizes
        )
        self.leave = spectral_norm(nn.Conv2d(2 * width, 1, 3, padding=1))

    def forward(self, x: Tensor, x_mse: Tensor, w: Tensor) -> list[Tensor]:
        """Outputs of all layers for x, given x_mse, [B, 3, H, W] in [-1, 1]; the logits [B, 1, H/16, W/16] last."""
        pair = torch.cat([(x - x_mse) / expected_error(w), x_mse], 1)
        h = F.pixel_unshuffle(pair, FINE).contiguous(memory_format=torch.channels_last)
        outputs = []
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
            outputs.append(h)
        return [*outputs, self.leave(h).float()]


def feature_distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Feature matching (Salimans 2016): mean L1 distance [B] of hidden layers, decoded against original."""
    pairs = zip(ours[:-1], theirs[:-1], strict=True)
    return torch.stack([(a.float() - b.float().detach()).abs().mean((1, 2, 3)) for a, b in pairs]).mean(0)
