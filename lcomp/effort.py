"""The encoder's search: which symbols to write for a picture. The decoder does not know about it.

0: the nearest symbols. 1: rate-distortion optimised rounding (`lcomp.rounding`). 2 .. 9: from there on, single symbols
are moved up or down by one where the synthesis network's gradient and the bits of the entropy model say that it pays.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lcomp.container import QUALITY_STEPS
from lcomp.entropy.latents import Symbols
from lcomp.networks.blocks import lmbda
from lcomp.networks.config import HYPER_STRIDE
from lcomp.rounding import Rounding
from lcomp.tile_codec import Choice, TileCodec, as_symbols, flat_symbols
from lcomp.tiles import Rectangle
from lcomp.windows import Pixels, Transforms, pad_to, surroundings


class Level(NamedTuple):
    """What an effort means."""

    optimised: bool  # whether the first symbols are chosen by their cost or to be nearest
    rounds: int = 0  # of the search; one is a pass through g_s, back, and through the entropy model
    share: float = 0.0
    """Chance of a move that saves half its curvature, in the first round; it falls to 0 at the end. All moves at once
    would overshoot, because their errors overlap; it takes many rounds to make good for that."""


LEVELS = (
    Level(False),
    Level(True),
    Level(True, 2, 0.4),
    Level(True, 4, 0.5),
    Level(True, 6, 0.6),
    Level(True, 10, 0.7),
    Level(True, 16, 0.7),
    Level(True, 24, 0.8),
    Level(True, 48, 0.8),
    Level(True, 96, 0.8),
)
"""Effort 0 .. 9. The shares were chosen on ten validation photographs (no command repeats that)."""

RIPPLE = (3.0, 1.5, 1.5, 0.5)
"""Bits that a move costs by what it does to the predictions of later channel groups in a context model, by group.

Each move shifts many means, away from where the symbols already chosen want them: about 2 bits in the mean, by single
moves on a validation crop (no command repeats that).
"""

DEFAULT_EFFORT = 1

SEED = 6
"""Of the random numbers that decide which moves are made."""


class Scene:
    """An area of the picture as the synthesis sees it: how its squared error, in bits, depends on the latents."""

    def __init__(self, transforms: Transforms, x: Tensor, quality: int) -> None:
        """X [1, 3, H, W] in [-1, 1], at a quality in thousandths."""
        self.transforms, self.x = transforms, x
        self.w = transforms.quality_weights(quality)
        self.weight = trade_off(quality) * 127.5**2 / 3  # bits for a squared error in [-1, 1]

    def synthesize(self, y_hat: Tensor) -> Tensor:
        """What g_s makes of y_hat [1, M, h, w], cut to the size of x."""
        networks = self.transforms.networks
        with self.transforms.autocast():
            x_hat: Tensor = networks.g_s(y_hat, self.w, networks.scale)
        return x_hat[..., : self.x.shape[2], : self.x.shape[3]]

    def distortion(self, y_hat: Tensor) -> Tensor:
        """Squared error in bits."""
        return self.weight * (self.synthesize(y_hat) - self.x).square().sum()

    def slope(self, y_hat: Tensor) -> tuple[float, Tensor]:
        """The distortion in bits and its gradient [1, M, h, w]."""
        y_hat = y_hat.clone(memory_format=torch.channels_last).requires_grad_()
        distortion = self.distortion(y_hat)
        (gradient,) = torch.autograd.grad(distortion, y_hat)
        return distortion.item(), gradient

    def curvature(self, y_hat: Tensor, random: torch.Generator) -> Tensor:
        """Second derivatives [1, M, 1, 1] of the distortion, mean of each channel, by one random probe (Hutchinson)."""
        y_hat = y_hat.clone(memory_format=torch.channels_last).requires_grad_()
        x_hat = self.synthesize(y_hat)
        probe = torch.randint(0, 2, x_hat.shape, generator=random).float() * 2 - 1
        (gradient,) = torch.autograd.grad((x_hat * probe.to(x_hat.device)).sum(), y_hat)
        return 2 * self.weight * gradient.square().mean((2, 3), keepdim=True)


def trade_off(quality: int) -> float:
    """Lmbda of a quality in thousandths."""
    return lmbda(torch.tensor(quality / QUALITY_STEPS)).item()


def ripple(groups: tuple[int, ...]) -> Tensor:
    """RIPPLE for each channel [1, M, 1, 1] of a context model's groups; 0 [1, 1, 1, 1] where there are none."""
    costs = [bits for channels, bits in zip(groups, RIPPLE, strict=False) for _ in range(channels)]
    return torch.tensor(costs + [0.0] * (max(sum(groups), 1) - len(costs)))[None, :, None, None]


class Effort:
    """Chooses the symbols of windows at one effort."""

    def __init__(self, effort: int, transforms: Transforms, tile: TileCodec, rounding: Rounding) -> None:
        self.level, self.transforms, self.tile, self.rounding = LEVELS[effort], transforms, tile, rounding
        self.ripple = ripple(tile.context.config.groups if tile.context else ()).to(transforms.device)

    def choose(
        self,
        pixels: Pixels,
        window: Rectangle,
        tiles: Sequence[Rectangle],
        quality: int,
        progress: Callable[[float], None],
    ) -> Iterator[Choice]:
        """The symbols of each tile of a window of a picture [H, W, 3], at a quality in thousandths.

        `progress` is told which share of the window is done.
        """
        picture = Rectangle(0, 0, pixels.shape[1], pixels.shape[0])
        around = surroundings(window, picture, self.transforms.mse.margin)
        x = self.transforms.signal(pixels, around)
        y = self.transforms.latents(x, quality)
        self.tile.watch.lap("analysis")
        places = [tile.latents().within(around.latents()) for tile in tiles]
        if self.level.rounds:
            choices = [self.first(y[..., rows, columns], quality) for rows, columns in places]
            yield from self.search(Scene(self.transforms, x, quality), y, places, choices, quality, progress)
            return
        for number, (rows, columns) in enumerate(places, 1):
            yield self.first(y[..., rows, columns], quality)
            progress(number / len(places))

    @torch.inference_mode()
    def first(self, y: Tensor, quality: int) -> Choice:
        """The symbols of y [1, M, rows, columns] without a search."""
        w, scale = self.transforms.quality_weights(quality), self.transforms.networks.scale
        with self.transforms.autocast():
            z = self.transforms.networks.h_a(pad_to(y, HYPER_STRIDE), w, scale)
        symbols: Symbols = flat_symbols(as_symbols(torch.round(z)))
        symbols[self.tile.z_scales(quality, *y.shape[-2:]) == 0] = 0
        gain, weight = scale.gain(w)[..., 0], trade_off(quality)

        def optimised(residual: Tensor, scales: Tensor, channels: slice) -> Tensor:
            return self.rounding.optimised(residual, scales, gain[:, channels], weight)

        hyper = self.tile.hyper(symbols, quality, *y.shape[-2:])
        return self.tile.choose(y, symbols, hyper, quality, optimised if self.level.optimised else self.nearest)

    def nearest(self, residual: Tensor, scales: Tensor, channels: slice) -> Tensor:
        """The nearest symbols, whatever they cost."""
        return self.rounding.nearest(residual, scales)

    def search(
        self,
        scene: Scene,
        y: Tensor,
        places: Sequence[tuple[slice, slice]],
        choices: list[Choice],
        quality: int,
        progress: Callable[[float], None],
    ) -> list[Choice]:
        """The best choices found for the tiles at `places` in y [1, M, h, w]; beyond them y itself is seen."""
        random = torch.Generator().manual_seed(SEED)
        rounds = self.level.rounds
        best, least = choices, float("inf")
        curvature: Tensor | None = None
        for number in range(rounds):
            y_hat = self.assemble(y, places, choices)
            if curvature is None:
                curvature = scene.curvature(y_hat, random)
            distortion, slope = scene.slope(y_hat)
            cost = distortion + sum(map(self.bits, choices))
            if cost < least:
                best, least = choices, cost
            share = self.level.share * (1 - number / rounds)
            choices = [
                self.move(choice, slope[..., rows, columns], curvature, share, random, quality)
                for choice, (rows, columns) in zip(choices, places, strict=True)
            ]
            progress((number + 1) / rounds)
        with torch.inference_mode():  # no gradient of what is not moved any more
            cost = scene.distortion(self.assemble(y, places, choices)).item() + sum(map(self.bits, choices))
        self.tile.watch.lap("search")
        return choices if cost < least else best

    def assemble(self, y: Tensor, places: Sequence[tuple[slice, slice]], choices: list[Choice]) -> Tensor:
        """What the decoder sees of the tiles, in their surroundings."""
        y_hat = y.clone()
        for (rows, columns), choice in zip(places, choices, strict=True):
            y_hat[..., rows, columns] = choice.y_hat()
        return y_hat

    def bits(self, choice: Choice) -> float:
        """What y costs."""
        return self.rounding.cost(choice.symbols, choice.parameters.scales).sum().item()

    @torch.inference_mode()
    def move(
        self, choice: Choice, slope: Tensor, curvature: Tensor, share: float, random: torch.Generator, quality: int
    ) -> Choice:
        """Some symbols moved by one, those that save most with the greatest chance, and what follows for the others."""
        symbols, scales = choice.symbols, choice.parameters.scales
        here, half = self.rounding.cost(symbols, scales) - self.ripple, curvature / 2
        up = slope + half + self.rounding.cost(symbols + 1, scales) - here
        down = half - slope + self.rounding.cost(symbols - 1, scales) - here
        chance = -share * torch.minimum(up, down) / half.clamp_min(1e-9)
        draw = torch.rand(symbols.shape, generator=random).to(symbols.device)
        step = torch.where(up < down, 1, -1) * ((draw < chance) & (scales > 0))
        moved = as_symbols(symbols + step)
        y = choice._replace(symbols=moved).y_hat()
        return self.tile.choose(y, choice.z, choice.hyper, quality, self.nearest)
