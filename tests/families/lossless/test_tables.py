"""Coding parameters name a table that exists, and the tables hold what training counts bits by."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.lossless import random_codec
from lcomp.entropy.tables import PRECISION, Table, pack_tables, unpack_tables
from lcomp.families.lossless.exact import EXACT_LIMIT
from lcomp.families.lossless.features import ENTRIES, FRACTION, Compander, companding_table
from lcomp.families.lossless.likelihood import TAIL_OFFSET, bits
from lcomp.families.lossless.mode import STEP_LOG2
from lcomp.families.lossless.parameters import (
    FINE_SCALES,
    LEAST_SCALE_LOG2,
    OUTPUT_BITS,
    PHASES,
    SCALES,
    SCALES_PER_OCTAVE,
    TABLES,
    TAILS,
    CodingParameters,
    Strip,
    coding_parameters,
    scale_table,
)
from lcomp.families.lossless.prediction import limbs_of, predict, weights_of
from lcomp.families.lossless.scratch import Scratch
from lcomp.families.lossless.surroundings import mean_around
from lcomp.families.lossless.symbols import BASE_TABLE, COEFFICIENT_TABLE, MOST_OFFSET, NUMBER_TABLE
from lcomp.families.lossless.tables import MOST, TAIL_LOGITS, all_masses, residual_tables
from lcomp.options import MOST_ERROR

outputs = st.integers(-(2**13), 2**13) | st.integers(-EXACT_LIMIT, EXACT_LIMIT)
predictions = st.integers(-255 << FRACTION, 255 << FRACTION)


@pytest.fixture(scope="module")
def tables() -> tuple[Table, ...]:
    return residual_tables()


def parameters(
    shift: int, logarithm: int, tail: int, prediction: int, max_error: int = 0, offset: int = 0
) -> CodingParameters:
    said = torch.tensor([[shift], [logarithm], [tail]], dtype=torch.int32)
    return coding_parameters(Strip(said, torch.tensor([float(prediction)])), scale_table(), max_error, offset)


def test_tables_are_packed_and_unpacked(tables: tuple[Table, ...]) -> None:
    unpacked = unpack_tables(pack_tables(tables), TABLES)
    assert len(tables) == len(unpacked) == TABLES
    for one, other in zip(tables, unpacked, strict=True):
        assert one.radius == other.radius
        assert np.array_equal(one.frequencies, other.frequencies)
        assert one.frequencies.min() >= 1
        assert one.frequencies.sum() == 1 << PRECISION
    assert 1 <= NUMBER_TABLE < COEFFICIENT_TABLE < BASE_TABLE < TABLES
    with pytest.raises(ValueError, match="damaged"):
        unpack_tables(pack_tables(tables), TABLES - 1)


@given(outputs, outputs, outputs, predictions, st.integers(0, MOST_ERROR), st.integers(-MOST_OFFSET, MOST_OFFSET))
def test_every_number_is_that_of_a_table(
    shift: int, logarithm: int, tail: int, prediction: int, max_error: int, offset: int
) -> None:
    found = parameters(shift, logarithm, tail, prediction, max_error, offset)
    [centre], [sign], [table] = (tensor.tolist() for tensor in found)
    assert 1 <= table < TABLES
    assert sign in (-1, 1)
    assert abs(centre) < 1024  # so that a residual has 16 bits


def test_every_table_can_be_chosen() -> None:
    logarithms = torch.arange(-7 << OUTPUT_BITS, 11 << OUTPUT_BITS, 64)
    tails = torch.arange(-4 << OUTPUT_BITS, 5 << OUTPUT_BITS, 512)
    grid = torch.cartesian_prod(logarithms, tails, torch.arange(2**FRACTION)).int()
    said = torch.stack([torch.zeros(len(grid), dtype=torch.int32), grid[:, 0], grid[:, 1]])
    found = coding_parameters(Strip(said, grid[:, 2].float()), scale_table(), 0, 0)
    assert found.tables.unique().tolist() == list(range(1, TABLES))


def test_bits_in_training_are_those_of_the_tables() -> None:
    """Of every class, where a network says exactly what it stands for."""
    said, predictions = [], []
    for scale in range(SCALES):
        for tail in range(TAILS):
            for phase in range(PHASES if scale < FINE_SCALES else 1):
                logarithm = LEAST_SCALE_LOG2 + 1 + scale / SCALES_PER_OCTAVE
                said.append((0.0, logarithm, TAIL_LOGITS[tail] - TAIL_OFFSET))
                predictions.append(2.0 * phase)
    for numbers, prediction, masses in zip(said, predictions, all_masses(), strict=True):
        values = torch.arange(-MOST, MOST + 1).float()
        outputs = torch.tensor([numbers]).expand(len(values), 3)
        unbounded = -(2**15), 2**15
        found = bits(outputs, values, torch.full_like(values, prediction), torch.zeros_like(values), *unbounded).numpy()
        likely = masses > 2.0**-12
        assert np.abs(found + np.log2(masses, where=likely, out=-found))[likely].max() < 0.01


@given(st.integers(-4 << OUTPUT_BITS, 7 << OUTPUT_BITS), st.integers(-2880, 2880))
def test_classes_are_the_nearest(logarithm: int, tail: int) -> None:
    [number] = parameters(0, logarithm, tail, 0).tables.tolist()
    group = (number - 1) // PHASES if number <= FINE_SCALES * TAILS * PHASES else number - 1 - FINE_SCALES * TAILS * 4
    scale, wide = divmod(group, TAILS)
    octaves = LEAST_SCALE_LOG2 + 1 + scale / SCALES_PER_OCTAVE
    assert abs(logarithm / 2**OUTPUT_BITS - octaves) <= 0.5 / SCALES_PER_OCTAVE
    assert abs(tail / 2**OUTPUT_BITS + TAIL_OFFSET - TAIL_LOGITS[wide]) <= 0.75


@given(outputs, outputs, outputs, st.integers(0, 255 << FRACTION), st.integers(0, 255))
def test_bits_are_finite_for_any_output(shift: int, logarithm: int, tail: int, prediction: int, value: int) -> None:
    said = (torch.tensor([[shift, logarithm, tail]]).float() / 2**OUTPUT_BITS).requires_grad_()
    found = bits(said, torch.tensor([float(value)]), torch.tensor([float(prediction)]), torch.zeros(1), 0, 255)
    found.sum().backward()
    assert 0 <= found.item() < 21
    assert said.grad is not None
    assert torch.isfinite(said.grad).all()


def test_bits_of_all_samples_of_a_range_sum_to_one() -> None:
    values = torch.arange(256.0)
    for shift, logarithm, tail, prediction in ((0.3, 2.0, 0.0, 2000.0), (-4, 7.0, 3.0, 0.0), (0.0, -4.0, -3.0, 4080.0)):
        said = torch.tensor([[shift, logarithm, tail]]).expand(256, 3)
        masses = 2 ** -bits(said, values, torch.full((256,), prediction), torch.zeros(256), 0, 255)
        assert masses.sum().item() == pytest.approx(1, abs=1e-3)


def test_steps_of_samples_that_may_be_off_sum_to_one() -> None:
    said = torch.tensor([[0.3, 5.0, 0.0]])
    for error in (1, 2, 3):
        values = torch.arange(error, 256 + 2 * error, 2 * error + 1).float()  # the last reaches beyond the range
        predictions, errors = torch.full((len(values),), 2000.0), torch.full((len(values),), float(error))
        masses = 2 ** -bits(said.expand(len(values), 3), values, predictions, errors, 0, 255)
        assert masses.sum().item() == pytest.approx(1, abs=1e-3)


def test_logarithms_of_steps_are_rounded() -> None:
    assert len(STEP_LOG2) == MOST_ERROR + 1
    for error, logarithm in enumerate(STEP_LOG2):
        assert abs(logarithm / 2**OUTPUT_BITS - np.log2(2 * error + 1)) < 2.0 ** -(OUTPUT_BITS + 1)


def test_companding_is_odd_and_grows() -> None:
    compander = Compander(companding_table())

    def companded(values: torch.Tensor) -> torch.Tensor:
        return compander(values.float()[None], Scratch())[0]

    values = torch.tensor([1 - ENTRIES, -999, -1, 0, 1, 8, 999, ENTRIES - 1])
    found = companded(values)
    assert torch.equal(found, -companded(-values))
    assert torch.equal(found, found.to(torch.int8).float())
    assert (companded(torch.arange(-99, 99)).diff() >= 0).all()
    assert torch.equal(companded(torch.arange(0, ENTRIES)), companding_table().float())


def test_means_around_are_those_of_squares() -> None:
    residuals = torch.randint(-8160, 8161, (11, 9)).float()
    found = mean_around(residuals)
    for row in range(11):
        for column in range(9):
            rows = torch.arange(row - 3, row + 5).clamp(0, 10)
            columns = torch.arange(column - 3, column + 5).clamp(0, 8)
            assert found[row, column] == int(residuals.int().abs()[rows][:, columns].sum()) >> 6


def test_predictions_of_the_largest_coefficients_are_exact() -> None:
    values = torch.randint(-255, 256, (26, 3, 4))
    own = values[:16]
    taps = [4 * own - own[:4].sum(0)]
    for start in (16, 21):  # the four nearest of another plane are all but the first that a prediction looks at
        other = values[start : start + 5]
        taps.append(4 * other - other[1:].sum(0))
    for limit in (2**15 - 1, 40):
        coefficients = torch.randint(-limit, limit + 1, (26,), dtype=torch.int16)
        total = (coefficients.long()[:, None, None] * torch.cat(taps)).sum(0) + (own[:4].sum(0) << 8)
        expected = ((total + 32) >> 6).clamp(0, 255 << FRACTION)
        weights = weights_of(coefficients)
        assert torch.equal(predict(values.float(), weights, 0).long(), expected)
        # factors lose nothing where products are in bf16, as torch may be told
        limbs = limbs_of(weights)
        assert torch.equal((128 * limbs[0] + limbs[1]).int(), weights)
        assert limit > 40 or torch.equal(limbs.bfloat16().float(), limbs)
    assert torch.equal(values.bfloat16().int(), values)


def test_the_model_holds_the_tables(tables: tuple[Table, ...]) -> None:
    assert [table.radius for table in random_codec().coder.tables] == [table.radius for table in tables]
