"""The exact context model of z: `lcomp.networks.hyper_context` in fixed point, in float64 (see `hyper_synthesis`)."""

from collections.abc import Callable

import torch
from torch import Tensor

from lcomp.entropy.latents import MAX_SYMBOL
from lcomp.networks.exact.hyper_synthesis import (
    ACTIVATION_BITS,
    ACTIVATION_MAX,
    DEVIATION_BITS,
    LOG_BITS,
    LOG_SCALE_MIN,
    MEAN_BITS,
    MEAN_MAX,
    OUTPUT_BITS,
    OUTPUT_MAX,
    EntropyParameters,
    IntegerHyperSynthesis,
    IntegerLayer,
    Integers,
    at_places,
    check_layer,
    convolve,
    interpolate,
    leaky,
    nearest_scale,
    per_channel,
    pointwise,
    round_shift,
)
from lcomp.networks.hyper_context import PARTS
from lcomp.networks.passes import partition
from lcomp.types import Quality

CodePart = Callable[[Tensor, EntropyParameters], Tensor]
"""Given positions [n] and their parameters [1, Z, n]: the symbols [1, Z, n] of z, coded or decoded."""


def nearest_symbols(z: Tensor) -> CodePart:
    """A `CodePart` that rounds z [1, Z, h, w] to the nearest symbols; those of the first scale are zero."""
    flat = z.flatten(2)

    def code(places: Tensor, parameters: EntropyParameters) -> Tensor:
        symbols = torch.round(flat[:, :, places] - parameters.mean * 2.0**-MEAN_BITS)
        return (symbols.clamp_(-MAX_SYMBOL, MAX_SYMBOL) * (parameters.scales > 0)).to(torch.int16)

    return code


class IntegerHyperContext:
    """The exact h_c of one model on one device; raises ValueError where sums could exceed 2^53."""

    def __init__(
        self,
        h_s: IntegerHyperSynthesis,
        enter: tuple[IntegerLayer, ...],
        leave: tuple[IntegerLayer, ...],
        quality: Integers,  # [8, width]: offset of the hidden layer, ACTIVATION_BITS
    ) -> None:
        self.h_s, self.enter, self.leave, self.quality = h_s, enter, leave, quality
        self.channels = h_s.z_log_scale.shape[1]
        for layer in (*enter, *leave):
            check_layer(layer, ACTIVATION_MAX)

    def __call__(self, rows: int, columns: int, quality: Quality, code: CodePart) -> Tensor:
        """Code all parts in order with `code`; returns z_hat [1, Z, rows, columns] as float64 integers, MEAN_BITS.

        The quality is one in thousandths, or [rows, columns] of them.
        """
        device = self.enter[0].weight.device
        log_scale = interpolate(self.h_s.z_log_scale, quality)
        deviation = per_channel(self.h_s.power_of_two(log_scale, DEVIATION_BITS), device).flatten(1)
        expected = round_shift(per_channel(log_scale - LOG_SCALE_MIN, device), LOG_BITS - OUTPUT_BITS).flatten(1)
        offset = per_channel(interpolate(self.quality, quality), device).flatten(1)
        z_hat = torch.zeros(1, len(log_scale), rows * columns, dtype=torch.float64, device=device)
        for part, places in enumerate(partition(rows, columns, PARTS, device).places):
            if not len(places):
                continue
            mean, change = torch.zeros_like(z_hat[:, :, places]), torch.zeros_like(z_hat[:, :, places])
            if part:
                shift, change = self.shifts(z_hat.view(1, -1, rows, columns), part, places, quality, offset)
                mean = round_shift(shift * at_places(deviation, places), OUTPUT_BITS + DEVIATION_BITS - MEAN_BITS)
                mean = mean.clamp_(-MEAN_MAX, MEAN_MAX)
            symbols = code(places, EntropyParameters(mean, nearest_scale(change + at_places(expected, places))))
            z_hat[:, :, places] = symbols.double() * 2.0**MEAN_BITS + mean
        return z_hat.view(1, -1, rows, columns)

    def shifts(
        self, z_hat: Tensor, part: int, places: Tensor, quality: Quality, offset: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Shifts of means and log2 scales [1, Z, n] at some places, OUTPUT_BITS; z_hat is zero where not decoded."""
        bits, v = ACTIVATION_BITS, self.h_s.normalised(z_hat, quality)
        h = convolve(v, bits, self.enter[part - 1], bits, ACTIVATION_MAX).flatten(2)[:, :, places]
        h = leaky((h + at_places(offset, places)).clamp_(-ACTIVATION_MAX, ACTIVATION_MAX))
        mean, scale = pointwise(h, bits, self.leave[part - 1], OUTPUT_BITS, OUTPUT_MAX).chunk(2, 1)
        return mean, scale
