import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from helpers.models import require_coder
from lcomp.entropy.grouping import Order, Transfer
from lcomp.entropy.latents import MAX_SYMBOL, LatentCoder, LatentDecoder, SymbolGroup, coder_tables
from lcomp.entropy.range_coder import RangeCoder
from lcomp.entropy.tables import (
    PRECISION,
    SCALE_MIN,
    SCALES,
    STEPS_PER_OCTAVE,
    gaussian_tables,
    pack_tables,
    unpack_tables,
)
from lcomp.errors import FormatError
from lcomp.format.container import Coder

TABLES = gaussian_tables()


def group(symbols: np.ndarray, index: np.ndarray) -> SymbolGroup:
    order = Order(torch.from_numpy(index))
    return SymbolGroup(order.arrange(torch.from_numpy(symbols)).numpy(), order.counts.numpy())


def decoded(decoder: LatentDecoder, index: np.ndarray) -> np.ndarray:
    order = Order(torch.from_numpy(index))
    return order.restore(torch.from_numpy(decoder.decode(order.counts.numpy()))).numpy()


def sigma(index: int) -> float:
    return SCALE_MIN * 2 ** (index / STEPS_PER_OCTAVE)


def torchac_backend() -> object:
    from lcomp.entropy.torchac_coder import TorchacCoder

    require_coder(Coder.TORCHAC)
    return TorchacCoder(coder_tables(TABLES))


@pytest.fixture(scope="module", params=["constriction", "torchac"])
def coder(request: pytest.FixtureRequest) -> LatentCoder:
    backend = RangeCoder(coder_tables(TABLES)) if request.param == "constriction" else torchac_backend()
    return LatentCoder(TABLES, backend)


def test_tables_are_normalised_symmetric_and_positive() -> None:
    assert len(TABLES) == 2 * SCALES
    for table in TABLES:
        inner = table.frequencies[:-1]
        assert table.frequencies.sum() == 2**PRECISION
        assert table.frequencies.min() >= 1
        assert len(inner) == 2 * table.radius + 1
        assert (abs(inner - inner[::-1]) <= 1).all()


def test_tables_survive_packing_and_damage_is_found() -> None:
    packed = pack_tables(TABLES)
    for ours, theirs in zip(TABLES, unpack_tables(packed), strict=True):
        assert ours.radius == theirs.radius
        assert (ours.frequencies == theirs.frequencies).all()
    for position in range(0, len(packed), 97):
        for value in (0, 17):
            damaged = packed.copy()
            damaged[position] = value if packed[position] != value else 18
            with pytest.raises(ValueError, match="damaged"):
                unpack_tables(damaged)
    with pytest.raises(ValueError, match="damaged"):
        unpack_tables(packed[:-1])


indexes = arrays.arrays(np.uint8, st.integers(0, 300), elements=st.integers(0, SCALES - 1))


@settings(deadline=None)
@given(st.lists(indexes, min_size=1, max_size=3), st.integers(0, 2**32 - 1), st.sampled_from([0.5, 1.0, 3.0, 300.0]))
def test_symbols_read_back(coder: LatentCoder, groups: list[np.ndarray], seed: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    coded = []
    for index in groups:
        values = np.rint(random.normal(0, 1, len(index)) * spread * sigma(1) * 2.0 ** (index / STEPS_PER_OCTAVE))
        symbols = np.clip(values, -MAX_SYMBOL, MAX_SYMBOL).astype(np.int16)
        symbols[index == 0] = 0
        coded.append((symbols, index))
    decoder = coder.decoder(coder.encode([group(*one) for one in coded]))
    for symbols, index in coded:
        assert (decoded(decoder, index) == symbols).all()
    decoder.finish()


@settings(deadline=None)
@given(arrays.arrays(np.uint8, st.integers(0, 300), elements=st.integers(0, 2 * SCALES - 1)))
def test_the_coding_order_is_by_table_then_by_place(tables: np.ndarray) -> None:
    order = Order(torch.from_numpy(tables))
    places = order.places.tolist()
    assert places == sorted(range(len(tables)), key=lambda place: (tables[place], place))
    assert order.counts.tolist() == np.bincount(tables, minlength=2 * SCALES).tolist()
    # what another device does
    assert places == torch.argsort(torch.from_numpy(tables), stable=True).tolist()


def test_tensors_are_transferred_as_they_are() -> None:
    tensors = [torch.arange(6, dtype=torch.int16).view(2, 3), torch.zeros(0, dtype=torch.int16), torch.ones(1).short()]
    assert [array.tolist() for array in Transfer(*tensors).arrays()] == [[0, 1, 2, 3, 4, 5], [], [1]]


def test_extreme_symbols_are_escaped(coder: LatentCoder) -> None:
    index = np.repeat(np.arange(1, SCALES, dtype=np.uint8), 4)
    symbols = np.tile(np.array([MAX_SYMBOL, -MAX_SYMBOL, 0, 1], np.int16), SCALES - 1)
    assert (decoded(coder.decoder(coder.encode([group(symbols, index)])), index) == symbols).all()


def test_scale_zero_costs_nothing() -> None:
    coder = LatentCoder(TABLES, RangeCoder(coder_tables(TABLES)))
    zeros = np.zeros(10_000, np.int16), np.zeros(10_000, np.uint8)
    assert coder.encode([group(*zeros)]) == b""
    assert not decoded(coder.decoder(b""), zeros[1]).any()


def test_rate_is_the_entropy() -> None:
    coder = LatentCoder(TABLES, RangeCoder(coder_tables(TABLES)))
    random = np.random.default_rng(0)
    index = random.integers(10, 45, 200_000).astype(np.uint8)
    deviations = np.array([sigma(i) for i in range(SCALES)])[index]
    symbols = np.rint(random.normal(0, deviations)).astype(np.int16)
    cdf = np.vectorize(lambda value: 0.5 * (1 + math.erf(value / math.sqrt(2))))
    masses = cdf((symbols + 0.5) / deviations) - cdf((symbols - 0.5) / deviations)
    ideal = -np.log2(masses + 1e-12).sum()
    assert 8 * len(coder.encode([group(symbols, index)])) == pytest.approx(ideal, rel=0.002)


@settings(deadline=None)
@given(st.binary(max_size=100), st.integers(1, 200))
def test_garbage_decodes_to_something_or_a_format_error(data: bytes, count: int) -> None:
    coder = LatentCoder(TABLES, RangeCoder(coder_tables(TABLES)))
    index = np.random.default_rng(count).integers(0, SCALES, count).astype(np.uint8)
    try:
        decoder = coder.decoder(data)
        assert len(decoded(decoder, index)) == count
        decoder.finish()
    except FormatError:
        pass


def test_left_over_data_is_an_error() -> None:
    coder = LatentCoder(TABLES, RangeCoder(coder_tables(TABLES)))
    index = np.full(100, 30, np.uint8)
    stream = coder.encode([group(np.zeros(100, np.int16), index)])
    decoder = coder.decoder(stream + bytes(range(1, 40)))
    decoded(decoder, index)
    with pytest.raises(FormatError, match="left over"):
        decoder.finish()
