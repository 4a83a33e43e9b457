"""Coded crops of training pictures, which post-filters are trained on: as the codec itself would write them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lcomp.encoding.half_size import halve
from lcomp.encoding.objective import OBJECTIVES, Objective
from lcomp.encoding.symbol_search import SymbolSearch
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import quality_weights
from lcomp.networks.enhancer import upscale
from lcomp.networks.refinement import Evidence
from lcomp.options import DEFAULT_EFFORT
from lcomp.training.data import Pool, centres, to_signal
from lcomp.training.faces_and_text import nowhere
from lcomp.types import QUALITY_STEPS

SQUARED_ERROR = OBJECTIVES["mse"]


class Coded(NamedTuple):
    """Crops and what was coded of them."""

    evidence: Evidence  # y_hat float32, symbols int16, scales uint8; [B, M, h, w]
    x: Tensor  # uint8 [B, 3, H, W]
    quality: Tensor  # [B]
    error: Tensor  # [B]: distortion of the backbone's own g_s, by default its mean squared error, in [0, 255]
    marked: Tensor  # uint8 [B, 1, H/16, W/16]: where to be careful


def evidence_floats(evidence: Evidence) -> Evidence:
    """Stored evidence as the floats that networks take."""
    return Evidence(*(tensor.float() for tensor in evidence))


def half_size(x: Tensor) -> Tensor:
    """Pictures x (uint8 [B, 3, H, W]) at half their size, resampled as the encoder does."""
    small = [torch.from_numpy(halve(picture.permute(1, 2, 0).cpu().numpy()).copy()) for picture in x]
    return torch.stack(small).permute(0, 3, 1, 2).to(x.device)


def choose_symbols(codec: LoadedModel, x: Tensor, quality: Tensor) -> Evidence:
    """The evidence of pictures x (uint8 [B, 3, H, W]) coded at qualities [B]."""
    search = SymbolSearch(codec, DEFAULT_EFFORT)
    steps = [round(q * QUALITY_STEPS) for q in quality.tolist()]
    y = torch.cat([codec.transforms.latents(one[None], step) for one, step in zip(to_signal(x), steps, strict=True)])
    choices = [search.first(one[None], step) for one, step in zip(y, steps, strict=True)]
    return Evidence(
        torch.cat([choice.y_hat() for choice in choices]),
        torch.cat([choice.symbols for choice in choices]),
        torch.cat([choice.parameters.scales for choice in choices]),
    )


def shown(codec: LoadedModel, evidence: Evidence, quality: Tensor) -> Tensor:
    """The pictures of evidence, as the backbone's own g_s makes them at qualities [B]."""
    networks = codec.transforms.networks
    with codec.transforms.autocast():
        x_hat: Tensor = networks.g_s(evidence_floats(evidence), quality_weights(quality), networks.scale).x_hat
    return x_hat


@torch.no_grad()
def code(
    codec: LoadedModel,
    x: Tensor,
    quality: Tensor,
    half: bool,
    objective: Objective = SQUARED_ERROR,
    mark: Callable[[Tensor], Tensor] = nowhere,
) -> Coded:
    """Code crops x (uint8 [B, 3, H, W]) at qualities [B], at `half` size if asked to.

    `objective` measures errors, and `mark` says where to be careful.
    """
    evidence = choose_symbols(codec, half_size(x) if half else x, quality)
    plain = shown(codec, evidence, quality)
    error = objective.distortion(upscale(plain) if half else plain, to_signal(x))
    return Coded(evidence, x, quality, error, mark(x))


def join(parts: list[Coded]) -> Coded:
    """Concatenate crops of one size into a batch."""
    evidence = Evidence(*(torch.cat(tensors) for tensors in zip(*(part.evidence for part in parts), strict=True)))
    rest = (torch.cat([getattr(part, name) for part in parts]) for name in ("x", "quality", "error", "marked"))
    return Coded(evidence, *rest)


class Store:
    """A replay buffer of coded random crops, whose oldest one `renew` replaces.

    Batches are stratified: they hold one crop from each of `batch` equal parts of the range of qualities. `choose` says
    which model codes the next crop.
    """

    def __init__(
        self,
        pool: Pool,
        choose: Callable[[], LoadedModel],
        random: np.random.Generator,
        batch: int,
        side: int,
        range_: tuple[float, float],
        half: bool,
        rounds: int,
        objective: Objective = SQUARED_ERROR,
        mark: Callable[[Tensor], Tensor] = nowhere,
    ) -> None:
        self.pool, self.choose, self.random, self.batch, self.side = pool, choose, random, batch, side
        self.range, self.half, self.rounds, self.made = range_, half, rounds, 0
        self.objective, self.mark = objective, mark
        self.crops = [self.fresh() for _ in range(batch * rounds)]

    def fresh(self) -> Coded:
        """A new crop, from the part of the range whose turn it is."""
        low, high = self.range
        q = low + (high - low) * (self.made % self.batch + self.random.random()) / self.batch
        self.made += 1
        x = self.pool.crops(1, self.side, self.random)
        quality = torch.tensor([round(q * QUALITY_STEPS) / QUALITY_STEPS], device=x.device)
        return code(self.choose(), x, quality, self.half, self.objective, self.mark)

    def renew(self) -> None:
        """Replace the oldest crop."""
        place = self.made % len(self.crops)
        self.crops[place] = self.fresh()

    def draw(self) -> Coded:
        """A random stratified batch."""
        rounds = self.random.integers(self.rounds, size=self.batch)
        return join([self.crops[turn * self.batch + part] for part, turn in enumerate(rounds)])


def held_out(
    pool: Pool,
    codec: LoadedModel,
    qualities: tuple[float, ...],
    side: int,
    half: bool,
    objective: Objective = SQUARED_ERROR,
) -> Iterator[Coded]:
    """Coded centre crops of validation pictures, each at all qualities; raises LcompError where all are too small."""
    for x in centres(pool, side, 128):
        quality = torch.tensor(qualities, device=x.device)
        yield code(codec, x.expand(len(quality), -1, -1, -1), quality, half, objective)
