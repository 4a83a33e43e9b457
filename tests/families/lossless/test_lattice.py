"""A pass sees known samples only: whatever is decoded later changes nothing of it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helpers.lossless import random_codec
from lcomp.families.lossless.colours import Colours
from lcomp.families.lossless.features import features
from lcomp.families.lossless.lattice import (
    BANDS,
    LEAST_SIDE,
    MARGIN,
    OTHER,
    OWN,
    ROWS_AND_COLUMNS,
    SCALES,
    PyramidPass,
    at_scale,
    band_of,
    is_known,
    scales_of,
)
from lcomp.families.lossless.mode import CodingMode
from lcomp.families.lossless.parameters import Distributions
from lcomp.families.lossless.passes import run_passes
from lcomp.families.lossless.prediction import count_taps, predict, values_around, weights_of
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.surroundings import Surroundings, inside
from lcomp.families.lossless.writer import TileWriter, choices_of

sides = st.integers(LEAST_SIDE, 21)


def samples_of(height: int, width: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=generator).float()


def known_before(step: PyramidPass, height: int, width: int) -> Tensor:
    """Which samples (bool [3, height, width]) of a scale are decoded before a pass."""
    known = torch.zeros(3, height, width, dtype=torch.bool)
    known[:, ::2, ::2] = True
    for band in range(BANDS):
        for plane in range(3):
            if (band, plane) < (step.band, step.plane):
                band_of(known[plane], band).fill_(True)
    return known


@settings(max_examples=40)
@given(sides, sides, st.integers(0, BANDS - 1), st.integers(0, 2), st.integers(0, 99))
def test_what_is_decoded_later_changes_nothing(height: int, width: int, band: int, plane: int, seed: int) -> None:
    compander = random_codec().model.compander
    coefficients = torch.randint(-300, 300, (count_taps(plane),), dtype=torch.int16)
    values, residuals = samples_of(height, width, seed), 16 * samples_of(height, width, seed + 1) - 2048
    later = ~known_before(PyramidPass(0, band, plane), height, width)
    found = []
    for fill in (0, 200):
        around = Surroundings(values[:, ::2, ::2], residuals[:, ::2, ::2], height, width)
        shown = Surroundings(values[:, ::2, ::2], residuals[:, ::2, ::2], height, width)
        for earlier in range(BANDS):
            for other in range(3):
                parts = [band_of(canvas.masked_fill(later, fill)[other], earlier) for canvas in (values, residuals)]
                shown.put(earlier, other, *parts)
                if (earlier, other) < (band, plane):
                    around.put(earlier, other, *parts)
        for one in (around, shown):
            rows, scratch = slice(0, one.shape_of(band)[0], 1), Scratch()
            seen = values_around(one, band, plane, rows, scratch)
            prediction = predict(seen, weights_of(coefficients), plane)
            found.append((seen, prediction, features(one, band, plane, rows, seen, prediction, compander, scratch)))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("same_band", [False, True])
@pytest.mark.parametrize("band", range(BANDS))
def test_neighbours_are_those_that_are_known(band: int, same_band: bool) -> None:
    row, column = ROWS_AND_COLUMNS[band]
    known = known_before(PyramidPass(0, band, 1), 32, 32)[0 if same_band else 1]
    offsets = OTHER[band] if same_band else OWN[band]
    for offset in offsets:
        assert is_known(offset, band, same_band)
        assert known[10 + row + offset.row, 10 + column + offset.column]
        assert max(abs(offset.row), abs(offset.column)) <= MARGIN
    distances = [offset.row**2 + offset.column**2 for offset in offsets]
    assert distances == sorted(distances)
    assert (offsets[0] == (0, 0)) == same_band
    assert len(set(offsets)) == len(offsets)


@given(sides, sides)
def test_margins_mirror_without_leaving_the_lattice(height: int, width: int) -> None:
    places = torch.arange(height * width).view(1, height, width).float()
    around = Surroundings(places[:, ::2, ::2], places[:, ::2, ::2], height, width)
    for band in range(BANDS):
        around.put(band, 0, band_of(places[0], band), band_of(places[0], band))
    assert torch.equal(inside(around.values), places)
    for row in range(-MARGIN, height + MARGIN):
        for column in range(-MARGIN, width + MARGIN):
            mirrored = [abs(at) if at < size else 2 * size - 2 - at for at, size in ((row, height), (column, width))]
            assert around.values[0, row + MARGIN, column + MARGIN] == places[0, mirrored[0], mirrored[1]]


@given(st.integers(1, 1024), st.integers(1, 1024))
def test_scales_have_sides_to_mirror(height: int, width: int) -> None:
    scales = scales_of(height, width)
    assert 0 <= scales <= SCALES
    for scale in range(scales):
        assert min(at_scale(torch.empty(height, width), scale).shape) >= LEAST_SIDE
    if scales < SCALES:
        assert min(at_scale(torch.empty(height, width), scales).shape) < LEAST_SIDE


class Counting(TileWriter):
    """Counts how often each sample is coded."""

    def __init__(self, pixels: Tensor, mode: CodingMode) -> None:
        super().__init__(pixels, mode, choices_of(1), random_codec().costs)
        self.times = torch.zeros_like(self.source.planes)

    def base(self, height: int, width: int) -> Tensor:
        base = at_scale(self.times, scales_of(*self.times.shape[1:]))
        base += 1
        assert base.shape[1:] == (height, width)
        return super().base(height, width)

    def samples(self, step: PyramidPass, around: Surroundings, distributions: Distributions, adapted: bool) -> Tensor:
        coded = band_of(at_scale(self.times, step.scale)[step.plane], step.band)
        coded += 1
        assert sum(len(strip.predictions) for strip in distributions.strips) == coded.numel()
        return super().samples(step, around, distributions, adapted)


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(Colours), st.booleans())
def test_every_sample_is_coded_once(height: int, width: int, colours: Colours, grey: bool) -> None:
    pixels = samples_of(height, width, 0).permute(1, 2, 0).to(torch.uint8)
    writer = Counting(pixels[..., 0] if grey else pixels, CodingMode(colours, 0))
    assert torch.equal(run_passes(writer, height, width, random_codec().model), writer.source.planes)
    assert (writer.times == 1).all()
