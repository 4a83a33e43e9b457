"""The encoder's search: which symbols to write for a picture. The decoder does not know about it.

0: the nearest symbols. 1: rate-distortion optimised rounding (`lcomp.rounding`). 2 .. 9: from there on, single symbols
are moved up or down by one where the gradient of the decoder that the file is made for and the entropy model's bits say
that it pays.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.container import QUALITY_STEPS
from lcomp.decoders import Decoder
from lcomp.networks.blocks import lmbda
from lcomp.networks.config import HYPER_STRIDE
from lcomp.networks.integer import MEAN_BITS, EntropyParameters
from lcomp.networks.integer_hyper_context import nearest_symbols
from lcomp.rounding import Rounding, error_weight
from lcomp.tile_codec import Choice, Latents, TileCodec, as_symbols
from lcomp.tiles import Rectangle
from lcomp.windows import Pixels, Transforms, pad_to, surroundings


class Level(NamedTuple):
    """What an effort means."""

    optimised: bool  # whether the first symbols are chosen by their cost or to be nearest
    rounds: int = 0  # of the search; one is a pass through the decoder, back, and through the entropy model
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

RIPPLE = (4.5, 2.5, 2.0, 0.8)
"""Bits that a move costs by what it does to the predictions of later channel groups in a context model, by group.

Each move shifts many means, away from where the symbols already chosen want them. Chosen by cost on five validation
pictures, where two thirds and twice as much find less (no command repeats that).
"""

FIRMNESS = 3.0
"""Weight of the error, by the measured curvature, where symbols follow the moves of earlier groups. At 1, each round
would zero some more of what is worth its bits (chosen like RIPPLE).
"""

ASTRAY = 4.0
"""Error of a latent, in quantisation steps, that shows h_s to be wrong: photographs stay at about 2."""

DEFAULT_EFFORT = 1

SEED = 6
"""Of the random numbers that decide which moves are made."""


class Scene:
    """An area of the picture as a decoder sees it: how its squared error, in bits, depends on the symbols."""

    def __init__(self, transforms: Transforms, decoder: Decoder, x: Tensor, place: Rectangle, quality: int) -> None:
        """X [1, 3, H, W] in [-1, 1], at a quality in thousandths."""
        self.transforms, self.decoder, self.x, self.place = transforms, decoder, x, place
        self.w = transforms.quality_weights(quality)
        self.weight = trade_off(quality) * 127.5**2 / 3  # bits for a squared error in [-1, 1]

    def synthesize(self, latents: Latents) -> Tensor:
        """What the decoder makes of latents, cut to the size of x."""
        known = self.decoder.gather(*latents).contiguous(memory_format=torch.channels_last)
        with self.transforms.autocast():
            x_hat = self.decoder.synthesize(known, self.place, self.w, half=False)
        return x_hat[..., : self.x.shape[2], : self.x.shape[3]]

    def distortion(self, latents: Latents) -> Tensor:
        """Squared error in bits."""
        return self.weight * (self.synthesize(latents) - self.x).square().sum()

    def slope(self, latents: Latents) -> tuple[float, Tensor]:
        """The distortion in bits and its gradient with respect to the symbols [1, M, h, w]."""
        symbols = latents.symbols.clone().requires_grad_()
        distortion = self.distortion(latents._replace(symbols=symbols))
        (gradient,) = torch.autograd.grad(distortion, symbols)
        return distortion.item(), gradient

    def curvature(self, latents: Latents, random: torch.Generator) -> Tensor:
        """Second derivatives [1, M, 1, 1] of the distortion, mean of each channel, by one random probe (Hutchinson)."""
        symbols = latents.symbols.clone().requires_grad_()
        x_hat = self.synthesize(latents._replace(symbols=symbols))
        probe = torch.randint(0, 2, x_hat.shape, generator=random).float() * 2 - 1
        (gradient,) = torch.autograd.grad((x_hat * probe.to(x_hat.device)).sum(), symbols)
        return 2 * self.weight * gradient.square().mean((2, 3), keepdim=True)


def trade_off(quality: int) -> float:
    """Lmbda of a quality in thousandths."""
    return lmbda(torch.tensor(quality / QUALITY_STEPS)).item()


def ripple(groups: tuple[int, ...]) -> Tensor:
    """RIPPLE for each channel [1, M, 1, 1] of a context model's groups; 0 [1, 1, 1, 1] where there are none."""
    costs = [bits for channels, bits in zip(groups, RIPPLE, strict=False) for _ in range(channels)]
    return torch.tensor(costs + [0.0] * (max(sum(groups), 1) - len(costs)))[None, :, None, None]


def astray(y: Tensor, choice: Choice) -> Tensor:
    """Where in z [1, 1, h, w] symbols are far from y [1, M, rows, columns], and next to that."""
    error = pad_to((y - choice.y_hat()).abs().amax(1, keepdim=True), HYPER_STRIDE)
    return F.max_pool2d(F.max_pool2d(error, HYPER_STRIDE), 3, 1, 1) > ASTRAY


class Effort:
    """Chooses the symbols of windows at one effort."""

    def __init__(
        self, effort: int, transforms: Transforms, tile: TileCodec, rounding: Rounding, decoder: Decoder | None = None
    ) -> None:
        """The search is for `decoder`, by default the backbone's own."""
        self.level, self.transforms, self.tile, self.rounding = LEVELS[effort], transforms, tile, rounding
        self.decoder = decoder or transforms.mse
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
        around = surroundings(window, picture, max(self.transforms.mse.margin, self.decoder.margin))
        x = self.transforms.signal(pixels, around)
        y = self.transforms.latents(x, quality)
        self.tile.watch.lap("analysis")
        places = [tile.latents().within(around.latents()) for tile in tiles]
        if self.level.rounds:
            choices = [self.first(y[..., rows, columns], quality) for rows, columns in places]
            scene = Scene(self.transforms, self.decoder, x, around, quality)
            yield from self.search(scene, y, places, choices, quality, progress)
            return
        for number, (rows, columns) in enumerate(places, 1):
            yield self.first(y[..., rows, columns], quality)
            progress(number / len(places))

    @torch.inference_mode()
    def first(self, y: Tensor, quality: int) -> Choice:
        """The symbols of y [1, M, rows, columns] without a search.

        Patterns that no photograph has can drive h_a and h_s out of all proportion, so that y is out of the symbols'
        reach. There z is set to zero, which h_s takes for an average picture, if that costs less.
        """
        w, scale = self.transforms.quality_weights(quality), self.transforms.networks.scale
        with self.transforms.autocast():
            z = self.transforms.networks.h_a(pad_to(y, HYPER_STRIDE), w, scale)
        weight = error_weight(scale.gain(w), trade_off(quality))
        choice = self.given(z, y, weight, quality)
        wrong = astray(y, choice)
        if not wrong.any():
            return choice
        without = self.given(z * ~wrong, y, weight, quality)
        return min(choice, without, key=lambda each: self.cost(y, each, weight))

    def given(self, z: Tensor, y: Tensor, weight: Tensor, quality: int) -> Choice:
        """The symbols of y [1, M, rows, columns] for the nearest symbols of z [1, Z, h, w]."""
        rows, columns = y.shape[2:]
        side = self.tile.run_side(rows, columns, quality, nearest_symbols(z))
        flat = weight[..., 0]

        def optimised(residual: Tensor, scales: Tensor, channels: slice) -> Tensor:
            return self.rounding.optimised(residual, scales, flat[:, channels])

        return self.tile.choose(y, side, quality, optimised if self.level.optimised else self.nearest)

    def cost(self, y: Tensor, choice: Choice, weight: Tensor) -> float:
        """What y costs, and what its error is worth, in bits."""
        return self.bits(choice) + (weight * (y - choice.y_hat()).square()).sum().item()

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
            latents = self.assemble(y, places, choices)
            if curvature is None:
                curvature = scene.curvature(latents, random)
            distortion, slope = scene.slope(latents)
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

    def assemble(self, y: Tensor, places: Sequence[tuple[slice, slice]], choices: list[Choice]) -> Latents:
        """What the decoder is told of the tiles, in their surroundings."""
        # what is beyond them: all mean, no symbols
        symbols, mean = torch.zeros_like(y), y.double() * 2.0**MEAN_BITS
        scales = torch.zeros_like(y, dtype=torch.uint8)
        for (rows, columns), choice in zip(places, choices, strict=True):
            symbols[..., rows, columns] = choice.symbols.float()
            mean[..., rows, columns], scales[..., rows, columns] = choice.parameters
        return Latents(symbols, EntropyParameters(mean, scales))

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
        y, weight = choice._replace(symbols=moved).y_hat(), (FIRMNESS * half)[..., 0]

        def follow(residual: Tensor, scales: Tensor, channels: slice) -> Tensor:
            return self.rounding.optimised(residual, scales, weight[:, channels])

        return self.tile.choose(y, choice.side, quality, follow)
