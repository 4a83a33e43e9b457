"""Pictures in: formats, frames, orientation and metadata."""

import contextlib
import io
import struct
import sys
import warnings
import zlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import TiffImageFile

from helpers.pictures import grey_tiff, ramp, reopened
from lcomp.errors import ImageError, LcompError, LimitError, UnsupportedError
from lcomp.format.container import Mode
from lcomp.pictures.reading import decode_pixels, open_image, to_picture

KINDS = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"]


def test_bad_pictures_raise_image_errors() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "PNG")
    data = buffer.getvalue()
    with pytest.raises(ImageError, match="not a picture"):
        open_image(b"nothing of the kind")
    with pytest.raises(ImageError, match="damaged"):
        to_picture(open_image(data[: len(data) // 2]))
    with pytest.raises(LimitError):
        open_image(data, max_pixels=599)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_animations_need_a_frame(kind: str) -> None:
    frames = [Image.new("RGB", (20, 16), colour) for colour in ("red", "lime", "blue")]
    buffer = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], **options)
    data = buffer.getvalue()
    with pytest.raises(UnsupportedError, match="choose a frame with --frame N, counted from 0"):
        to_picture(open_image(data))
    for number, frame in enumerate(frames):
        picture = to_picture(open_image(data), number)
        assert np.abs(picture.pixels.astype(int) - np.asarray(frame)).max() <= (4 if kind == "AVIF" else 0)
        assert not picture.notes
    with pytest.raises(LcompError, match="no frame 3 in the picture"):
        to_picture(open_image(data), 3)


def test_frames_of_a_tiff_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes Pillow the square of their number."""

    def count(_: TiffImageFile) -> int:
        raise AssertionError("counted")

    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "TIFF", save_all=True, append_images=[ramp("RGB"), ramp("L")])
    monkeypatch.setattr(TiffImageFile, "n_frames", property(count))
    with pytest.raises(UnsupportedError, match="--frame N"):
        to_picture(open_image(buffer.getvalue()))
    assert to_picture(open_image(buffer.getvalue()), 2).mode is Mode.L
    with pytest.raises(LcompError, match="no frame 3"):
        to_picture(open_image(buffer.getvalue()), 3)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_comments_separate_numbers(end: bytes) -> None:
    """Each of them would cost Pillow a copy of the rest."""
    comment = b"# 7 8" + end
    data = b"P2" + comment + b"2 2" + comment + b"255" + end + 100_000 * comment + b"1" + comment + b"2 3 4" + comment
    assert to_picture(open_image(data)).pixels[..., 0].tolist() == [[1, 2], [3, 4]]


def test_stills_have_one_frame() -> None:
    assert to_picture(reopened(ramp("RGB")), 0).pixels.shape == (20, 30, 3)
    assert to_picture(ramp("RGB"), 0).pixels.shape == (20, 30, 3)
    with pytest.raises(LcompError, match="no frame 1"):
        to_picture(ramp("RGB"), 1)


def test_the_first_of_several_views_is_taken() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "MPO", save_all=True, append_images=[ramp("RGB").resize((10, 10))])
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.pixels.shape == (20, 30, 3)
    assert picture.notes == ("only the first of several pictures in the file is encoded",)
    assert to_picture(open_image(buffer.getvalue()), 1).pixels.shape == (10, 10, 3)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF", "AVIF", "MPO"])
def test_what_is_decoded_already_is_read_alike(kind: str) -> None:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    frames = [ramp("RGB"), ramp("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    options = {} if kind in ("AVIF", "MPO") else {"exif": exif}
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], **options)
    for frame in (0, 1):
        image = open_image(buffer.getvalue())
        decode_pixels(image, frame, 2**20)
        once, twice = to_picture(open_image(buffer.getvalue()), frame), to_picture(image, frame)
        assert np.array_equal(once.pixels, twice.pixels)
        assert replace(once, pixels=twice.pixels) == twice


def test_of_several_heic_pictures_the_primary_one_is_taken() -> None:
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    file = heif.from_pillow(Image.new("RGB", (64, 64), "red"))
    file.add_from_pillow(Image.new("RGB", (32, 32), "lime"))
    file.save(buffer, quality=90, primary_index=1)
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.pixels.shape == (32, 32, 3)
    assert picture.notes == ("only the primary one of several pictures in the file is encoded",)


def test_heic() -> None:
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    heif.from_pillow(ramp("RGB")).save(buffer, quality=90, exif=exif.tobytes())
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.pixels.shape == (30, 20, 3)
    turned = np.asarray(ramp("RGB").transpose(Image.Transpose.ROTATE_270))
    assert np.abs(picture.pixels.astype(int) - turned).mean() < 6
    with pytest.raises(ImageError):
        to_picture(open_image(buffer.getvalue()[:200]))


def test_heic_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UnsupportedError, match=r"lcomp\[heic\]"):
        open_image(b"\0\0\0\x18ftypheic" + bytes(40))


def test_odd_metadata_never_stops_a_picture() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "PNG", exif=b"Exif\0\0garbage, not TIFF")
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.notes == ("unreadable EXIF kept as it is",)
    image = ramp("RGB")
    image.info["xmp"] = "<plain/>"
    assert to_picture(image).xmp == b"<plain/>"


def test_tiles_of_a_tiff_count_as_pixels() -> None:
    small, large = (grey_tiff(bytes(side * side), 8, tile=side) for side in (64, 4096))
    assert to_picture(open_image(small, 8), max_pixels=8).pixels.shape == (2, 4, 3)
    with pytest.raises(LimitError, match="4096x4096"):
        to_picture(open_image(large, 8), max_pixels=8)


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_a_text_behind_the_pixels_called_transparency(mode: str) -> None:
    buffer, body = io.BytesIO(), b"tEXttransparency\0any"
    ramp("RGB").convert(mode).save(buffer, "PNG")
    data, chunk = buffer.getvalue(), struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    assert to_picture(open_image(data[:-12] + chunk + data[-12:])).alpha is None


def test_metadata_of_deep_grey_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    image = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30))
    assert to_picture(reopened(image, "PNG", exif=exif.tobytes())).exif == exif.tobytes()


def test_bombs_are_refused_wherever_they_are() -> None:
    before, pages = Image.MAX_IMAGE_PIXELS, io.BytesIO()
    small, large = Image.new("L", (1, 1)), Image.new("L", (300, 200))
    small.save(pages, "TIFF", save_all=True, append_images=[large], compression="tiff_deflate")
    with pytest.raises(LimitError):
        to_picture(open_image(pages.getvalue(), 1000), 1, 1000)
    with pytest.raises(LimitError):  # Pillow's own guard would let it pass
        to_picture(open_image(pages.getvalue(), 59_999), 1, 59_999)
    assert to_picture(open_image(pages.getvalue(), 60_000), 1, 60_000).pixels.shape == (200, 300, 3)
    # an icon that says 16x16 and holds a larger PNG
    icon = io.BytesIO()
    large.resize((200, 200)).save(icon, "ICO", sizes=[(200, 200)])
    data = bytearray(icon.getvalue())
    data[6:8] = 16, 16
    with pytest.raises(LimitError):
        open_image(bytes(data), 1000)
    assert before == Image.MAX_IMAGE_PIXELS


@cache
def whole(kind: str) -> bytes:
    """A picture with EXIF."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    ramp("RGB").save(buffer, kind, exif=exif.tobytes())
    return buffer.getvalue()


@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=8), st.sampled_from(KINDS))
@settings(max_examples=150)
def test_damaged_pictures_raise_only_our_errors(edits: list[tuple[int, int]], kind: str) -> None:
    data = bytearray(whole(kind))
    for position, value in edits:
        data[position % len(data)] = value
    with contextlib.suppress(LcompError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        to_picture(open_image(bytes(data)), 0)


@pytest.mark.parametrize("name", ["icc_profile", "gamma", "exif", "xmp", "bit_depth", "transparency"])
def test_texts_named_like_metadata_are_harmless(name: str) -> None:
    texts = PngInfo()
    texts.add_text(name, "any text, \u00e9 too")
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG", pnginfo=texts)
    picture = to_picture(open_image(stream.getvalue()))
    assert all(payload is None or isinstance(payload, bytes) for payload in (picture.icc, picture.exif, picture.xmp))
    assert "PNG gamma ignored" not in picture.notes


def test_metadata_of_odd_types_is_left_out() -> None:
    image = Image.new("RGB", (8, 8))
    image.info = {"icc_profile": 7, "exif": (1, 2), "xmp": ["text"]}
    picture = to_picture(image)
    assert (picture.icc, picture.exif, picture.xmp) == (None, None, None)


def test_nothing_is_handed_to_ghostscript() -> None:
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n{} loop\n"
    with pytest.raises(UnsupportedError, match="EPS files are drawn by other programs"):
        open_image(program)
