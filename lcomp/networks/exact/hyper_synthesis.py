"""The exact path from z_hat to entropy parameters: h_s in fixed point, carried in float64.

Every value is an integer and every sum stays below 2^53, so any order of summation, thread count,
instruction set or device gives the same result (Balle 2019, "Integer networks for data compression
with latent-variable models"). Rounding after each convolution keeps even a transform-based one exact.

    z_hat * 1/gain(q) -> v --+-- path - shuffle 4 - expand ----------------------------+--> means, log2 scales
                             `-- enter - shuffle 2 - middle - shuffle 2 - mix - leave --'
    mean * deviation(q) -> mu in 1/64,  log2 scale + log2 deviation(q) -> log2 sigma, scale index
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lcomp.entropy.tables import SCALES, STEPS_PER_OCTAVE
from lcomp.format.qualities import of_latents
from lcomp.networks.config import PLUNGE
from lcomp.networks.exact import winograd
from lcomp.types import HYPER_STRIDE, QUALITY_STEPS, Quality

# fixed-point formats between the convolutions: fractional bits, and largest magnitude in units of the last bit
ACTIVATION_BITS, ACTIVATION_MAX = 8, 2**17
OUTPUT_BITS, OUTPUT_MAX = 12, 2**18
MEAN_BITS, MEAN_MAX = 6, 2**20
DEVIATION_BITS = 8
INVERSE_BITS = 12
LOG_BITS = 16
EXP_BITS = 24
LEAK_BITS = 3
"""The negative slope is 2^-LEAK_BITS, `lcomp.networks.blocks.SLOPE`."""

LOG_SCALE_MIN = -208694
"""round(log2(SCALE_MIN) * 2^LOG_BITS), a literal so that no mathematics library decides it."""

EXACT_LIMIT = 2.0**52
"""Sums stay below half of 2^53, so that rounding can add one half exactly."""

LOG_RANGE = 20 << LOG_BITS
"""Largest magnitude of a stored logarithm."""

GAIN_RANGE = 16 << LOG_BITS
"""Largest magnitude of the stored logarithms of z's gain: z_hat over the gain stays an exact product."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class IntegerLayer:
    """A convolution in fixed point."""

    weight: Tensor  # float64 holding integers [out, in, k, k]
    bias: Tensor  # float64 holding integers [out], at the accumulator's precision
    shift: int  # fractional bits of the weights

    @cached_property
    def transformed(self) -> Tensor | None:
        """The weight for `winograd.convolve` and inputs of a hidden layer, None where it cannot be used."""
        return winograd.transformed(self.weight, ACTIVATION_MAX)


@dataclass(frozen=True)
class IntegerLayers:
    """The convolutions of h_s."""

    path: IntegerLayer
    expand: IntegerLayer
    enter: IntegerLayer
    middle: IntegerLayer
    mix: IntegerLayer
    leave: IntegerLayer


LAYER_NAMES = tuple(field.name for field in fields(IntegerLayers))


class EntropyParameters(NamedTuple):
    """Mean and scale of every symbol, all that coding needs: of y, or of a part of y or z [1, C, n]."""

    mean: Tensor  # float64 [B, M, h, w]: mu in steps of 2^-MEAN_BITS, integers
    scales: Tensor  # uint8 [B, M, h, w]: scale indexes


class HyperOutput(NamedTuple):
    """Output of h_s: the prediction of y and the hidden features; float64 holding integers."""

    hidden: Tensor  # [B, H, h, w]: last hidden layer, ACTIVATION_BITS
    energies: Tensor  # [B, G, h, w]: output of the linear path, OUTPUT_BITS
    mean: Tensor  # [B, M, h, w]: mu, MEAN_BITS
    log_scale: Tensor  # [B, M, h, w]: log2 of sigma over SCALE_MIN, OUTPUT_BITS

    def entropy_parameters(self) -> EntropyParameters:
        """The means and the nearest scale indexes."""
        return EntropyParameters(self.mean, nearest_scale(self.log_scale))

    def features(self) -> Tensor:
        """Input features of the context model [B, H + G, h, w], ACTIVATION_BITS."""
        return torch.cat([self.hidden, round_shift(self.energies, OUTPUT_BITS - ACTIVATION_BITS)], 1)


def round_shift(value: Tensor, bits: int) -> Tensor:
    """floor(value / 2^bits + 1/2): exact, because a power of two scales without rounding."""
    return (value * 2.0**-bits).add_(0.5).floor_()


def convolve(value: Tensor, bits: int, layer: IntegerLayer, output_bits: int, largest: int) -> Tensor:
    """Convolution of integers with `bits` fractional bits, rounded to `output_bits` and clamped."""
    transformed = layer.transformed if winograd.worthwhile(value) else None
    if transformed is None:
        total = F.conv2d(value, layer.weight, padding=layer.weight.shape[-1] // 2)
    else:
        total = winograd.convolve(value, transformed)
    scale_and_clamp(total, bits, layer, output_bits, largest)
    return total


def pointwise(value: Tensor, bits: int, layer: IntegerLayer, output_bits: int, largest: int) -> Tensor:
    """A 1x1 convolution of [B, C, n], n possibly 0, as `convolve` does it."""
    total = torch.matmul(layer.weight[:, :, 0, 0], value)
    scale_and_clamp(total[..., None], bits, layer, output_bits, largest)
    return total


def scale_and_clamp(total: Tensor, bits: int, layer: IntegerLayer, output_bits: int, largest: int) -> None:
    """Requantise the accumulators [B, C, h, w] of a layer whose inputs have `bits` fractional bits, in place."""
    # (total + bias) / 2^n, rounded half up; in place, because these tensors are the largest of the exact path
    scale = 2.0 ** (output_bits - bits - layer.shift)
    total.round_().mul_(scale).add_((layer.bias * scale + 0.5)[:, None, None])
    total.floor_().clamp_(-largest, largest)


def leaky(value: Tensor) -> Tensor:
    """LeakyReLU on integers, with a negative slope of 2^-LEAK_BITS."""
    return torch.maximum(value, round_shift(value, LEAK_BITS))


def per_channel(values: Integers, device: torch.device) -> Tensor:
    """Values [C], or [C, h, w], as float64 [C, 1, 1] or [C, h, w] on a device, copied without synchronising."""
    copied = torch.from_numpy(values).double().to(device, non_blocking=True)
    return copied if copied.ndim > 1 else copied[:, None, None]


def at_places(values: Tensor, places: Tensor | slice) -> Tensor:
    """Those of some places [C, n], of values of all places [C, h * w]; or of any, [C, 1]."""
    return values if values.shape[1] == 1 else values[:, places]


def interpolate(points: Integers, quality: Quality) -> Integers:
    """Integer interpolation of `points` [8, channels] at qualities in thousandths, rounded half up: [channels, ...].

    Below q = 1 the values of q = 1 hold.
    """
    qualities, places = np.unique(quality, return_inverse=True)
    step, part = np.divmod(np.maximum(qualities - QUALITY_STEPS, 0)[:, None], QUALITY_STEPS)
    first, second = points[step[:, 0]], points[np.minimum(step[:, 0] + 1, len(points) - 1)]
    mixed = (2 * (first * (QUALITY_STEPS - part) + second * part) + QUALITY_STEPS) // (2 * QUALITY_STEPS)
    return np.ascontiguousarray(mixed.T[:, places.reshape(np.shape(quality))])


def plunge(quality: Quality) -> Integers:
    """Log2 of the factor by which the gain of y falls below q = 1, LOG_BITS, at qualities in thousandths."""
    return np.asarray((PLUNGE << LOG_BITS) * np.maximum(QUALITY_STEPS - quality, 0) // QUALITY_STEPS)


def nearest_scale(log_scale: Tensor) -> Tensor:
    """Scale indexes (uint8) of log2 standard deviations over SCALE_MIN with OUTPUT_BITS fractional bits."""
    position = (log_scale * (STEPS_PER_OCTAVE * 2.0**-OUTPUT_BITS)).add_(0.5).floor_()
    return position.clamp_(0, SCALES - 1).to(torch.uint8)


def check_layer(layer: IntegerLayer, largest: int) -> None:
    """Raise ValueError unless a layer's sums stay below the exact limit for all inputs of that magnitude."""
    total = layer.weight.abs().sum((1, 2, 3)) * largest + layer.bias.abs()
    if not total.max() < EXACT_LIMIT:
        raise ValueError("fixed-point sums may exceed 2^53")


class IntegerHyperSynthesis:
    """The exact h_s of one model on one device; raises ValueError where sums could exceed 2^53."""

    def __init__(
        self,
        layers: IntegerLayers,
        log_deviation: Integers,  # [8, M]: log2 of the expected deviation of y per quality, LOG_BITS
        z_log_gain: Integers,  # [8, Z]: log2 of the gain of z, LOG_BITS
        z_log_scale: Integers,  # [8, Z]: log2 of the standard deviation of z, LOG_BITS
        exp2: Integers,  # [257]: 2^(k / 256), EXP_BITS
    ) -> None:
        self.layers, self.exp2 = layers, exp2
        self.log_deviation, self.z_log_gain, self.z_log_scale = log_deviation, z_log_gain, z_log_scale
        self.check_bounds()

    def check_bounds(self) -> None:
        """Raise ValueError unless every sum stays below the exact limit for all possible inputs."""
        for logarithms in (self.log_deviation, self.z_log_scale):
            if np.abs(logarithms).max() > LOG_RANGE:
                raise ValueError("stored logarithms are out of range")
        if np.abs(self.z_log_gain).max() > GAIN_RANGE:
            raise ValueError("stored gains are out of range")
        if len(self.exp2) != 257 or self.exp2.min() < 0 or self.exp2.max() > 2 << EXP_BITS:
            raise ValueError("the powers of two are out of range")
        for name in LAYER_NAMES:
            check_layer(getattr(self.layers, name), OUTPUT_MAX if name == "expand" else ACTIVATION_MAX)

    def power_of_two(self, logarithm: Integers, bits: int) -> Integers:
        """2^logarithm with `bits` fractional bits: table lookup and linear interpolation, integers only."""
        whole, part = logarithm >> LOG_BITS, logarithm & (2**LOG_BITS - 1)
        cell, rest = part >> 8, part & 255
        mantissa = self.exp2[cell] * (256 - rest) + self.exp2[cell + 1] * rest  # EXP_BITS + 8
        down = EXP_BITS + 8 - bits - whole
        up = np.maximum(-down, 0)
        down = np.maximum(down, 1)
        return np.where(up > 0, mantissa << up, (mantissa + (1 << (down - 1))) >> down)

    def normalised(self, z_hat: Tensor, quality: Quality) -> Tensor:
        """z_hat [B, Z, h, w], in steps of 2^-MEAN_BITS, over the gain of z, ACTIVATION_BITS."""
        inverse = self.power_of_two(-interpolate(self.z_log_gain, quality), INVERSE_BITS)
        v = z_hat * per_channel(inverse, z_hat.device)
        return round_shift(v, INVERSE_BITS + MEAN_BITS - ACTIVATION_BITS).clamp_(-ACTIVATION_MAX, ACTIVATION_MAX)

    def __call__(self, z_hat: Tensor, quality: Quality) -> HyperOutput:
        """Parameters of y for z_hat [B, Z, h, w], in steps of 2^-MEAN_BITS, at a quality in thousandths, or [h, w]."""
        layers, bits, v = self.layers, ACTIVATION_BITS, self.normalised(z_hat, quality)
        h = leaky(F.pixel_shuffle(convolve(v, bits, layers.enter, bits, ACTIVATION_MAX), 2))
        h = leaky(F.pixel_shuffle(convolve(h, bits, layers.middle, bits, ACTIVATION_MAX), 2))
        h = leaky(convolve(h, bits, layers.mix, bits, ACTIVATION_MAX))
        p = F.pixel_shuffle(convolve(v, bits, layers.path, OUTPUT_BITS, OUTPUT_MAX), HYPER_STRIDE)
        output = convolve(h, bits, layers.leave, OUTPUT_BITS, OUTPUT_MAX)
        output.add_(convolve(p, OUTPUT_BITS, layers.expand, OUTPUT_BITS, OUTPUT_MAX))
        mean, log_scale = output.chunk(2, 1)

        # mean * deviation and log_scale + log_deviation, both rounded half up
        here = of_latents(quality)
        log_deviation = interpolate(self.log_deviation, here) - plunge(here)
        deviation = per_channel(self.power_of_two(log_deviation, DEVIATION_BITS), z_hat.device)
        mean.mul_(deviation * 2.0 ** (MEAN_BITS - OUTPUT_BITS - DEVIATION_BITS)).add_(0.5).floor_()
        expected = per_channel(log_deviation - LOG_SCALE_MIN, z_hat.device)
        log_scale.add_(round_shift(expected, LOG_BITS - OUTPUT_BITS))
        return HyperOutput(h, p, mean.clamp_(-MEAN_MAX, MEAN_MAX), log_scale)
