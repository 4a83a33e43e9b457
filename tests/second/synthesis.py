"""Pixels of latents, the decoder `mse`: A.8 of docs/FORMAT.md. Floating point, in single precision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from second.arithmetic import Floats, Integers, convolve, of_positions, shuffle, unshuffle
from second.container import LicFile
from second.latents import Latents
from second.weights import Model


def leaky01(v: Floats) -> Floats:
    """The activation of g_s, of slope 0.1."""
    return np.where(v > 0, v, np.float32(0.1) * v)


def enlarged(v: Floats, r: int) -> Floats:
    """Every value r times in each direction."""
    return v.repeat(r, -2).repeat(r, -1)


@dataclass(frozen=True)
class Qualities:
    """What g_s takes of the qualities [rows, columns] of y, each [n, rows, columns]."""

    w: Floats
    t: Floats
    L: Floats

    @classmethod
    def of(cls, quality: Integers) -> "Qualities":
        """The weights of the eight points, the part below 1, and the level of what is added."""
        Q = quality.astype(np.float32) / 1000
        j = np.arange(1, 9, dtype=np.float32)[:, None, None]
        w = np.maximum(0, 1 - abs(np.maximum(Q, 1) - j))
        t = np.maximum(1 - Q, 0)[None]
        return cls(w, t, (w * (j - 1)).sum(0, keepdims=True) - 4 * t)

    def __call__(self, points: Floats) -> Floats:
        """What points [8, C] or [9, C] stand for, [C, rows, columns]."""
        weights = self.w if len(points) == 8 else np.concatenate([self.w, self.t])
        return np.tensordot(points.T, weights, 1)


@dataclass(frozen=True)
class Synthesis:
    """g_s of a model, for a picture of certain qualities; where it `wraps`, left and right edge are neighbours."""

    model: Model
    quality: Qualities
    wraps: bool

    def layer(self, name: str, v: Floats) -> Floats:
        """A convolution."""
        weight, bias = self.model.floats(f"{name}.weight"), self.model.floats(f"{name}.bias")
        return convolve(v, weight, self.wraps) + bias[:, None, None]

    def row(self, name: str, v: Floats, r: int) -> Floats:
        """A row of blocks, at r times the resolution of y."""
        number = 0
        while (block := f"{name}.blocks.{number}") + ".first.weight" in self.model.tensors:
            scale = enlarged(self.quality(self.model.floats(f"{block}.scale.points")), r)
            v = v + self.layer(f"{block}.second", leaky01(self.layer(f"{block}.first", v)) * (1 + scale))
            number += 1
        return v

    def __call__(self, latents: Latents) -> Floats:
        """x_hat [3, 16 rows, 16 columns], in which 1 and -1 are the ends of the range of pixels."""
        gain = np.exp(self.quality(self.model.floats("scale.log_gain.points")) - 2 * np.log(2) * self.quality.t)
        spread = np.sqrt((self.model.floats("scale.std")[:, None, None] * gain) ** 2 + 1).astype(np.float32)
        f, picture = self.draft(latents.y_hat, gain.astype(np.float32), spread)
        added = self.refinement(latents, spread, f, picture)
        strength = 2 * 10 ** (-(28 + 1.8 * enlarged(self.quality.L, 16)) / 20)
        return picture + added * strength.astype(np.float32)

    def draft(self, y_hat: Floats, gain: Floats, spread: Floats) -> tuple[Floats, Floats]:
        """Features at 1/8 of the size, and a first picture."""
        at = "g_s.draft"
        low = self.row(f"{at}.low", self.layer(f"{at}.enter", y_hat / spread), 1)
        f = self.row(f"{at}.high", shuffle(self.layer(f"{at}.up", low), 2), 2)
        return f, self.linear(y_hat / gain) + shuffle(self.layer(f"{at}.leave", f), 8)

    def linear(self, v: Floats) -> Floats:
        """Transposed convolution whose kernels [M, 3, 16, 16] do not overlap."""
        kernels = self.model.floats("g_s.draft.linear")
        patches = np.tensordot(kernels.reshape(len(kernels), -1).T, v, 1)
        return shuffle(patches, 16)

    def refinement(self, latents: Latents, spread: Floats, f: Floats, picture: Floats) -> Floats:
        """What is added to the first picture."""
        at = "g_s.refinement"
        hints = np.concatenate([latents.symbols / spread, latents.scales / 16]).astype(np.float32)
        hints = shuffle(self.layer(f"{at}.hints", hints), 2)
        r = self.row(f"{at}.blocks", self.layer(f"{at}.enter", np.concatenate([f, hints])), 2)
        fine = np.concatenate([unshuffle(picture, 4), shuffle(r, 2)])
        fine = self.row(f"{at}.fine_blocks", leaky01(self.layer(f"{at}.fine_enter", fine)), 4)
        return shuffle(self.layer(f"{at}.leave", r), 8) + shuffle(self.layer(f"{at}.fine_leave", fine), 4)


def twice(size: int, wraps: bool = False) -> NDArray[np.float64]:
    """The matrix [2 size, size] of an enlargement by two: Keys' cubic, a = -1/2, half-pixel centres."""
    centres = (np.arange(2 * size)[:, None] + 0.5) / 2 - 0.5
    d = abs(centres - np.arange(size))
    if wraps:
        d = np.minimum(d, size - d)
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    weights = np.where(d <= 1, near, np.where(d < 2, far, 0))
    return weights / weights.sum(1, keepdims=True)


def pixels(file: LicFile, model: Model, latents: Latents) -> NDArray[np.uint8]:
    """The pixels [height, width, 3], or [height, width, 1] of a grey picture."""
    quality = of_positions(file.qualities(), *latents.symbols.shape[1:])
    x_hat = Synthesis(model, Qualities.of(quality), file.wraps)(latents)
    if file.half:
        x_hat = (twice(x_hat.shape[1]) @ x_hat @ twice(x_hat.shape[2], file.wraps).T).astype(np.float32)
    colours = np.clip(np.round(127.5 * x_hat[:, : file.height, : file.width] + 127.5), 0, 255)
    if file.grey:
        colours = np.round(colours.mean(0, keepdims=True))
    return colours.astype(np.uint8).transpose(1, 2, 0)
