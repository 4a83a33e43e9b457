"""Metadata comes back from either form of its section, and takes the smaller one."""

import io
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.paths import GOLDEN
from helpers.profiles import SRGB
from lcomp.errors import FormatError, LimitError
from lcomp.format import container
from lcomp.format.metadata import (
    DEFLATED,
    MAX_INFLATED,
    MAX_METADATA,
    METADATA,
    kind_of,
    metadata_of,
    metadata_section,
)
from lcomp.format.outline import read_outline
from lcomp.format.salvage import recover
from lcomp.format.sections import CRITICAL, Section, Tag, write_section

contents = st.binary(max_size=60) | st.builds(bytes.__mul__, st.binary(min_size=1, max_size=9), st.integers(1, 300))
DOT = container.read((GOLDEN / "dot.lic").read_bytes())
TEXT = b"again and again and " * 20


def deflated(payload: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(payload) + deflater.flush()


@given(st.sampled_from(METADATA), contents)
def test_every_payload_comes_back_and_never_grows(tag: Tag, payload: bytes) -> None:
    section = metadata_section(tag, payload)
    assert metadata_of(section) == payload
    assert kind_of(section.tag) == tag
    assert len(section.payload) <= len(payload)
    assert (section.tag == tag) == (section.payload == payload)
    assert metadata_section(tag, payload) == section


@given(contents, contents, contents)
def test_files_hold_either_form(icc: bytes, exif: bytes, xmp: bytes) -> None:
    file = replace(DOT, icc=icc, exif=exif, xmp=xmp)
    data = container.write(file)
    assert container.read(data) == file
    assert recover(data) == (file, ())
    outline = read_outline(io.BytesIO(data))
    assert (outline.icc, outline.exif, outline.xmp) == (icc, exif, xmp)


@given(st.sampled_from(METADATA), contents)
def test_the_plain_form_is_read_whatever_is_smaller(tag: Tag, payload: bytes) -> None:
    data = (GOLDEN / "dot.lic").read_bytes() + write_section(tag, payload)
    file = container.read(data)
    assert payload in (file.icc, file.exif, file.xmp)


@given(st.sampled_from(METADATA), st.binary(max_size=200))
def test_random_streams_inflate_or_raise_our_errors(tag: Tag, payload: bytes) -> None:
    section = Section(DEFLATED[tag], payload)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        expected = inflater.decompress(payload)
        whole = inflater.eof and not inflater.unused_data
    except zlib.error:
        whole = False
    if whole:
        assert metadata_of(section) == expected
    else:
        with pytest.raises(FormatError, match=f"damaged {tag.name} metadata"):
            metadata_of(section)


def test_what_pays_is_deflated_and_nothing_else() -> None:
    assert metadata_section(Tag.ICC, SRGB).tag == Tag.ICC_DEFLATED
    assert metadata_section(Tag.XMP, TEXT).tag == Tag.XMP_DEFLATED
    assert metadata_section(Tag.EXIF, b"Exif\0\0short") == Section(Tag.EXIF, b"Exif\0\0short")
    assert metadata_section(Tag.EXIF, b"") == Section(Tag.EXIF, b"")


def test_a_file_without_metadata_is_as_it_was() -> None:
    assert container.write(DOT) == (GOLDEN / "dot.lic").read_bytes()


def test_the_golden_file_has_deflated_metadata() -> None:
    sections = container.read_sections((GOLDEN / "deflated.lic").read_bytes())[1]
    assert set(DEFLATED.values()) <= {section.tag for section in sections}


def test_without_its_profile_a_picture_is_refused_by_who_does_not_know_it() -> None:
    assert Tag.ICC_DEFLATED & CRITICAL
    assert not (Tag.EXIF_DEFLATED | Tag.XMP_DEFLATED) & CRITICAL


def test_lost_metadata_is_called_by_its_kind() -> None:
    data = bytearray(container.write(replace(DOT, exif=TEXT)))
    data[data.index(metadata_section(Tag.EXIF, TEXT).payload)] ^= 1
    recovered = recover(bytes(data))
    assert (recovered.file, recovered.lost) == (DOT, ("EXIF",))


@pytest.mark.slow
def test_what_is_large_is_left_plain_and_bombs_are_refused_early() -> None:
    assert metadata_section(Tag.XMP, bytes(MAX_INFLATED)).tag == Tag.XMP_DEFLATED
    large = metadata_section(Tag.XMP, bytes(MAX_INFLATED + 1))
    assert large.tag == Tag.XMP
    assert metadata_of(large) == bytes(MAX_INFLATED + 1)
    with pytest.raises(LimitError, match="metadata of 67108865 bytes"):
        metadata_section(Tag.XMP, bytes(MAX_METADATA + 1))
    bomb = deflated(bytes(2**27))
    tracemalloc.start()
    try:
        with pytest.raises(LimitError, match="inflates to more than 16777216 bytes"):
            metadata_of(Section(Tag.ICC_DEFLATED, bomb))
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_INFLATED
    finally:
        tracemalloc.stop()
