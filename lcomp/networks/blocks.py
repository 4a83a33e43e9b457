"""Building blocks shared by the transforms: quality conditioning and residual blocks."""

import torch
from torch import Tensor, nn

from lcomp.networks.halo import NO_HALO, Halo
from lcomp.networks.roles import Role, give_role
from lcomp.networks.winograd import WinogradBlock
from lcomp.types import STRIDE

SLOPE = 0.125
"""Negative slope of the LeakyReLU in the entropy networks: a power of two, so that the integer path is exact."""

QUALITIES = 8
"""Learned quality points: q = 1 .. 8."""

STEEP = 5
"""Slope of log(lmbda) over q below q = 1, relative to the slope between the quality points."""


def log_linear(q: Tensor, first: float, last: float) -> Tensor:
    """Interpolate log-linearly in q, from `first` at q = 1 to `last` at q = 8; below q = 1, STEEP times as steeply."""
    return first * (last / first) ** ((q - 1 - (STEEP - 1) * (1 - q).clamp_min(0)) / 7)


def lmbda(q: Tensor) -> Tensor:
    """The lambda of the rate-distortion cost at quality q: CompressAI's eight points for MSE, log-linear in between."""
    return log_linear(q, 0.0018, 0.18)


def quality_weights(q: Tensor) -> Tensor:
    """Weights w [B, 9] that interpolate linearly between the integer quality points, for real q [B] in [0, 8].

    The first eight belong to q = 1 .. 8; the ninth is how far q lies below 1, so it is 1 at q = 0. For one q per latent
    [B, h, w] they are [B, 9, h, w]; what takes w takes those as well.
    """
    points = torch.arange(1, QUALITIES + 1, device=q.device, dtype=q.dtype).view(-1, *(1,) * (q.ndim - 1))
    weights = (1 - (q[:, None].clamp_min(1) - points).abs()).clamp_min(0)
    return torch.cat([weights, (1 - q[:, None]).clamp_min(0)], 1)


def spread_over(values: Tensor, x: Tensor) -> Tensor:
    """Values [B, C, h, w] of latents at the resolution of features x, by repetition; as they are where h = w = 1."""
    if values.shape[2:] in ((1, 1), x.shape[2:]):
        return values
    return nn.functional.interpolate(values, size=x.shape[2:], mode="nearest")


def start_at_zero(layer: nn.Module) -> None:
    """Zero-initialise all parameters of a layer, so that the branch that it ends starts by adding nothing."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def place(module: nn.Module, device: torch.device) -> None:
    """Move a module to a device, its convolution weights in channels-last memory format."""
    module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def take_for_final(network: nn.Module) -> None:
    """Take the weights of a network for final, so that its residual blocks may be computed by Winograd's algorithm."""
    for block in network.modules():
        if isinstance(block, ResidualBlock):
            block.winograd = WinogradBlock(block.first, block.second)


class QualityVector(nn.Module):
    """One learned vector per integer quality, interpolated linearly in between, plus one per further condition.

    quality weights w [B, 9 + ...] -> [B, channels, 1, 1], or [B, channels, h, w] of w [B, 9 + ..., h, w]; without
    conditions, the vector of q = 1 also serves below it
    """

    def __init__(self, channels: int, conditions: int = 0) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.zeros(QUALITIES + conditions, channels))
        give_role([self.points], Role.VECTORS)

    def forward(self, w: Tensor) -> Tensor:
        """Interpolate the vectors with weights w [B, 9 + ...]."""
        if w.ndim > 2:  # channels last, as what they are multiplied with
            return torch.matmul(w[:, : len(self.points)].permute(0, 2, 3, 1), self.points).permute(0, 3, 1, 2)
        return torch.matmul(w[:, : len(self.points)], self.points)[:, :, None, None]


class ResidualBlock(nn.Module):
    """Residual block of two dense 3x3 convolutions, whose hidden channels are scaled by a function of the quality.

    x [B, C, h, w] -> conv3x3 -> LeakyReLU -> * (1 + vector(q)) -> conv3x3 -> + x

    There are `hidden` hidden channels, by default C.
    """

    def __init__(self, channels: int, conditions: int = 0, hidden: int | None = None) -> None:
        super().__init__()
        hidden = hidden or channels
        self.first = nn.Conv2d(channels, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, channels, 3, padding=1)
        self.scale = QualityVector(hidden, conditions)
        self.winograd: WinogradBlock | None = None
        with torch.no_grad():
            self.second.weight.mul_(0.3)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Transform x [B, C, h, w] at quality weights w [B, 9]."""
        scale = 1 + self.scale(w)
        if self.winograd is not None and self.winograd.suits(x, scale):
            return self.winograd(x, scale, 0.1)
        hidden = nn.functional.leaky_relu(self.first(x), 0.1)
        return x + self.second(hidden * spread_over(scale.to(hidden.dtype), hidden))


class ResidualStack(nn.Module):
    """Residual blocks in sequence, all at one resolution, of `stride` pixels a position, and of one width."""

    def __init__(self, channels: int, depth: int, stride: int, conditions: int = 0, hidden: int | None = None) -> None:
        super().__init__()
        self.stride = stride
        self.blocks = nn.ModuleList(ResidualBlock(channels, conditions, hidden) for _ in range(depth))

    @property
    def reach(self) -> int:
        """How far it sees, in pixels on each side."""
        return 2 * self.stride * len(self.blocks)

    def forward(self, x: Tensor, w: Tensor, halo: Halo = NO_HALO, after: int = 0) -> Tensor:
        """Transform x [B, C, h, w] at quality weights w [B, 9], for layers that see `after` pixels of the halo.

        x is given as far as these blocks see for them, w [B, 9, h, w] with all of the halo.
        """
        held = after + self.reach
        for block in self.blocks:
            seen = held - 2 * self.stride
            x = halo.crop(block(x, halo.crop(w, STRIDE, held)), self.stride, seen, held)
            held = seen
        return x
