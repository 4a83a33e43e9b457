import struct
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcomp.errors import ChecksumError, FormatError, LcompError, LimitError, TruncatedError, UnsupportedError
from lcomp.format import container
from lcomp.format.binary import Reader, write_varint
from lcomp.format.container import CRITICAL, Coder, Encoded, Header, LicFile, Mode
from lcomp.format.salvage import recover

headers = st.builds(
    Header,
    width=st.integers(1, container.MAX_SIDE),
    height=st.integers(1, container.MAX_SIDE),
    mode=st.sampled_from(Mode),
    quality=st.integers(0, 8000),
    model=st.integers(0, 1000),
    fingerprint=st.integers(0, 2**32 - 1),
    half=st.booleans(),
)
stored_headers = st.builds(
    Header,
    width=st.integers(1, container.MAX_SIDE),
    height=st.integers(1, container.MAX_SIDE),
    mode=st.sampled_from(Mode),
    quality=st.just(0),
    model=st.just(0),
    fingerprint=st.just(0),
    lossless=st.just(True),
)
EMPTY = Encoded(b"", 0)
payloads = (
    st.none() | st.binary(min_size=1, max_size=50) | st.binary(min_size=1, max_size=9).map(lambda text: text * 30)
)
tiles = st.builds(Encoded, stream=st.binary(max_size=100), symbols_crc=st.integers(0, 2**32 - 1), cut=st.just(False))


@st.composite
def files(draw: st.DrawFn) -> LicFile:
    """A file with as many tiles as its size asks for."""
    header = draw(headers)
    count = header.grid.count
    if count > 12:
        header = replace(header, width=header.width % 3500 + 1, height=header.height % 3000 + 1)
        count = header.grid.count
    return LicFile(
        header,
        draw(st.sampled_from(Coder)),
        tuple(draw(st.lists(tiles, min_size=count, max_size=count))),
        icc=draw(payloads),
        exif=draw(payloads),
        xmp=draw(payloads),
        alpha=draw(payloads),
    )


EXAMPLE = LicFile(
    Header(768, 512, Mode.RGB, 4000, 1, 0x12345678),
    Coder.CONSTRICTION,
    (Encoded(bytes(range(40)), 0x9ABCDEF0),),
    icc=b"profile",
)
STREAM = bytes(range(40))


stored_files = st.builds(
    LicFile,
    stored_headers,
    st.none(),
    st.just(()),
    icc=payloads,
    exif=payloads,
    xmp=payloads,
    alpha=payloads,
    stored=st.binary(max_size=50),
)
STORED = LicFile(Header(768, 512, Mode.L, 0, 0, 0, lossless=True), None, (), icc=b"profile", stored=bytes(range(40)))


@given(stored_files)
def test_every_stored_file_reads_back(file: LicFile) -> None:
    assert container.read(container.write(file)) == file
    assert recover(container.write(file)) == (file, ())


@given(files())
def test_every_file_reads_back(file: LicFile) -> None:
    assert container.read(container.write(file)) == file


@given(st.integers(0, 2**35 - 1))
def test_varints_read_back(value: int) -> None:
    data = write_varint(value)
    assert Reader(data).varint("test") == value
    assert len(data) <= 5


@pytest.mark.parametrize("data", [b"\x80\x00", b"\x81\x80\x00", b"\xff\xff\xff\xff\xff\x01"])
def test_padded_and_oversized_varints_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        Reader(data).varint("test")


def test_overhead_is_at_most_32_bytes() -> None:
    file = LicFile(Header(768, 512, Mode.RGB, 4000, 1, 0), Coder.CONSTRICTION, (Encoded(bytes(100_000), 0),))
    assert len(container.write(file)) - 100_000 <= 32


@pytest.mark.parametrize("example", [EXAMPLE, STORED])
def test_every_prefix_is_an_error(example: LicFile) -> None:
    data = container.write(example)
    for length in range(len(data)):
        with pytest.raises(FormatError):
            container.read(data[:length])


@pytest.mark.parametrize("example", [EXAMPLE, STORED])
def test_every_flipped_bit_is_an_error(example: LicFile) -> None:
    data = container.write(example)
    for position in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(LcompError):
            container.read(bytes(damaged))


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(LcompError):
        container.read(data)


@given(st.binary(max_size=100))
def test_random_bytes_after_a_valid_header_raise_only_our_errors(data: bytes) -> None:
    head = container.write(EXAMPLE)[:25]
    with pytest.raises(LcompError):
        container.read(head + data)


def test_what_cannot_be_read_is_not_written() -> None:
    with pytest.raises(LimitError):
        with_header(width=2**24 + 1)
    with pytest.raises(LimitError):
        container.write(LicFile(EXAMPLE.header, Coder.CONSTRICTION, (EMPTY,), icc=bytes(2**26 + 1)))


def with_header(**changes: object) -> bytes:
    """A file whose header lies, with a correct checksum."""
    return container.write(LicFile(Header(**{**EXAMPLE.header.__dict__, **changes}), Coder.CONSTRICTION, (EMPTY,)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"width": 0}, FormatError),
        ({"height": 0}, FormatError),
        ({"quality": 8001}, FormatError),
    ],
)
def test_header_lies_are_refused(changes: dict[str, int], error: type[LcompError]) -> None:
    with pytest.raises(error):
        container.read(with_header(**changes))


def reseal(data: bytearray, length: int) -> bytes:
    """Correct the header checksum after an edit."""
    data[length : length + 4] = struct.pack("<I", zlib.crc32(data[:length]))
    return bytes(data)


def test_newer_major_versions_and_unknown_modes_are_unsupported() -> None:
    data = container.write(EXAMPLE)
    newer = bytearray(data)
    newer[4] = 0x10
    with pytest.raises(UnsupportedError, match=r"version 2: a newer lcomp is needed"):
        container.read(reseal(newer, 16))
    unknown = bytearray(data)
    unknown[10] |= 7 << 5
    with pytest.raises(UnsupportedError, match="kind of lossless picture"):
        container.read(reseal(unknown, 16))


def test_a_stored_picture_is_one_section_without_model_quality_and_tiles() -> None:
    data = container.write(STORED)
    head, section = data[:-46], data[-46:]
    assert section == container.write_section(container.Tag.STORED, bytes(range(40)))
    tile = container.write_section(Coder.CONSTRICTION.value, bytes(8))
    for bad, error, text in (
        (head, TruncatedError, "its stored picture is missing"),
        (head + tile, TruncatedError, "its stored picture is missing"),
        (data + section, FormatError, "section 148 stands twice"),
        (data + tile, FormatError, "more latents sections than tiles"),
        (container.write(EXAMPLE) + section, FormatError, "a stored picture where tiles should be"),
    ):
        with pytest.raises(error, match=text):
            container.read(bad)
    coded = replace(STORED, header=replace(STORED.header, model=1, fingerprint=7))
    with pytest.raises(FormatError, match="a stored picture where tiles should be"):
        container.read(container.write(coded))
    tile, torchac = (container.write_section(coder.value, bytes(8)) for coder in (Coder.CONSTRICTION, Coder.TORCHAC))
    head = container.write(coded)[:-46]
    assert container.read(head + tile).tiles == (EMPTY._replace(stream=bytes(4)),)
    with pytest.raises(FormatError, match="coded by torchac"):
        container.read(head + torchac)
    with pytest.raises(TruncatedError, match="its latents are missing"):
        container.read(head)
    near = replace(coded, header=replace(coded.header, max_error=15))
    assert container.read(container.write(near)[:-46] + tile).header == near.header
    for changes in ({"fingerprint": 1}, {"max_error": 1}, {"half": True}, {"model": 1, "max_error": 16}):
        with pytest.raises(UnsupportedError, match="a newer lcomp is needed"):
            container.read(container.write(replace(STORED, header=replace(STORED.header, **changes))))


@given(st.integers(0, 45), st.integers(1, 255))
def test_of_a_damaged_stored_picture_nothing_is_salvaged(position: int, change: int) -> None:
    data = bytearray(container.write(STORED))
    data[position - 46] ^= change
    with pytest.raises(FormatError, match="nothing can be salvaged"):
        recover(bytes(data))


def test_unknown_sections_are_skipped_or_refused() -> None:
    data = container.write(EXAMPLE)
    assert container.read(data + container.write_section(99, b"later")) == EXAMPLE
    with pytest.raises(UnsupportedError, match="critical section"):
        container.read(data + container.write_section(CRITICAL | 99, b"later"))


def test_doubled_sections_are_refused() -> None:
    data = container.write(EXAMPLE)
    for tag, payload in ((Coder.CONSTRICTION.value, bytes(8)), (Coder.TORCHAC.value, bytes(8)), (16, b"again")):
        with pytest.raises(FormatError):
            container.read(data + container.write_section(tag, payload))


def test_errors_name_what_is_wrong() -> None:
    data = container.write(EXAMPLE)
    for bad, error, text in (
        (b"", TruncatedError, "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), FormatError, r"not a \.lic file"),
        (data[:3], TruncatedError, "header"),
        (data[:-1], TruncatedError, "section"),
        (data[:20], TruncatedError, "latents are missing"),
        (data[:-6] + b"?" + data[-5:], ChecksumError, "section"),
        (data[:8] + b"\xff" + data[9:], ChecksumError, "header"),
    ):
        with pytest.raises(error, match=text):
            container.read(bad)


def test_every_tile_needs_its_section() -> None:
    file = replace(EXAMPLE, header=replace(EXAMPLE.header, width=2000), tiles=EXAMPLE.tiles * 2)
    data = container.write(file)
    assert container.read(data) == file
    section = container.write_section(Coder.CONSTRICTION.value, bytes(8))
    with pytest.raises(FormatError, match="more latents sections than tiles"):
        container.read(data + section)
    with pytest.raises(TruncatedError, match="1 of 2 tiles"):
        container.read(data[: -len(STREAM) - 10])
    mixed = data[: -len(STREAM) - 10] + container.write_section(Coder.TORCHAC.value, bytes(8))
    with pytest.raises(FormatError, match="several entropy coders"):
        container.read(mixed)


def test_a_huge_grid_costs_nothing() -> None:
    data = with_header(width=2**24, height=2**24)
    with pytest.raises(TruncatedError, match="268435455 of 268435456 tiles"):
        container.read(data)


def test_alpha_is_critical() -> None:
    assert container.Tag.ALPHA & CRITICAL


@pytest.mark.slow
def test_sections_beyond_those_that_a_file_may_have_cost_nothing() -> None:
    data = container.write(EXAMPLE)
    latents = container.write_section(Coder.CONSTRICTION.value, bytes(4))
    later = container.write_section(99, b"")
    for bomb, error in ((later * 200_000, None), (latents * 200_000, "more latents sections than tiles")):
        tracemalloc.start()
        try:
            if error is None:
                assert container.read(data + bomb) == EXAMPLE
                assert recover(data + bomb).file == EXAMPLE
            else:
                for read in (container.read, recover):
                    with pytest.raises(FormatError):
                        read(data + bomb)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2 * len(data + bomb) + 2**16
