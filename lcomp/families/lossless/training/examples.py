"""Examples of samples for training the lossless family: features of a share of the samples of varied pictures.

Halved, because the pictures of a pool are mostly stored with losses, which hide the noise that raw photographs have;
some with the smooth colours of JPEG and of film scans, some with grain, some as they are, as decoded JPEG would be.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.errors import LcompError
from lcomp.families.lossless.colours import Colours
from lcomp.families.lossless.features import FRACTION, Compander, companding_table, features
from lcomp.families.lossless.lattice import BANDS, PyramidPass, scales_of
from lcomp.families.lossless.mode import CodingMode
from lcomp.families.lossless.network import PLANES
from lcomp.families.lossless.passes import MIDDLES
from lcomp.families.lossless.prediction import Equations, equations, fitted_rows, predict, values_around, weights_of
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.source import TileSource
from lcomp.families.lossless.surroundings import Surroundings, inside
from lcomp.families.lossless.tensors import Coefficients, all_passes
from lcomp.training.data import Pool

COARSE_SHARE = 2
"""Samples of the coarser scales, which are few, are taken so many times as often."""


class Examples(NamedTuple):
    """Samples of one band and plane, at all scales."""

    features: Tensor  # int8 [n, K]
    values: Tensor  # int16 [n]
    predictions: Tensor  # int16 [n], FRACTION fractional bits
    conditions: Tensor  # int16 [n]

    def batches(self, size: int) -> "Iterator[Examples]":
        """All of them in order, in batches."""
        return (self.slice(start, size) for start in range(0, len(self.values), size))

    def slice(self, start: int, count: int) -> "Examples":
        """Some of them, in order."""
        return Examples(*(tensor[start : start + count] for tensor in self))


class CodedPass(NamedTuple):
    """A pass over a picture."""

    step: PyramidPass
    equations: Equations
    examples: Examples


class Variety(Enum):
    """What is made of a picture; each gets one in so many."""

    HALVED = 0
    SMOOTH_COLOURS = 1
    GRAIN = 2
    SMOOTH_COLOURS_AND_GRAIN = 3
    UNCHANGED = 4


GRAINS = (0.5, 1.0, 1.5, 2.5, 4.0)
"""Standard deviations of grain, in grey levels."""

MODES = (
    *(CodingMode(Colours.GREEN, 0),) * 4,
    *(CodingMode(Colours.YCOCG, 0),) * 4,
    *(CodingMode(Colours.GREEN, error) for error in (1, 2, 3)),
)
"""How a picture is coded; one of these, by chance."""

LUMA = (0.299, 0.587, 0.114)


def smooth_colours(picture: Tensor) -> Tensor:
    """A picture [3, H, W] whose differences of colour are halved in resolution."""
    luma = torch.einsum("chw,c->hw", picture, picture.new_tensor(LUMA))
    differences = (picture - luma)[None]
    half = F.avg_pool2d(differences, 2, ceil_mode=True)
    return luma + F.interpolate(half, size=luma.shape, mode="bilinear", align_corners=False)[0]


def grain(picture: Tensor, generator: torch.Generator) -> Tensor:
    """A picture [3, H, W] with the grain of a film or sensor: the same in all colours, and of neighbouring pixels."""
    strength = GRAINS[int(torch.randint(len(GRAINS), (), generator=generator))]
    noise = torch.randn(picture.shape[1:], generator=generator)
    if torch.rand((), generator=generator) < 0.5:
        noise = (noise + noise.roll(1, 0) + noise.roll(1, 1) + noise.roll((1, 1), (0, 1))) / 2
    return picture + strength * noise


def varied(picture: Tensor, variety: Variety, generator: torch.Generator) -> Tensor:
    """Pixels (uint8 [h, w, 3]) made of a picture (uint8 [3, H, W])."""
    found = picture.float()
    if variety is not Variety.UNCHANGED:
        found = F.avg_pool2d(found[None], 2)[0]
    if variety in (Variety.SMOOTH_COLOURS, Variety.SMOOTH_COLOURS_AND_GRAIN):
        found = smooth_colours(found)
    if variety in (Variety.GRAIN, Variety.SMOOTH_COLOURS_AND_GRAIN):
        found = grain(found, generator)
    return (found + 0.5).floor_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0)


def passes_over(pixels: Tensor, mode: CodingMode, compander: Compander) -> Iterator[CodedPass]:
    """All passes over a picture (uint8 [H, W, 3]), each with coefficients of its own."""
    source, scratch = TileSource(pixels, mode.colours), Scratch()
    height, width = pixels.shape[:2]
    scales = scales_of(height, width)
    base = source.base(scales)
    middles = torch.tensor(MIDDLES[: len(base)])[:, None, None]
    values, residuals = base.float(), ((base - middles) << FRACTION).float()
    for scale in reversed(range(scales)):
        around = Surroundings(values, residuals, -(-height >> scale), -(-width >> scale))
        for band in range(BANDS):
            for plane in range(PLANES):
                step = PyramidPass(scale, band, plane)
                known = source.known(step, around)
                rows = slice(0, len(known), 1)
                seen = values_around(around, band, plane, rows, scratch)
                fitted = fitted_rows(*known.shape)
                normal = equations(seen[:, fitted].flatten(1), known[fitted].flatten().float())
                prediction = predict(seen, weights_of(normal.solution()), plane)
                found = features(around, band, plane, rows, seen, prediction, compander, scratch).T.to(torch.int8)
                conditions = torch.full((known.numel(),), mode.condition(scale), dtype=torch.int16)
                examples = Examples(found, known.flatten(), prediction.flatten().to(torch.int16), conditions)
                yield CodedPass(step, normal, examples)
                decoded = rounded(known, prediction.to(torch.int16), mode).float()
                around.put(band, plane, decoded, decoded * 2**FRACTION - prediction)
        values, residuals = inside(around.values), inside(around.residuals)


def rounded(samples: Tensor, prediction: Tensor, mode: CodingMode) -> Tensor:
    """What is decoded of samples (int16), where they may be off: whole steps away from their prediction."""
    if not mode.max_error:
        return samples
    centres = (prediction + (1 << (FRACTION - 1))) >> FRACTION
    steps = torch.div(samples - centres + mode.max_error, mode.step, rounding_mode="floor")
    return centres + mode.step * steps


class Gathered(NamedTuple):
    """What training needs of some pictures."""

    examples: dict[tuple[int, int], Examples]  # by band and plane, in random order
    coefficients: Coefficients  # fitted to all pictures together


@torch.no_grad()
def gather(pool: Pool, count: int, share: float, seed: int) -> Gathered:
    """A share of the samples of so many pictures of a pool; raises LcompError where they are too small or too few."""
    generator = torch.Generator().manual_seed(seed)
    compander = Compander(companding_table())
    parts: dict[tuple[int, int], list[Examples]] = {
        (band, plane): [] for band in range(BANDS) for plane in range(PLANES)
    }
    sums: dict[PyramidPass, Equations] = {}
    for number, index in enumerate(torch.randperm(len(pool.sizes), generator=generator)[:count].tolist()):
        pixels = varied(pool.pictures[index].cpu(), Variety(number % len(Variety)), generator)
        mode = MODES[int(torch.randint(len(MODES), (), generator=generator))]
        for step, normal, examples in passes_over(pixels, mode, compander):
            wanted = share * (COARSE_SHARE if step.scale > 1 else 1)
            chosen = torch.rand(len(examples.values), generator=generator) < wanted
            parts[step.band, step.plane].append(Examples(*(tensor[chosen] for tensor in examples)))
            known = sums.get(step)
            sums[step] = Equations(known.matrix + normal.matrix, known.vector + normal.vector) if known else normal
    if missing := [step for step in all_passes() if step not in sums]:
        raise LcompError(f"no picture is large enough for scale {missing[-1].scale}, at half its size")
    gathered = {}
    for key, found in parts.items():
        joined = Examples(*(torch.cat(tensors) for tensors in zip(*found, strict=True)))
        if not len(joined.values):
            raise LcompError("too few samples: take a larger share, or more pictures")
        order = torch.randperm(len(joined.values), generator=generator)
        gathered[key] = Examples(*(tensor[order] for tensor in joined))
    return Gathered(gathered, {step: normal.solution() for step, normal in sums.items()})
