"""The passes over a tile, in coding order, the same for writing and reading: whoever codes a pass returns its samples.

base samples -> scale 4 -> ... -> scale 0, each: band 0, 1, 2 -> plane 0, 1, 2 -> one pass
a pass: taps -> prediction -> features -> network -> coding parameters -> samples
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from lcomp.families.lossless.exact import IntegerNetwork
from lcomp.families.lossless.features import FRACTION, Compander, features
from lcomp.families.lossless.lattice import BANDS, scales_of
from lcomp.families.lossless.parameters import CodingParameters, coding_parameters
from lcomp.families.lossless.prediction import predict, taps_of
from lcomp.families.lossless.surroundings import Surroundings, Taps, inside

MIDDLES = (128, 0, 0)
"""Predictions of the samples that nothing predicts, by plane."""

FITTED_SCALES = 3
"""Scales whose coefficients are fitted to the tile; those of the coarser ones come with the weights."""

FITTED_TILE = 2**15
"""Pixels of the smallest tile for which coefficients are fitted."""


class PyramidPass(NamedTuple):
    """Which samples are coded together."""

    scale: int
    band: int
    plane: int


class PassCoder(Protocol):
    """Writes the samples of a tile, or reads them."""

    def base(self, height: int, width: int) -> Tensor:
        """The samples that nothing predicts (int16 [C, height, width])."""

    def coefficients(self, step: PyramidPass, taps: Taps) -> Tensor:
        """The coefficients (int16 [K]) of a pass that are fitted to the tile."""

    def samples(self, step: PyramidPass, parameters: CodingParameters) -> Tensor:
        """The samples (int16 [n]) of a pass."""


@dataclass(frozen=True)
class PassModel:
    """What decides how samples are coded: integers on one device."""

    networks: tuple[tuple[IntegerNetwork, ...], ...]  # by band and plane
    coefficients: dict[PyramidPass, Tensor]  # int16 [K], for tiles and scales that have none of their own
    compander: Compander
    scales: Tensor  # int32 [SCALES]: what classes of scales stand for


def run_passes(coder: PassCoder, height: int, width: int, model: PassModel) -> Tensor:
    """Code all samples of a tile; returns its planes (int16 [C, H, W])."""
    scales = scales_of(height, width)
    values = coder.base(-(-height >> scales), -(-width >> scales))
    middles = torch.tensor(MIDDLES[: len(values)], dtype=torch.int16, device=values.device)[:, None, None]
    residuals = (values - middles) << FRACTION
    for scale in reversed(range(scales)):
        fitted = scale < FITTED_SCALES and height * width >= FITTED_TILE
        around = Surroundings(values, residuals, -(-height >> scale), -(-width >> scale))
        for band in range(BANDS):
            for plane in range(len(values)):
                step, taps = PyramidPass(scale, band, plane), taps_of(around, band, plane)
                chosen = coder.coefficients(step, taps) if fitted else model.coefficients[step]
                prediction = predict(taps, chosen, plane)
                outputs = model.networks[band][plane](features(around, band, plane, prediction, model.compander), scale)
                parameters = coding_parameters(outputs, prediction.flatten(), model.scales)
                samples = coder.samples(step, parameters).view(prediction.shape)
                around.put(band, plane, samples, (samples << FRACTION) - prediction)
        values, residuals = inside(around.values), inside(around.residuals)
    return values
