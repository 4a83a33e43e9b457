"""The encoder's choice of symbols, by effort; the decoder does not know about it.

0: nearest symbols. 1: RDOQ (`lcomp.encoding.rdoq`). 2 .. 9: analysis by synthesis, which starts from RDOQ and moves
single symbols up or down by one where that saves more bits, or more of the error of the decoder that the file is made
for, than it costs. The effect of a move on the error is estimated by the gradient at its midpoint: decoders are trained
on integer symbols, and their gradient there says little about the next integer.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.encoding.efforts import LEVELS
from lcomp.encoding.objective import OBJECTIVES
from lcomp.encoding.rdoq import DISTORTION_WEIGHT, DISTORTION_WEIGHT_IN_CONTEXT, Rdoq
from lcomp.encoding.reconstruction import Reconstruction
from lcomp.format.qualities import of_latents, of_surroundings, of_tile
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.decoders import Decoder
from lcomp.model.loaded import LoadedModel
from lcomp.model.steps import telling
from lcomp.model.tile_codec import Choice, Latents, Pick, as_symbols
from lcomp.model.transforms import as_qualities, pad_to, surroundings
from lcomp.networks.exact.context import Places
from lcomp.networks.exact.hyper_context import nearest_symbols
from lcomp.networks.exact.hyper_synthesis import MEAN_BITS, EntropyParameters
from lcomp.networks.halo import Halo
from lcomp.types import HYPER_STRIDE, Pixels, Quality

FIRST_ROUND_SHARE = 0.7
"""Share of the promising moves that the first round tries at once; it falls to 0, because their errors overlap."""

LATENT_SHARE = 0.9
"""Interpolates between what was decoded (0) and the latents aimed at (1) when moved means force a new choice.

It is what the symbols that were not moved are chosen for; moves change means in a context model only. With 0 the errors
of the rounds add up, with 1 all symbols change that were near the midpoint between two (docs/lab/LOG.md).
"""

MAX_MOVE_BITS = 12.0
"""Largest cost in bits of a move that is tried, by a first estimate, which takes g_s for linear."""

MIN_GAIN_BITS = 0.3
"""Smallest gain in bits of a move that is made."""

RIPPLE_BITS = (1.8, 1.0, 0.8, 0.3)
"""Bits charged to a move, by channel group, for its ripple through the later groups of a context model.

Each move shifts many means, away from where the symbols already chosen want them. Charged from effort 1 on.
"""

SEARCH_HALO = 64
"""Halo of the search in pixels, a multiple of STRIDE: how far beyond a window it looks at the error.

Decoders reach further, but the activations that backpropagation keeps of every pixel take the search's time and memory.
"""

CLEAR_GAIN = 0.005
"""Share of its cost by which the middle of a window must improve to speak for all of it."""

MAX_LATENT_ERROR = 4.0
"""Error of a latent, in quantisation steps, beyond which h_s has gone astray: photographs stay at about 2."""

CLAMPED_SPREADS = 0.5
"""What latents are clamped to where they have led h_a astray, in expected magnitudes (`LatentScale.spread`)."""

SEED = 6
"""Seed of the random numbers that decide which moves are tried."""


class SearchState(NamedTuple):
    """What the search has found for a tile."""

    choice: Choice
    target: Tensor  # [1, M, h, w], steps: y, or what was decoded of a latent when its symbol was last moved


class Moves(NamedTuple):
    """Moves to be tried, at most one per symbol."""

    step: Tensor  # [1, M, h, w]: 1, -1, or 0 where none is tried
    bits: Tensor  # [1, M, h, w]: what they add to the file, RIPPLE_BITS included


def ripple(groups: tuple[int, ...]) -> Tensor:
    """RIPPLE_BITS for each channel [1, M, 1, 1] of a context model's groups; 0 [1, 1, 1, 1] where there are none."""
    costs = [bits for channels, bits in zip(groups, RIPPLE_BITS, strict=False) for _ in range(channels)]
    return torch.tensor(costs + [0.0] * (max(sum(groups), 1) - len(costs)))[None, :, None, None]


def astray(y: Tensor, choice: Choice) -> Tensor:
    """Mask over z [1, 1, h, w] of where symbols are far from y [1, M, rows, columns], dilated by one position."""
    error = pad_to((y - choice.y_hat()).abs().amax(1, keepdim=True), HYPER_STRIDE)
    return F.max_pool2d(F.max_pool2d(error, HYPER_STRIDE), 3, 1, 1) > MAX_LATENT_ERROR


ANALYSIS = 0.5
"""Share of the time that g_a takes of encoding without a search."""


class SymbolSearch:
    """Chooses the symbols of windows at one effort."""

    def __init__(
        self, model: LoadedModel, effort: int, decoder: Decoder | None = None, rdoq: Rdoq | None = None
    ) -> None:
        """Optimise for `decoder`, by default the backbone's own; `rdoq` replaces that of the model's tables."""
        self.level, self.transforms, self.tile = LEVELS[effort], model.transforms, model.tile
        self.rdoq = rdoq or Rdoq(model.tile.tables, model.device)
        self.objective = OBJECTIVES[model.info.metric]
        self.decoder = decoder or model.transforms.mse
        context = model.tile.context
        self.distortion_weight = (
            DISTORTION_WEIGHT_IN_CONTEXT if context and not self.level.rounds else DISTORTION_WEIGHT
        )
        self.ripple = ripple(context.config.groups if context else ()).to(model.device)

    def choose(
        self,
        pixels: Pixels,
        grid: Grid,
        window: Rectangle,
        quality: Quality,
        progress: Callable[[float], None],
    ) -> Iterator[Choice]:
        """The symbols of each tile of a window of a picture [H, W, 3], at a quality in thousandths, or of every block.

        A search takes windows of one tile. `progress` is told which share of the window is done.
        """
        picture, tiles = grid.picture, [grid.rectangle(number) for number in grid.touching(window)]
        around = surroundings(window, picture, max(self.transforms.halo, SEARCH_HALO), grid.wraps)
        seen = surroundings(window, picture, SEARCH_HALO if self.level.rounds else 0, grid.wraps)
        halo = Halo.of(seen, around)
        made = halo.seen(0).around(seen)
        x = self.transforms.signal(pixels, around)
        analysis = ANALYSIS if not self.level.rounds else 0
        with telling(self.transforms.networks.g_a, lambda share: progress(analysis * share)):
            y = self.transforms.latents(x, of_surroundings(quality, around, grid), halo)
        self.tile.watch.lap("analysis")
        if self.level.rounds:
            x, y = x[(..., *seen.within(around))], y[(..., *seen.latents().within(made.latents()))]
            [tile] = tiles
            place, here = tile.latents().within(seen.latents()), of_tile(quality, tile)
            # gradients are needed, whatever the caller's mode
            with torch.inference_mode(False), torch.enable_grad():
                of_seen = of_surroundings(quality, seen, grid)
                scene = Reconstruction(self.transforms, self.decoder, self.objective, x.clone(), seen, of_seen)
                found = self.search(scene, y, place, here, progress)
            yield found
            return
        progress(ANALYSIS)
        for number, tile in enumerate(tiles, 1):
            yield self.first(y[(..., *tile.latents().within(made.latents()))], of_tile(quality, tile))
            progress(ANALYSIS + (1 - ANALYSIS) * number / len(tiles))

    @torch.inference_mode()
    def first(self, y: Tensor, quality: Quality) -> Choice:
        """The symbols of y [1, M, rows, columns] without a search, at a quality in thousandths, or per hyper-latent.

        Patterns out of distribution can drive h_a and h_s so far astray that y is out of the symbols' reach. There z is
        computed from clamped latents, or set to zero, which h_s takes for an average picture, if that costs less.
        """
        here = of_latents(quality, *y.shape[2:])
        w, scale = self.transforms.quality_weights(here), self.transforms.networks.scale
        weight = self.error_weight(w, here)
        z = self.hyper_latents(y, w)
        choice = self.given(z, y, weight, quality)
        wrong = astray(y, choice)
        if not wrong.any():
            return choice
        most = CLAMPED_SPREADS * scale.spread(w)
        tame = torch.where(wrong, self.hyper_latents(y.clamp(-most, most), w), z)
        others = [self.given(each, y, weight, quality) for each in (tame, z * ~wrong)]
        return min(choice, *others, key=lambda each: self.cost(y, each, weight))

    def error_weight(self, w: Tensor, quality: Quality) -> Tensor:
        """Bits [1, M, 1, 1] that a squared error of one step of y is worth, at quality weights w [1, 9].

        At those of every latent [1, 9, rows, columns] they are [1, M, rows, columns].
        """
        gain = self.transforms.networks.scale.gain(w)
        return self.objective.error_weight(gain, as_qualities(quality, w.device), self.distortion_weight)

    def hyper_latents(self, y: Tensor, w: Tensor) -> Tensor:
        """Hyper-latents z [1, Z, h, w] of y [1, M, rows, columns], at quality weights w [1, 9], or of every latent."""
        w = pad_to(w, HYPER_STRIDE) if w.ndim > 2 else w
        with self.transforms.autocast():
            return self.transforms.networks.h_a(pad_to(y, HYPER_STRIDE), w, self.transforms.networks.scale)

    def given(self, z: Tensor, y: Tensor, weight: Tensor, quality: Quality) -> Choice:
        """The symbols of y [1, M, rows, columns], given the nearest symbols of z [1, Z, h, w]."""
        rows, columns = y.shape[2:]
        side = self.tile.run_side(rows, columns, quality, nearest_symbols(z))
        return self.tile.choose(y, side, quality, self.optimised(weight) if self.level.optimised else self.nearest)

    def optimised(self, weight: Tensor) -> Pick:
        """RDOQ, where a squared error of one step is worth so many bits [1, M, 1, 1] or [1, M, h, w]."""
        flat, least = weight.flatten(2), self.ripple.expand(1, weight.shape[1], 1, 1).flatten(2)

        def pick(residual: Tensor, scales: Tensor, channels: slice, places: Places) -> Tensor:
            here = flat[:, channels]
            here = here if here.shape[2] == 1 else here[:, :, places]
            return self.rdoq.optimised(residual, scales, here, least[:, channels])

        return pick

    def cost(self, y: Tensor, choice: Choice, weight: Tensor) -> float:
        """Rate-distortion cost in bits, with the error measured in the latents."""
        return self.bits(choice) + (weight * (y - choice.y_hat()).square()).sum().item()

    def nearest(self, residual: Tensor, scales: Tensor, channels: slice, places: Places) -> Tensor:
        """Rounding to the nearest symbols, whatever their rate."""
        return self.rdoq.nearest(residual, scales)

    def search(
        self,
        scene: Reconstruction,
        y: Tensor,
        place: tuple[slice, slice],
        quality: Quality,
        progress: Callable[[float], None],
    ) -> Choice:
        """The best choice found for the tile at `place` in y [1, M, h, w]; around it the decoder sees y unquantised.

        The quality is that of the tile, one or per hyper-latent.
        """
        random, tile = torch.Generator().manual_seed(SEED), y[(..., *place)]
        here = of_latents(quality, *tile.shape[2:])
        first, weight = self.first(tile, quality), self.error_weight(self.transforms.quality_weights(here), here)
        found = SearchState(first, tile)
        for number in range(self.level.rounds):
            share = FIRST_ROUND_SHARE * (1 - number / self.level.rounds)
            moves = self.moves(tile, found.choice, weight, share, random)
            latents = self.surrounded(y, place, found.choice)
            latents.symbols[(..., *place)] += moves.step / 2
            slope = scene.slope(latents)[(..., *place)]
            found = self.moved(found, moves, slope, weight, quality)
            progress((number + 1) / (self.level.rounds + 1))
        better = self.pays(scene, *(self.surrounded(y, place, each) for each in (first, found.choice)))
        self.tile.watch.lap("search")
        progress(1.0)
        return found.choice if better else first

    @torch.inference_mode()
    def pays(self, scene: Reconstruction, before: Latents, after: Latents) -> bool:
        """Whether the cost of a window has fallen; for a large one, a clear gain in its middle is enough.

        That the rest gains as well is likely, not certain; to know would take two more passes through the decoder.
        """
        middle = scene.middle()
        if middle is not None:
            part, (rows, columns) = scene.part(middle), middle.latents().within(scene.place.latents())
            first, last = (self.whole_cost(part, latents.part(rows, columns)) for latents in (before, after))
            if last < (1 - CLEAR_GAIN) * first:
                return True
        return self.whole_cost(scene, after) < self.whole_cost(scene, before)

    def whole_cost(self, scene: Reconstruction, latents: Latents) -> float:
        """Rate-distortion cost in bits, with the distortion measured in the decoded picture."""
        bits = self.rdoq.cost(latents.symbols, latents.parameters.scales).sum()
        return (scene.distortion(latents) + bits).item()

    def surrounded(self, y: Tensor, place: tuple[slice, slice], choice: Choice) -> Latents:
        """The decoder's input: the choice for the tile at `place`, surrounded by y [1, M, h, w] unquantised."""
        # the surroundings are all mean, no symbols
        symbols, mean = torch.zeros_like(y), y.double() * 2.0**MEAN_BITS
        scales = torch.zeros_like(y, dtype=torch.uint8)
        symbols[(..., *place)] = choice.symbols.float()
        mean[(..., *place)], scales[(..., *place)] = choice.parameters
        return Latents(symbols, EntropyParameters(mean, scales))

    def bits(self, choice: Choice) -> float:
        """Rate of y in bits."""
        return self.rdoq.cost(choice.symbols, choice.parameters.scales).sum().item()

    @torch.inference_mode()
    def moves(self, y: Tensor, choice: Choice, weight: Tensor, share: float, random: torch.Generator) -> Moves:
        """Moves by one to try: a random share of those that may pay, of the symbols of y [1, M, rows, columns]."""
        symbols, scales = choice.symbols.int(), choice.parameters.scales  # the largest plus one overflows int16
        error, here = y - choice.y_hat(), self.rdoq.cost(symbols, scales) - self.ripple
        up, down = (self.rdoq.cost(symbols + step, scales) - here for step in (1, -1))
        # first estimate, as if g_s were linear: (error - step)^2 - error^2
        guess_up, guess_down = weight * (1 - 2 * error) + up, weight * (1 + 2 * error) + down
        upwards = guess_up < guess_down
        tried = torch.rand(symbols.shape, generator=random, device="cpu").to(symbols.device) < share
        tried &= (scales > 0) & (torch.minimum(guess_up, guess_down) < MAX_MOVE_BITS)
        return Moves(torch.where(upwards, 1.0, -1.0) * tried, torch.where(upwards, up, down))

    @torch.inference_mode()
    def moved(self, found: SearchState, moves: Moves, slope: Tensor, weight: Tensor, quality: Quality) -> SearchState:
        """Make the moves that pay by the slope at their midpoint, and choose the other symbols anew."""
        choice, paying = found.choice, moves.step * (moves.step * slope + moves.bits < -MIN_GAIN_BITS)
        here = choice._replace(symbols=as_symbols(choice.symbols + paying)).y_hat()
        target = torch.where(paying != 0, here, found.target)
        # where a symbol was moved, both are the same
        wanted = here.lerp(target, LATENT_SHARE)
        return SearchState(self.tile.choose(wanted, choice.side, quality, self.optimised(weight)), target)
