"""Training of the lossless family: on the features of a share of the samples of halved pictures.

Halved, because the pictures of a pool are mostly stored with losses, which hide the noise that raw photographs have.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.errors import LcompError, ModelError
from lcomp.lossless.colours import RANGES
from lcomp.lossless.features import FRACTION, Compander, companding_table, features
from lcomp.lossless.lattice import BANDS, at_scale, band_of, scales_of
from lcomp.lossless.likelihood import bits
from lcomp.lossless.network import PLANES, LosslessNetworks, PassNetwork
from lcomp.lossless.passes import MIDDLES, PyramidPass
from lcomp.lossless.prediction import Equations, equations, predict, taps_of
from lcomp.lossless.surroundings import Surroundings, inside
from lcomp.lossless.tensors import Coefficients, all_passes
from lcomp.lossless.tile import planes_of
from lcomp.training.data import Pool
from lcomp.training.run import Setting, TrainingRun
from lcomp.zoo.registry import LosslessInfo

COARSE_SHARE = 2
"""Samples of the coarser scales, which are few, are taken so many times as often."""


class Examples(NamedTuple):
    """Samples of one band and plane, at all scales."""

    features: Tensor  # int8 [n, K]
    values: Tensor  # int16 [n]
    predictions: Tensor  # int16 [n], FRACTION fractional bits
    scales: Tensor  # int16 [n]

    def slice(self, start: int, count: int) -> "Examples":
        """Some of them, in order."""
        return Examples(*(tensor[start : start + count] for tensor in self))


class CodedPass(NamedTuple):
    """A pass over a picture."""

    step: PyramidPass
    equations: Equations
    examples: Examples


def halved(picture: Tensor) -> Tensor:
    """A picture (uint8 [3, H, W]) at half its size, as pixels (uint8 [h, w, 3])."""
    means = F.avg_pool2d(picture.float()[None], 2)[0]
    return means.add_(0.5).floor_().to(torch.uint8).permute(1, 2, 0)


def passes_over(pixels: Tensor, compander: Compander) -> Iterator[CodedPass]:
    """All passes over a picture (uint8 [H, W, 3]), each with coefficients of its own."""
    planes = planes_of(pixels)
    height, width = planes.shape[1:]
    scales = scales_of(height, width)
    values = at_scale(planes, scales)
    residuals = (values - torch.tensor(MIDDLES, dtype=torch.int16)[:, None, None]) << FRACTION
    for scale in reversed(range(scales)):
        here = at_scale(planes, scale)
        around = Surroundings(values, residuals, here.shape[1], here.shape[2])
        for band in range(BANDS):
            for plane in range(PLANES):
                known, taps = band_of(here[plane], band), taps_of(around, band, plane)
                normal = equations(taps, known)
                prediction = predict(taps, normal.solution(), plane)
                seen = features(around, band, plane, prediction, compander).T
                place = torch.full((known.numel(),), scale, dtype=torch.int16)
                examples = Examples(seen, known.flatten(), prediction.flatten(), place)
                yield CodedPass(PyramidPass(scale, band, plane), normal, examples)
                around.put(band, plane, known, (known << FRACTION) - prediction)
        values, residuals = inside(around.values), inside(around.residuals)


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
    for index in torch.randperm(len(pool.sizes), generator=generator)[:count].tolist():
        for step, normal, examples in passes_over(halved(pool.picture(index).cpu()), compander):
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


class LosslessRun(TrainingRun[LosslessNetworks]):
    """Training of the networks of all bands and planes; raises ModelError for a recipe without what it needs."""

    def __init__(self, info: LosslessInfo, setting: Setting, start: LosslessNetworks | None = None) -> None:
        self.info = info
        self.pool, validation = setting.start()
        samples = setting.recipe.samples
        if samples is None:
            raise ModelError(f"{info.source}: a lossless recipe needs a table [training.samples]")
        self.gathered = gather(self.pool, samples.pictures, samples.share, setting.recipe.seed)
        self.held_out = gather(validation, len(validation.sizes), samples.share, setting.recipe.seed).examples
        super().__init__((start or LosslessNetworks(info.hidden)).to(setting.device), setting)
        total = sum(len(examples.values) for examples in self.gathered.examples.values())
        self.weights = {key: len(examples.values) / total for key, examples in self.gathered.examples.items()}
        self.cost: Callable[[PassNetwork, Examples, int], Tensor] = mean_bits
        if setting.compiled:
            self.cost = torch.compile(mean_bits, dynamic=False)

    def train_cost(self) -> Tensor:
        """Mean bits per sample of the next batch of every band and plane."""
        batch, total = self.recipe.stage(self.progress).batch, torch.zeros((), device=self.device)
        for (band, plane), examples in self.gathered.examples.items():
            size = min(batch, len(examples.values))
            start = int(self.random.integers(len(examples.values) - size + 1))
            part = Examples(*(tensor.to(self.device) for tensor in examples.slice(start, size)))
            total = total + self.weights[band, plane] * self.cost(self.model.of(band, plane), part, plane)
        return total

    @torch.no_grad()
    def validate(self) -> float:
        """Mean bits per sample of the averaged weights on a share of the validation pictures' samples."""
        sums, count = 0.0, 0
        for (band, plane), examples in self.held_out.items():
            size = len(examples.values)
            part = Examples(*(tensor.to(self.device) for tensor in examples))
            sums += size * mean_bits(self.average.of(band, plane), part, plane).item()
            count += size
        return sums / count


def mean_bits(network: PassNetwork, examples: Examples, plane: int) -> Tensor:
    """Mean bits per sample of examples under a network."""
    outputs = network(examples.features, examples.scales.long())
    lowest, highest = RANGES[plane]
    return bits(outputs, examples.values.float(), examples.predictions.float(), lowest, highest).mean()
