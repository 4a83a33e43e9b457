"""The passes over a tile, in coding order, the same for writing and reading: whoever codes a pass returns its samples.

base samples -> scale 4 -> ... -> scale 0, each: band 0, 1, 2 -> plane 0, 1, 2 -> one pass
a pass: taps -> prediction -> features -> network -> coding parameters -> samples
"""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from lcomp.families.lossless.exact import IntegerNetwork
from lcomp.families.lossless.features import FRACTION, Compander, features
from lcomp.families.lossless.lattice import BANDS, PyramidPass, scales_of
from lcomp.families.lossless.mode import CodingMode
from lcomp.families.lossless.parameters import Distributions, MapStrips, Strip
from lcomp.families.lossless.prediction import predict, values_around, weights_of
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.surroundings import Surroundings, inside

MIDDLES = (128, 0, 0)
"""Predictions of the samples that nothing predicts, by plane."""

FITTED_SCALES = 3
"""Scales that are fitted to the tile; the coefficients of the coarser ones come with the weights."""

FITTED_TILE = 2**15
"""Pixels of the smallest tile to which anything is fitted."""


STRIP_SAMPLES = 16384
"""Samples of a strip, about: what is computed of them fits into the cache of a core."""


class PassCoder(Protocol):
    """Writes the samples of a tile, or reads them."""

    mode: CodingMode

    def base(self, height: int, width: int) -> Tensor:
        """The samples that nothing predicts (int16 [C, height, width])."""

    def coefficients(self, step: PyramidPass, around: Surroundings) -> Tensor:
        """The coefficients (int16 [K]) of a pass that are fitted to the tile."""

    def samples(self, step: PyramidPass, around: Surroundings, distributions: Distributions, adapted: bool) -> Tensor:
        """The samples (int16 [n]) of a pass, with scales that are adapted to the tile or as they are."""


@dataclass(frozen=True)
class PassModel:
    """What decides how samples are coded: integers on one device."""

    networks: tuple[tuple[IntegerNetwork, ...], ...]  # by band and plane
    coefficients: dict[PyramidPass, Tensor]  # int16 [K], for tiles and scales that have none of their own
    compander: Compander
    scales: Tensor  # int32 [SCALES]: what classes of scales stand for


def known_of(
    rows: slice,
    step: PyramidPass,
    around: Surroundings,
    weights: Tensor,
    condition: int,
    model: PassModel,
    scratch: Scratch,
) -> Strip:
    """Predict some rows of a pass, and ask the network about them."""
    _, band, plane = step
    values = values_around(around, band, plane, rows, scratch)
    prediction = predict(values, weights, plane)
    seen = features(around, band, plane, rows, values, prediction, model.compander, scratch)
    return Strip(model.networks[band][plane](seen, condition, scratch), prediction.flatten())


def strips_of(rows: int, columns: int, device: torch.device) -> list[slice]:
    """The rows of a pass in strips that fit into the cache of a core; on a GPU all in one."""
    height = rows if device.type != "cpu" else max(1, STRIP_SAMPLES // columns)
    return [slice(top, min(top + height, rows), 1) for top in range(0, rows, height)]


def run_passes(coder: PassCoder, height: int, width: int, model: PassModel, map_strips: MapStrips = map) -> Tensor:
    """Code all samples of a tile; returns its planes (int16 [C, H, W])."""
    mode, scales, scratch = coder.mode, scales_of(height, width), Scratch()
    base = coder.base(-(-height >> scales), -(-width >> scales))
    middles = torch.tensor(MIDDLES[: len(base)], device=base.device)[:, None, None]
    values, residuals = base.float(), ((base - middles) << FRACTION).float()
    for scale in reversed(range(scales)):
        fitted = scale < FITTED_SCALES and height * width >= FITTED_TILE
        around = Surroundings(values, residuals, -(-height >> scale), -(-width >> scale))
        for band in range(BANDS):
            strips = strips_of(*around.shape_of(band), base.device)
            for plane in range(len(base)):
                step = PyramidPass(scale, band, plane)
                weights = weights_of(coder.coefficients(step, around) if fitted else model.coefficients[step])
                work = partial(
                    known_of,
                    step=step,
                    around=around,
                    weights=weights,
                    condition=mode.condition(scale),
                    model=model,
                    scratch=scratch,
                )
                known = tuple(map_strips(work, strips))
                distributions = Distributions(known, model.scales, mode.max_error, map_strips)
                prediction = torch.cat([strip.predictions for strip in known]).view(around.shape_of(band))
                samples = coder.samples(step, around, distributions, fitted).view(prediction.shape).float()
                around.put(band, plane, samples, samples * 2**FRACTION - prediction)
        values, residuals = inside(around.values), inside(around.residuals)
    return values.to(torch.int16)
