"""The exact context model: `lcomp.networks.context` in fixed point, in float64 (see `hyper_synthesis`)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.entropy.tables import SCALES
from lcomp.format.qualities import of_latents
from lcomp.networks.config import ContextConfig
from lcomp.networks.exact.hyper_synthesis import (
    ACTIVATION_BITS,
    ACTIVATION_MAX,
    EXACT_LIMIT,
    MEAN_BITS,
    MEAN_MAX,
    OUTPUT_BITS,
    OUTPUT_MAX,
    EntropyParameters,
    HyperOutput,
    IntegerLayer,
    Integers,
    check_layer,
    convolve,
    interpolate,
    leaky,
    nearest_scale,
    per_channel,
    pointwise,
    round_shift,
)
from lcomp.networks.passes import Pass, known_taps, partition, passes
from lcomp.types import Quality

SIGMA_BITS = 8
ENERGY_ENTRIES = 1024
"""Length of the energy table; symbols of this magnitude and beyond share its last entry."""

Places = Tensor | slice
"""Which of the h * w positions a pass codes: their indexes, or all."""

CodePass = Callable[[Pass, Places, EntropyParameters], Tensor]
"""Given a pass, its positions and their parameters [1, G, n]: the symbols [1, G, n], coded or decoded."""


@dataclass(frozen=True)
class IntegerContextLayers:
    """The convolutions of the context network, in the order of its passes and groups."""

    enter: IntegerLayer
    parameters_enter: tuple[IntegerLayer, ...]
    parameters_leave: tuple[IntegerLayer, ...]
    across: tuple[IntegerLayer, ...]
    onward: tuple[IntegerLayer, ...]
    mixers_enter: tuple[IntegerLayer, ...]
    mixers_leave: tuple[IntegerLayer, ...]

    def all(self) -> tuple[IntegerLayer, ...]:
        """Every layer."""
        parameters, mixers = (*self.parameters_enter, *self.parameters_leave), (*self.mixers_enter, *self.mixers_leave)
        return (self.enter, *parameters, *self.across, *self.onward, *mixers)


@dataclass(frozen=True)
class ContextTables:
    """Lookup tables of the context model, with ACTIVATION_BITS fractional bits unless stated otherwise."""

    quality: Integers  # [8, W]: offset of the state
    energy: Tensor  # float64 [ENERGY_ENTRIES]: half the log2 energy of a symbol's magnitude
    expected: Tensor  # float64 [SCALES]: half the log2 energy that a scale leads to expect
    sigma: Tensor  # float64 [SCALES]: standard deviation of a scale, SIGMA_BITS
    sign_offset: int


def look_up(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table [n] for integer indexes of any shape and type."""
    return table.index_select(0, index.flatten().int()).view(index.shape)


def as_pointwise(layer: IntegerLayer, taps: list[tuple[int, int]]) -> IntegerLayer:
    """Selected taps of a 3x3 layer [W, 2G, 3, 3] as a 1x1 layer [W, taps * 2G, 1, 1] over gathered neighbours."""
    weight = torch.cat([layer.weight[:, :, row, column] for row, column in taps], 1)[:, :, None, None]
    return IntegerLayer(weight, layer.bias, layer.shift)


class IntegerContext:
    """The exact context model of one model on one device.

    Raises ValueError where sums could exceed 2^53 or the tables are out of range.
    """

    def __init__(self, config: ContextConfig, layers: IntegerContextLayers, tables: ContextTables) -> None:
        self.config, self.layers, self.tables = config, layers, tables
        for layer in layers.all():
            check_layer(layer, ACTIVATION_MAX)
        if not 0 <= tables.sigma.max() * OUTPUT_MAX < EXACT_LIMIT or len(tables.sigma) != SCALES:
            raise ValueError("the context tables are out of range")
        # a surprise is the difference of two of these, plus an offset
        for values in (tables.energy, tables.expected, torch.tensor(float(tables.sign_offset))):
            if not values.abs().max() <= ACTIVATION_MAX // 4:
                raise ValueError("the context tables are out of range")
        later = [step for step in passes(config) if step.part]
        self.across = tuple(
            as_pointwise(layer, known_taps(step.parts, step.part))
            for layer, step in zip(layers.across, later, strict=True)
        )

    def __call__(self, hyper: HyperOutput, quality: Quality, code: CodePass) -> EntropyParameters:
        """Run all passes for one tile; `code` encodes or decodes the symbols of each.

        The quality is one in thousandths, or one per hyper-latent.

        Returns the parameters [1, M, h, w] that every symbol was coded with.
        """
        _, latents, height, width = hyper.mean.shape
        device = hyper.mean.device
        across = iter(self.across)
        base_mean, base_log_scale = hyper.mean.flatten(2), hyper.log_scale.flatten(2)
        mean, scales = torch.empty_like(base_mean), torch.empty_like(base_mean, dtype=torch.uint8)
        here = of_latents(quality, height, width)
        offset = per_channel(interpolate(self.tables.quality, here), device).flatten(1)
        features = hyper.features().flatten(2)
        state = pointwise(features, ACTIVATION_BITS, self.layers.enter, ACTIVATION_BITS, ACTIVATION_MAX) + offset

        symbols = torch.empty(0, dtype=torch.int16)
        for number, step in enumerate(passes(self.config)):
            last = step.part + 1 == step.parts
            split = partition(height, width, step.parts, device)
            places: Places = slice(None) if step.parts == 1 else split.places[step.part]
            channels = slice(step.first, step.last)
            at = state[:, :, places]
            if step.part:
                seen = self.surprise(symbols, scales[:, channels]) * (split.numbers < step.part)
                taps = known_taps(step.parts, step.part)
                at = at + self.neighbours(seen, taps, places, height, width, next(across))
            parameters = self.refine(at, number, base_mean[:, channels, places], base_log_scale[:, channels, places])
            coded = code(step, places, parameters).to(torch.int16)
            if step.part == 0:
                symbols = torch.zeros(1, step.last - step.first, height * width, dtype=torch.int16, device=device)
                scales[:, channels] = 0
            symbols[:, :, places] = coded
            mean[:, channels, places] = parameters.mean
            scales[:, channels, places] = parameters.scales
            if last and step.last < latents:
                layer = self.layers.onward[step.group]
                seen = self.surprise(symbols, scales[:, channels]).view(1, -1, height, width)
                state = state + convolve(seen, ACTIVATION_BITS, layer, ACTIVATION_BITS, ACTIVATION_MAX).flatten(2)
                state = state.clamp_(-ACTIVATION_MAX, ACTIVATION_MAX)
                state = self.mix(state, step.group, height, width)
        shape = (1, latents, height, width)
        return EntropyParameters(mean.view(shape), scales.view(shape))

    def mix(self, state: Tensor, group: int, height: int, width: int) -> Tensor:
        """The state [1, W, h * w] after the Mixer that follows a group."""
        bits, enter, leave = ACTIVATION_BITS, self.layers.mixers_enter[group], self.layers.mixers_leave[group]
        h = leaky(convolve(leaky(state).view(1, -1, height, width), bits, enter, bits, ACTIVATION_MAX)).flatten(2)
        h = pointwise(h, bits, leave, bits, ACTIVATION_MAX).add_(state)
        return h.clamp_(-ACTIVATION_MAX, ACTIVATION_MAX)

    def refine(self, state: Tensor, number: int, mean: Tensor, log_scale: Tensor) -> EntropyParameters:
        """Parameters [1, G, n] of a pass from the state [1, W, n] and the mean and log2 scale of `HyperOutput`."""
        layers, bits = self.layers, ACTIVATION_BITS
        h = leaky(state.clamp(-ACTIVATION_MAX, ACTIVATION_MAX))
        h = leaky(pointwise(h, bits, layers.parameters_enter[number], bits, ACTIVATION_MAX))
        h = pointwise(h, bits, layers.parameters_leave[number], OUTPUT_BITS, OUTPUT_MAX)
        shift, change = h.chunk(2, 1)
        shift.mul_(look_up(self.tables.sigma, nearest_scale(log_scale)))
        refined = round_shift(shift, SIGMA_BITS + OUTPUT_BITS - MEAN_BITS).add_(mean)
        return EntropyParameters(refined.clamp_(-MEAN_MAX, MEAN_MAX), nearest_scale(change.add_(log_scale)))

    def surprise(self, symbols: Tensor, scales: Tensor) -> Tensor:
        """Features [1, 2G, n] of symbols [1, G, n] and their scale indexes: see `context.surprise`."""
        tables = self.tables
        magnitude = symbols.abs().clamp_max_(ENERGY_ENTRIES - 1)
        energy = look_up(tables.energy, magnitude).sub_(look_up(tables.expected, scales))
        signed = (energy + tables.sign_offset).clamp_min_(0).mul_(symbols.sign())
        return torch.cat([energy, signed], 1)

    def neighbours(
        self, seen: Tensor, taps: list[tuple[int, int]], places: Places, height: int, width: int, layer: IntegerLayer
    ) -> Tensor:
        """Masked 3x3 convolution of features [1, 2G, h * w] at some places: a pointwise layer over gathered taps."""
        padded = F.pad(seen.view(1, -1, height, width), (1, 1, 1, 1))
        views = [
            padded[:, :, row : row + height, column : column + width].flatten(2)[:, :, places] for row, column in taps
        ]
        return pointwise(torch.cat(views, 1), ACTIVATION_BITS, layer, ACTIVATION_BITS, ACTIVATION_MAX)
