"""Pictures of 16 bits per sample: read with all their bits, and written by what other libraries read."""

import io
import struct
import zlib
from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, features

from helpers.deep import CHANNELS, deep_samples, deep_tiff
from helpers.pictures import grey_tiff
from helpers.profiles import SRGB
from lcomp.errors import FormatError, LimitError, UnsupportedError
from lcomp.format.container import Mode
from lcomp.options import EncodeOptions
from lcomp.pictures.deep_arrays import DecodedSamples, picture_of
from lcomp.pictures.deep_writing import png_chunk, save_picture
from lcomp.pictures.depth import DEEP
from lcomp.pictures.planes import high_bytes, joined, low_bytes, read_low, write_low
from lcomp.pictures.png import SIGNATURE
from lcomp.pictures.reading import Picture, decode_pixels, open_image, to_picture
from lcomp.pictures.writing import FORMATS

DECODERS: dict[str, Callable[[bytes], NDArray[np.uint16]]] = {
    "PNG": imagecodecs.png_decode,
    "TIFF": imagecodecs.tiff_decode,
}


def read(data: bytes, frame: int | None = None) -> Picture:
    return to_picture(open_image(data), frame, deep=True)


def samples_of(picture: Picture) -> NDArray[np.uint16]:
    """The samples of a picture that was read."""
    assert picture.low is not None
    assert not picture.losses
    high = picture.pixels[..., 0] if picture.mode is Mode.L else picture.pixels
    samples = joined(high, picture.low)
    if picture.alpha is None:
        return samples
    assert picture.low_alpha is not None
    return np.concatenate([np.atleast_3d(samples), joined(picture.alpha, picture.low_alpha)[..., None]], 2)


def decoded(samples: NDArray[np.uint16]) -> DecodedSamples:
    image = Image.fromarray((samples >> 8).astype(np.uint8))
    return DecodedSamples(image, samples)


def saved(picture: DecodedSamples, kind: str) -> bytes:
    buffer = io.BytesIO()
    assert save_picture(picture, buffer, kind) == []
    return buffer.getvalue()


@pytest.mark.parametrize("channels", CHANNELS)
def test_all_bits_of_a_png_are_read(channels: int) -> None:
    samples = deep_samples(40, 30, channels)
    assert np.array_equal(samples_of(read(imagecodecs.png_encode(samples))), samples)


def test_an_interlaced_png_is_read_too() -> None:
    for channels in CHANNELS:
        samples = deep_samples(13, 9, channels)
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        data = b"".join(
            b"\0" + row.astype(">u2").tobytes()
            for left, top, right, down in passes
            for row in samples[top::down, left::right]
            if row.size
        )
        kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 13, 9, 16, kind, 0, 0, 1))
        png = SIGNATURE + head + png_chunk(b"IDAT", zlib.compress(data)) + png_chunk(b"IEND", b"")
        assert np.array_equal(samples_of(read(png)), samples)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("rows", [None, 7])
def test_all_bits_of_a_tiff_are_read(channels: int, order: str, compressed: bool, rows: int | None) -> None:
    samples = deep_samples(40, 30, channels)
    data = deep_tiff(samples, order, compressed=compressed, rows=rows)
    assert np.array_equal(samples_of(read(data)), samples)
    reduced = to_picture(open_image(data))
    assert reduced.low is None
    assert reduced.notes == (DEEP,)
    assert (reduced.alpha is None) == (channels in (1, 3))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_one_after_the_other_are_read_unless_they_are_compressed(channels: int, order: str) -> None:
    samples = deep_samples(40, 30, channels)
    plain = deep_tiff(samples, order, separate=True)
    assert np.array_equal(samples_of(read(plain)), samples)
    assert np.array_equal(to_picture(open_image(plain)).pixels, samples[..., :3] >> 8)
    assert read(deep_tiff(samples, order, separate=True, compressed=True)).losses == (DEEP,)


@pytest.mark.parametrize("magic", ["P5", "P6"])
def test_all_bits_of_a_ppm_are_read(magic: str) -> None:
    samples = deep_samples(40, 30, 1 if magic == "P5" else 3)
    data = f"{magic}\n40 30\n65535\n".encode() + samples.astype(">u2").tobytes()
    assert np.array_equal(samples_of(read(data)), samples)
    fewer = f"{magic}\n40 30\n65534\n".encode() + samples.astype(">u2").tobytes()
    assert read(fewer).losses


def test_arrays_and_images_in_memory_are_taken() -> None:
    options = EncodeOptions(lossless=True)
    for channels in CHANNELS:
        samples = deep_samples(9, 7, channels)
        assert np.array_equal(samples_of(picture_of(samples, options)), samples)
    grey = deep_samples(9, 7, 1)
    assert np.array_equal(samples_of(to_picture(Image.fromarray(grey), deep=True)), grey)
    with pytest.raises(LimitError):
        picture_of(grey, EncodeOptions(lossless=True, max_pixels=62))
    for wrong in (grey[0], grey[:0], np.zeros((2, 2, 5), np.uint16), grey[..., None]):
        with pytest.raises(UnsupportedError, match=r"an array is to be of shape \[H, W\]"):
            picture_of(wrong, options)
    with pytest.raises(UnsupportedError, match="with lossless=True only"):
        picture_of(grey, EncodeOptions())
    for kind in (np.uint8, np.float32, np.int32):
        with pytest.raises(TypeError, match="or an array of uint16"):
            picture_of(grey.astype(kind), options)


def test_what_is_decoded_already_keeps_its_low_bytes() -> None:
    samples = deep_samples(9, 7, 3)
    image = open_image(imagecodecs.png_encode(samples))
    decode_pixels(image, None, 100, deep=True)
    assert np.array_equal(samples_of(to_picture(image, deep=True)), samples)
    reduced = open_image(imagecodecs.png_encode(samples))
    to_picture(reduced)
    assert to_picture(reduced, deep=True).losses == (DEEP,)  # Pillow has them no more


def test_a_page_is_chosen_and_turned() -> None:
    first, second = (deep_samples(8, 6, 3, seed) for seed in (1, 2))
    turned = deep_tiff(second, more={274: (3, [6])})
    assert np.array_equal(samples_of(read(turned)), np.rot90(second, -1))
    one = deep_tiff(first)
    # the second directory, moved behind the first file
    offset, shift = struct.unpack_from("<I", one, 4)[0], len(one)
    count = struct.unpack_from("<H", one, offset)[0]
    other = bytearray(deep_tiff(second))
    for number in range(count):
        place = offset + 2 + 12 * number
        tag, _, values = struct.unpack_from("<HHI", other, place)
        if tag == 273 or values > 2:
            struct.pack_into("<I", other, place + 8, struct.unpack_from("<I", other, place + 8)[0] + shift)
    link = offset + 2 + 12 * count
    both = one[:link] + struct.pack("<I", offset + shift) + one[link + 4 :] + bytes(other)
    assert np.array_equal(samples_of(read(both, 0)), first)
    assert np.array_equal(samples_of(read(both, 1)), second)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_all_planes(orientation: int) -> None:
    samples = deep_samples(8, 6, 4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decoded(samples)
    picture.image.info["exif"] = exif.tobytes()
    eight = io.BytesIO()
    picture.image.save(eight, "PNG", exif=exif)
    expected = to_picture(open_image(eight.getvalue()))
    found = samples_of(read(saved(picture, "PNG")))
    assert np.array_equal(found[..., :3] >> 8, expected.pixels)
    assert np.array_equal(np.sort(found.ravel()), np.sort(samples.ravel()))
    assert found.shape[:2] == ((6, 8) if orientation < 5 else (8, 6))


def with_chunk(png: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with a chunk behind its head."""
    return png[:33] + png_chunk(name, body) + png[33:]


def test_transparent_colours_become_alpha() -> None:
    for channels in (1, 3):
        samples = deep_samples(9, 7, channels)
        samples[2, 3] ^= 1  # differs in its last bit from what is transparent
        key = deep_samples(9, 7, channels)[2, 3]
        samples[4, 5] = key
        png = with_chunk(imagecodecs.png_encode(samples), b"tRNS", np.atleast_1d(key).astype(">u2").tobytes())
        found = samples_of(read(png))
        assert np.array_equal(found[..., :-1].reshape(samples.shape), samples)
        shown = (samples.reshape(7, 9, -1) != key).any(2)
        assert np.array_equal(found[..., -1], 65535 * shown.astype(np.uint16))
        assert not shown.all()


def test_opaque_alpha_is_dropped_and_nearly_opaque_one_is_not() -> None:
    samples = deep_samples(9, 7, 4)
    samples[..., 3] = 65535
    picture = read(imagecodecs.png_encode(samples))
    assert picture.notes == ("opaque alpha channel dropped",)
    assert np.array_equal(samples_of(picture), samples[..., :3])
    samples[2, 3, 3] = 65534
    assert np.array_equal(samples_of(read(imagecodecs.png_encode(samples))), samples)


def test_other_depths_are_left_as_they_are() -> None:
    assert read(saved(DecodedSamples(Image.new("RGB", (3, 2))), "PNG")).low is None
    negative = read(grey_tiff(np.arange(8, dtype="<u2").tobytes(), 16, white_is_zero=True))
    assert np.array_equal(samples_of(negative), 65535 - np.arange(8, dtype=np.uint16).reshape(2, 4))
    assert read(grey_tiff(bytes(12), 12)).losses
    signed = deep_tiff(deep_samples(4, 2, 1), more={339: (3, [2])})
    premultiplied = deep_tiff(deep_samples(4, 2, 4), more={338: (3, [1])})
    for data in (signed, premultiplied):
        assert read(data).losses


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_depths_of_which_pillow_does_not_tell_are_found(bits: int) -> None:
    samples = deep_samples(40, 30, 3) >> (16 - bits)
    samples = samples.astype(np.uint8) if bits == 8 else samples
    files = [imagecodecs.jpeg2k_encode(samples, bitspersample=bits, codecformat=kind) for kind in ("jp2", "j2k")]
    if features.check("avif"):
        files.append(imagecodecs.avif_encode(samples, bitspersample=bits))
    for data in files:
        expected = () if bits == 8 else (DEEP,)
        assert read(data).losses == expected
        assert (DEEP in to_picture(open_image(data)).notes) == (bits > 8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(CHANNELS), st.integers(0, 3))
def test_what_is_written_is_what_other_libraries_read(
    kind: str, width: int, height: int, channels: int, seed: int
) -> None:
    samples = deep_samples(width, height, channels, seed)
    data = saved(decoded(samples), kind)
    assert np.array_equal(DECODERS[kind](data), samples)
    assert np.array_equal(samples_of(read(data)), samples)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_large_pictures_are_written_in_pieces(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcomp.pictures.deep_writing.BLOCK", 5000)
    samples = deep_samples(130, 90, 3)
    assert np.array_equal(DECODERS[kind](saved(decoded(samples), kind)), samples)


def test_a_png_is_about_as_small_as_that_of_libpng() -> None:
    for channels in CHANNELS:
        samples = deep_samples(200, 150, channels)
        assert len(saved(decoded(samples), "PNG")) < 1.02 * len(imagecodecs.png_encode(samples))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_metadata_is_written_with_it(kind: str, order: str) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010E] = "a description"
    exif.get_ifd(0x8769)[0x829A] = 1 / 250
    for channels in (3, 4):
        samples = deep_samples(9, 7, channels)
        picture = decoded(samples)
        picture.image.info |= {
            "icc_profile": SRGB,
            "exif": exif.tobytes(),
            "xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        }
        data = saved(picture, kind)
        assert np.array_equal(DECODERS[kind](data), samples)
        found = read(data)
        assert (found.icc, found.xmp) == (SRGB, picture.image.info["xmp"])
        tags = Image.Exif()
        tags.load(found.exif)
        assert tags[0x010E] == "a description"
        assert tags.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 250)


def test_a_profile_that_does_not_fit_is_named() -> None:
    picture = decoded(deep_samples(9, 7, 1))
    picture.image.info["icc_profile"] = SRGB
    for kind in ("PNG", "TIFF"):
        assert save_picture(picture, io.BytesIO(), kind) == ["ICC"]


@pytest.mark.parametrize("kind", sorted(set(FORMATS.values()) - {"PNG", "TIFF"}))
def test_other_formats_get_8_bits_and_say_so(kind: str) -> None:
    samples = np.full((7, 9, 3), 0x12F0, np.uint16)
    buffer = io.BytesIO()
    assert save_picture(decoded(samples), buffer, kind) == ["16 bits per sample (reduced to 8)"]
    assert np.abs(np.asarray(Image.open(buffer).convert("RGB")).astype(int) - 0x13).max() <= (
        2 if kind in ("AVIF", "JPEG") else 0
    )


@pytest.mark.parametrize("bits", range(8, 17))
def test_low_bytes_that_repeat_high_ones_cost_nothing(bits: int) -> None:
    whole, size = (slice(0, 64), slice(0, 80)), (80, 64)
    samples = deep_samples(80, 64, 3) >> (16 - bits)
    samples = samples << (16 - bits) | samples >> (2 * bits - 16)
    high, low = high_bytes(samples), low_bytes(samples)
    for part, above in ((low, high), (low[..., 0], high[..., 0])):
        payload = write_low(part, above)
        assert len(payload) < 1.02 * part.size * (bits - 8) / 8 + 200  # what is new in them is noise
        assert (len(payload) == 1) == (bits == 8)
        assert bits > 14 or payload[0] == bits - 8
        assert np.array_equal(read_low(payload, above, size, whole, "low plane"), part)
        crop = slice(3, 9), slice(60, 80)
        assert np.array_equal(read_low(payload, above[crop], size, crop, "low plane"), part[crop])


def test_low_bytes_that_are_zero_cost_nothing() -> None:
    high = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    assert write_low(np.zeros_like(high), high) == b"\x08"
    rows = np.arange(64, dtype=np.uint8)[:, None, None]
    assert write_low(rows + np.zeros_like(high), high)[0] == 8


@pytest.mark.parametrize("payload", [b"", b"\x09", b"\xff", b"\0a", b"\x08RIFF"])
def test_other_low_bytes_are_format_errors(payload: bytes) -> None:
    with pytest.raises(FormatError, match="low plane"):
        read_low(payload, np.zeros((2, 3), np.uint8), (3, 2), (slice(0, 2), slice(0, 3)), "low plane")
