"""The discriminator of `gan`: tells originals from decoded pictures by what a network from outside sees in them."""

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from lcomp.networks.outside import CHANNELS

SLOPE = 0.2
"""Of the leaky ReLUs."""


class Head(nn.Module):
    """Judges the positions of one stage: 3x3 - 1x1 - 1x1, with spectral normalisation (Miyato 2018)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.enter = spectral_norm(nn.Conv2d(channels, width, 3, stride=stride, padding=1))
        self.middle = spectral_norm(nn.Conv2d(width, width, 1))
        self.leave = spectral_norm(nn.Conv2d(width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Logits [B, 1, h, w] of features [B, C, H, W]."""
        h = F.leaky_relu(self.enter(features), SLOPE)
        logits: Tensor = self.leave(F.leaky_relu(self.middle(h), SLOPE)).float()
        return logits


class Discriminator(nn.Module):
    """Heads on the stages of a frozen network (projected GAN, Sauer 2021): they learn in hundreds of steps.

    The stage at 1/2 of the resolution is judged at 1/4, to save time.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            Head(channels, width, 1 if place else 2) for place, channels in enumerate(CHANNELS.values())
        )

    def forward(self, stages: list[Tensor]) -> list[Tensor]:
        """Logits [B, 1, h, w] of features of all stages."""
        return [head(features) for head, features in zip(self.heads, stages, strict=True)]


def opponent_loss(real: list[Tensor], false: list[Tensor]) -> Tensor:
    """Hinge loss of the discriminator, mean over stages."""
    pairs = zip(real, false, strict=True)
    return sum((F.relu(1 - a).mean() + F.relu(1 + b).mean() for a, b in pairs), real[0].new_zeros(())) / len(real)


def judgement(logits: list[Tensor]) -> Tensor:
    """How natural each picture [B] is for the discriminator, mean over stages."""
    return sum((each.mean((1, 2, 3)) for each in logits), logits[0].new_zeros(())) / len(logits)


def right_share(real: list[Tensor], false: list[Tensor]) -> Tensor:
    """Share of positions that are judged rightly, mean over stages."""
    shares = [(a > 0).float().mean() + (b < 0).float().mean() for a, b in zip(real, false, strict=True)]
    return sum(shares, real[0].new_zeros(())) / (2 * len(shares))
