"""Frequency tables fitted to the symbols that training pictures are coded with.

Scales are trained with additive uniform noise in place of rounding, and RDOQ makes more symbols zero than the Gaussian
predicts. Tables and choice depend on each other (entropy-constrained quantisation, Chou 1989), hence the rounds.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lcomp.encoding.rdoq import Rdoq
from lcomp.encoding.symbol_search import SymbolSearch
from lcomp.entropy.tables import (
    MAX_RADIUS,
    SCALES,
    TABLES,
    Table,
    expected_bits,
    gaussian_masses,
    gaussian_table,
    gaussian_tables,
    scale_deviation,
    table_of_masses,
)
from lcomp.model.loaded import LoadedModel
from lcomp.options import DEFAULT_EFFORT
from lcomp.training.data import Pool, stratified_qualities, to_signal
from lcomp.training.recipe import Recipe
from lcomp.types import QUALITY_STEPS
from lcomp.zoo.registry import read_model

ROUNDS = 2

BATCH = 8
"""Crops that the range of qualities is spread over."""

PRIOR = 64.0
"""Pseudo-count of the Gaussian prior: it weighs as much as so many symbols."""

WIDER = (1.0, 1.5, 2.0, 3.0)
"""Candidate radii of a table, relative to the Gaussian's."""


def fitted_table(counts: NDArray[np.int64], scale: int) -> Table:
    """Table of a scale from counts of its symbols -MAX_RADIUS .. MAX_RADIUS; larger ones are counted at the ends."""
    masses = counts + counts[::-1] + PRIOR * gaussian_masses(scale_deviation(scale), MAX_RADIUS)
    masses /= masses.sum()
    radius = gaussian_table(scale_deviation(scale)).radius
    radii = sorted({min(round(radius * factor), MAX_RADIUS) for factor in WIDER})
    tables = [table_of_masses(masses[MAX_RADIUS - r : MAX_RADIUS + r + 1]) for r in radii]
    return min(tables, key=lambda table: expected_bits(table, masses))


@torch.no_grad()
def count_symbols(
    codec: LoadedModel, rounding: Rdoq, pool: Pool, random: np.random.Generator, crops: int, side: int
) -> NDArray[np.int64]:
    """Histograms [TABLES, 2 MAX_RADIUS + 1] of the symbols that are chosen in about so many random crops."""
    search = SymbolSearch(codec, DEFAULT_EFFORT, rdoq=rounding)
    width = 2 * MAX_RADIUS + 1
    counts = np.zeros(TABLES * width, np.int64)
    for _ in range(-(-crops // BATCH)):
        signals = to_signal(pool.crops(BATCH, side, random))
        for x, q in zip(signals, stratified_qualities(BATCH, random).tolist(), strict=True):
            quality = round(q * QUALITY_STEPS)
            choice = search.first(codec.transforms.latents(x[None], quality), quality)
            for symbols, tables in (*choice.side.groups, *choice.groups):
                places = tables.long() * width + symbols.clamp(-MAX_RADIUS, MAX_RADIUS) + MAX_RADIUS
                counts += places.bincount(minlength=len(counts)).cpu().numpy()
    return counts.reshape(TABLES, width)


def fit_tables(codec: LoadedModel, pool: Pool, recipe: Recipe) -> tuple[Table, ...]:
    """Tables of the symbols that `codec` chooses in random crops, for every scale of y and of z."""
    random, side = np.random.default_rng(recipe.seed), recipe.stage(0).crop
    tables = gaussian = gaussian_tables()
    for _ in range(ROUNDS):
        counts = count_symbols(codec, Rdoq(tables, codec.device), pool, random, recipe.table_crops, side)
        # the first scale stands for symbols that are not coded
        tables = tuple(
            fitted_table(counts[number], number % SCALES) if number % SCALES else gaussian[number]
            for number in range(TABLES)
        )
    return tables


def export_fitted(
    write: Callable[[tuple[Table, ...]], Path], source: Path, pool: Pool, recipe: Recipe, device: torch.device
) -> Path:
    """Write the weights of the model described in `source`, with tables fitted to the symbols that it codes.

    `write` exports it with the tables that it is given: Gaussian ones first, to code with, then the fitted ones.
    """
    write(gaussian_tables())
    return write(fit_tables(LoadedModel(read_model(source), device), pool, recipe))
