"""Tiles of lossless pictures: appendix B of docs/FORMAT.md."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from second.arithmetic import Integers, clamp, rs
from second.container import DamagedError, LicFile, Tile
from second.entropy import RangeDecoder, decode_group
from second.latents import opened
from second.lattice import OTHER, OWN, PARITIES, around, number_of_scales, taps
from second.weights import Model

STEPS = [0, 1623, 2378, 2875, 3246, 3542, 3789, 4001, 4186, 4350, 4498, 4632, 4755, 4869, 4975, 5073]
"""round(1024 log2(2 N + 1)), by N."""
COEFFICIENTS, OFFSET, COLOURS, BASE = 564, 484, 484, 572
"""Tables of what is not a sample of a pass."""


def activation(v: Integers) -> Integers:
    """The activation of the networks, which also leaves out fractional bits."""
    return clamp(np.where(v > 0, (v + 32) >> 6, (v + 256) >> 9), 127)


@dataclass
class TileDecoder:
    """What is decoded of a tile: planes of samples, and their residuals."""

    model: Model
    stream: RangeDecoder
    N: int
    colours: int
    samples: list[Integers]
    residuals: list[Integers]

    @property
    def step(self) -> int:
        """How far samples lie apart that can be told from each other."""
        return 2 * self.N + 1

    def group(self, indexes: Integers) -> Integers:
        """The symbols of a group."""
        return decode_group(self.stream, self.model.tables, indexes)[0]

    def base(self, scale: int) -> None:
        """All planes of the coarsest scale."""
        views = [plane[:: 2**scale, :: 2**scale] for plane in self.samples]
        symbols = self.group(np.full((len(views), *views[0].shape), BASE))
        for plane, symbol in enumerate(symbols):
            centre, lowest = (128, 0) if plane == 0 else (0, -255)
            sample = np.clip(symbol + centre, lowest, 255)
            views[plane][...] = sample
            self.residuals[plane][:: 2**scale, :: 2**scale] = 16 * (sample - centre)

    def one_pass(self, scale: int, band: int, plane: int) -> None:
        """One plane of one band of one scale."""
        samples = [p[:: 2**scale, :: 2**scale] for p in self.samples[: plane + 1]]
        residuals = [p[:: 2**scale, :: 2**scale] for p in self.residuals[: plane + 1]]
        m, found = taps(samples, band)
        coefficients, offset = self.coefficients(scale, band, plane)
        lowest = 0 if plane == 0 else -255
        total = np.tensordot(coefficients, found, 1)
        prediction = np.clip((total + 256 * m + 32) >> 6, 16 * lowest, 16 * 255)
        x = self.features(samples, residuals, band, prediction)
        shift, log_scale, tail = self.network(x, scale, band, plane)
        log = log_scale + 128 * offset
        mean = prediction + rs(clamp(shift, 4096) * self.model.integers("scales")[class_of(log)], 18)
        centre = (mean + 8) >> 4
        beside = mean - 16 * centre
        phase = (abs(beside) // self.step + 1) >> 1
        sign = np.where(beside < 0, -1, 1)
        c = class_of(log - STEPS[self.N])
        wide = np.clip((tail + 3072) // 1536, 0, 3)
        tables = np.where(c < 24, 1 + 5 * (4 * c + wide) + phase, 481 + 4 * (c - 24) + wide)
        sample = np.clip(centre + sign * self.step * self.group(tables), lowest, 255)
        row, column = PARITIES[band]
        samples[plane][row::2, column::2] = sample
        residuals[plane][row::2, column::2] = 16 * sample - prediction

    def coefficients(self, scale: int, band: int, plane: int) -> tuple[Integers, int]:
        """The coefficients of a pass, and its offset."""
        counts = [16, 21, 26]
        if self.samples[0].size >= 2**15 and scale <= 2:
            coefficients = self.group(np.full(counts[plane], COEFFICIENTS))
            offset = int(self.group(np.array([OFFSET]))[0])
            if abs(offset) > 8:
                raise DamagedError("an offset beyond the limits")
            return coefficients, offset
        start = (3 * scale + band) * sum(counts) + sum(counts[:plane])
        return self.model.integers("coefficients")[start : start + counts[plane]], 0

    def companded(self, v: Integers) -> Integers:
        """C(v)."""
        return np.sign(v) * self.model.integers("companding")[np.minimum(abs(v), 8191)]

    def features(self, samples: list[Integers], residuals: list[Integers], band: int, prediction: Integers) -> Integers:
        """The features [K, rows, columns] of a pass."""
        plane = len(samples) - 1
        C = self.companded
        r = around(residuals[plane], band, OWN[band])
        magnitudes = abs(r)
        brightness = 128 if plane == 0 else 0
        found = [
            C(16 * around(samples[plane], band, OWN[band][:12]) - prediction),
            C(r),
            C(magnitudes[:4].sum(0) >> 2)[None],
            C(magnitudes.sum(0) >> 4)[None],
            C(area(residuals[plane][::2, ::2], *prediction.shape) >> 6)[None],
            8 * (((prediction >> 4) - brightness + 16) >> 5)[None],
        ]
        for other in residuals[:plane]:
            r = around(other, band, OTHER[band])
            magnitudes = abs(r)
            found += [C(r), C(magnitudes[1:5].sum(0) >> 2)[None], C(magnitudes[1:9].sum(0) >> 3)[None]]
        return np.concatenate(found)

    def network(self, x: Integers, scale: int, band: int, plane: int) -> Integers:
        """Shift of the mean, log2 scale and tail, [3, rows, columns]."""
        at = f"{band}.{plane}"
        s = 20 * self.colours + 5 * min(self.N, 3) + scale

        def layer(name: str, v: Integers, bias: Integers) -> Integers:
            weight = self.model.integers(f"{at}.{name}.weight").astype(np.float64)
            return np.tensordot(weight, v.astype(np.float64), 1).astype(np.int64) + bias[:, None, None]

        h = activation(layer("enter", x, self.model.integers(f"{at}.enter.bias")[s]))
        h = activation(layer("middle", h, self.model.integers(f"{at}.middle.bias")))
        return layer("leave", np.concatenate([h, x]), self.model.integers(f"{at}.leave.bias"))

    def pixels(self) -> NDArray[np.uint8]:
        """The pixels [height, width, 1 or 3]."""
        if len(self.samples) == 1:
            channels = self.samples
        elif self.colours == 0:
            Y, Co, Cg = self.samples
            t = Y - (Cg >> 1)
            G = Cg + t
            B = t - (Co >> 1)
            channels = [B + Co, G, B]
        else:
            G, red, blue = self.samples
            channels = [G + red, G, G + blue]
        return np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)


def class_of(log: Integers) -> Integers:
    """cl(l) of B.7."""
    return np.clip((4 * (log + 4096) + 512) >> 10, 0, 47)


def area(coarser: Integers, rows: int, columns: int) -> Integers:
    """Sums of the magnitudes of 8 x 8 residuals of the coarser scale, for the samples of a band."""
    total = np.zeros((rows, columns), np.int64)
    for down in range(-3, 5):
        for right in range(-3, 5):
            i = np.clip(np.arange(rows) + down, 0, coarser.shape[0] - 1)
            j = np.clip(np.arange(columns) + right, 0, coarser.shape[1] - 1)
            total += abs(coarser[np.ix_(i, j)])
    return total


def decode_pixels(file: LicFile, model: Model, payload: bytes, tile: Tile) -> NDArray[np.uint8]:
    """The pixels of one tile."""
    assert file.coder is not None
    expected, stream = opened(payload, file.coder)
    assert isinstance(stream, RangeDecoder), "lossless tiles are coded by constriction"
    colours = int(decode_group(stream, model.tables, np.array([COLOURS]))[0][0])
    if colours not in (0, 1):
        raise DamagedError("a colour transform that is not known")
    planes = 1 if file.grey else 3
    samples = [np.zeros((tile.height, tile.width), np.int64) for _ in range(planes)]
    residuals = [np.zeros_like(plane) for plane in samples]
    decoder = TileDecoder(model, stream, file.quality, colours, samples, residuals)
    scales = number_of_scales(tile.height, tile.width)
    decoder.base(scales)
    for scale in reversed(range(scales)):
        for band in range(3):
            for plane in range(planes):
                decoder.one_pass(scale, band, plane)
    stream.finish()
    pixels = decoder.pixels()
    if zlib.crc32(pixels.tobytes(), tile.number) != expected:
        raise DamagedError("the checksum of the pixels is wrong")
    return pixels
