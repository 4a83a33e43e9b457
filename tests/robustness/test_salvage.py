import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcomp.errors import ChecksumError, FormatError, LcompError, TruncatedError, UnsupportedError
from lcomp.format import container
from lcomp.format.container import CHECKSUM, Coder, Encoded, Header, LicFile, Mode
from lcomp.format.prefix import read_prefix
from lcomp.format.salvage import ONCE, UNKNOWN, recover

# lengths of one and of two bytes, and payloads that look like sections
TILES = tuple(Encoded(bytes([129, 5, number] * (7 + 20 * number)), number) for number in range(6))
HEADER = Header(3000, 2000, Mode.RGB, 4000, 1, 0x12345678)
FILE = LicFile(HEADER, Coder.CONSTRICTION, TILES, icc=bytes(range(210)), alpha=b"alpha" * 9)
DATA = container.write(FILE)
HEAD = len(container.write(replace(FILE, tiles=(), icc=None, alpha=None)))


def spans() -> list[range]:
    """Where the sections of DATA stand: profile, alpha, then the tiles."""
    result, start = [], HEAD
    for payload in (FILE.icc, FILE.alpha, *(bytes(4) + tile.stream for tile in TILES)):
        assert payload is not None
        end = start + len(container.write_section(129, payload))
        result.append(range(start, end))
        start = end
    assert start == len(DATA)
    return result


SPANS = spans()


def lost_tiles(data: bytes) -> list[int]:
    """Numbers of the tiles that are lost or cut; all others must be what they were."""
    tiles = recover(data).file.tiles
    assert len(tiles) == len(TILES)
    assert all(tile is None or tile.cut or tile == original for tile, original in zip(tiles, TILES, strict=True))
    return [number for number, tile in enumerate(tiles) if tile is None or tile.cut]


def test_an_intact_file_is_recovered_whole() -> None:
    assert recover(DATA) == (FILE, ())


@given(st.integers(SPANS[2].start, len(DATA) - 1), st.integers(1, 255))
def test_a_damaged_byte_loses_its_tile_and_no_other(position: int, change: int) -> None:
    data = bytearray(DATA)
    data[position] ^= change
    with pytest.raises(LcompError):
        container.read(bytes(data))
    expected = next(number for number, span in enumerate(SPANS[2:]) if position in span)
    assert lost_tiles(bytes(data)) == [expected]


@given(st.integers(SPANS[0].start, SPANS[1].stop - 1), st.integers(1, 255))
def test_damage_before_the_tiles_loses_none(position: int, change: int) -> None:
    data = bytearray(DATA)
    data[position] ^= change
    recovered = recover(bytes(data))
    assert lost_tiles(bytes(data)) == []
    assert (recovered.file.icc is None) == (position in SPANS[0])
    assert (recovered.file.alpha is None) == (position in SPANS[1])
    if position not in (SPANS[0].start, SPANS[1].start):
        assert recovered.lost == (("ICC",) if position in SPANS[0] else ("ALPHA",))
    elif data[position] not in ONCE:
        assert recovered.lost == (UNKNOWN,)
    assert len(recovered.lost) == 1


@given(st.integers(SPANS[2].stop, len(DATA) - 1))
def test_a_truncated_file_keeps_its_first_tiles(length: int) -> None:
    with pytest.raises(TruncatedError):
        container.read(DATA[:length])
    kept = sum(span.stop - CHECKSUM <= length for span in SPANS[2:])
    assert lost_tiles(DATA[:length]) == list(range(kept, len(TILES)))
    last = recover(DATA[:length]).file.tiles[min(kept, len(TILES) - 1)]
    assert last is None or TILES[-1] == last or (last.cut and TILES[kept].stream.startswith(last.stream))


FIRST_BYTE = SPANS[2].stop - CHECKSUM - len(TILES[0].stream)
"""Where the first stream begins."""


def test_nothing_left_is_an_error() -> None:
    for length in range(FIRST_BYTE + 1):
        for reading in (recover, read_prefix):
            with pytest.raises(FormatError):
                reading(DATA[:length])
    assert recover(DATA[: FIRST_BYTE + 1]).file.tiles[0] == TILES[0]._replace(stream=TILES[0].stream[:1], cut=True)


def test_a_prefix_is_read_as_far_as_it_goes() -> None:
    assert read_prefix(DATA) == FILE
    for length in range(FIRST_BYTE + 1, len(DATA)):
        assert read_prefix(DATA[:length]) == recover(DATA[:length]).file


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_damage_is_no_prefix(position: int, change: int) -> None:
    data = bytearray(DATA)
    data[position] ^= change
    with contextlib.suppress(LcompError):
        tiles = read_prefix(bytes(data)).tiles
        assert any(tile is None or tile.cut for tile in tiles)


def test_a_length_that_leads_beyond_a_damaged_file_makes_no_prefix_of_it() -> None:
    data = bytearray(DATA)
    data[SPANS[3].start + 4] ^= 1
    assert lost_tiles(bytes(data[: SPANS[-1].start + 9])) == [1, 5]
    assert recover(bytes(data[: SPANS[-1].start + 9])).file.tiles[5] is None


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("count", [2, 3])
def test_a_hole_over_several_tiles(first: int, count: int) -> None:
    last = min(first + count, 6) - 1
    hole = range(SPANS[2 + first].start + 3, SPANS[2 + last].stop - 2)
    data = DATA[: hole.start] + bytes(len(hole)) + DATA[hole.stop :]
    assert lost_tiles(data) == list(range(first, last + 1))
    # the same bytes missing altogether
    assert lost_tiles(DATA[: hole.start] + DATA[hole.stop :]) == list(range(first, last + 1))


def test_damage_in_two_places() -> None:
    data = bytearray(DATA)
    data[SPANS[1].start + 4] ^= 1
    for tile in (1, 4):
        data[SPANS[2 + tile].start + 9] ^= 1
    assert lost_tiles(bytes(data)) == [1, 4]
    assert recover(bytes(data)).lost == ("ALPHA",)
    assert lost_tiles(bytes(data[: SPANS[-1].start + 5])) == [1, 4, 5]


def test_a_hole_over_alpha_and_a_tile() -> None:
    for start in range(SPANS[1].start + 1, SPANS[1].stop):
        data = DATA[:start] + DATA[SPANS[2].start + 5 :]
        assert lost_tiles(data) == [0]
        assert recover(data).lost == ("ALPHA",)


def test_a_damaged_addition_and_what_follows_the_end_are_said() -> None:
    later = container.write_section(99, b"later")
    for data in (DATA + later[:-1], DATA + b"garbage", DATA[:HEAD] + later[:3] + b"?" + later[4:] + DATA[HEAD:]):
        assert lost_tiles(data) == []
        assert recover(data).lost == (UNKNOWN,)


edits = st.lists(st.tuples(st.integers(HEAD, len(DATA) - 1), st.integers(0, 255)), max_size=30)


@given(edits, st.integers(HEAD, len(DATA)))
def test_any_damage_gives_a_file_or_our_error(edits: list[tuple[int, int]], length: int) -> None:
    data = bytearray(DATA)
    for position, value in edits:
        data[position] = value
    with contextlib.suppress(LcompError):
        assert len(recover(bytes(data[:length])).file.tiles) == len(TILES)


def test_a_damaged_header_is_an_error() -> None:
    with pytest.raises(ChecksumError):
        recover(DATA[:6] + b"?" + DATA[7:])


def test_unknown_critical_sections_are_refused() -> None:
    with pytest.raises(UnsupportedError):
        recover(DATA + container.write_section(255, b"later"))
    assert recover(DATA + container.write_section(99, b"later")) == (FILE, ())


def test_the_search_is_bounded() -> None:
    # sections in sections in sections, none of them intact
    junk = b"".join(b"\x81" + container.write_varint(n) for n in range(200_000, 0, -4))
    data = DATA[: SPANS[3].start] + junk + b"\x81" * 100_000
    assert lost_tiles(data) == [1, 2, 3, 4, 5]
