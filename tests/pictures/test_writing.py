import io
import struct

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import alpha_ramp, ramp
from helpers.profiles import GREY, SRGB
from lcomp.errors import ImageError
from lcomp.format.container import Mode
from lcomp.pictures.reading import open_image, to_picture
from lcomp.pictures.writing import FORMATS, KEEPS_ALPHA, save_image, to_image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_metadata_survives(kind: str, mode: str) -> None:
    profile = GREY if mode == "L" and kind != "WEBP" else SRGB
    exif = Image.Exif()
    exif[0x010E] = "a description"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825)[1] = "N"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>"
    image = ramp(mode)
    image.info |= {"icc_profile": profile, "exif": exif.tobytes(), "xmp": xmp}
    buffer = io.BytesIO()
    lost = save_image(image, buffer, kind)
    as_colours = (kind, mode) == ("WEBP", "L")
    assert [name for name in lost if "alpha" not in name] == ["ICC"] * as_colours
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.icc == (None if as_colours else profile)
    assert picture.xmp == xmp
    kept = Image.Exif()
    kept.load(picture.exif or b"")
    assert kept[0x010E] == "a description"
    assert kept.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    assert kept.get_ifd(0x8825)[1] == "N"


class Verbatim(str):
    """Text that is written as UTF-8."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return str.encode(self)


TEXT = "Zoë, Łódź © 2024"


def exif_of(directories: bool = False) -> bytes:
    """EXIF with a description, a camera's name, its orientation and, on demand, directories that are empty."""
    exif = Image.Exif()
    exif[0x010E], exif[0xC614], exif[0x0112] = Verbatim(TEXT), Verbatim(TEXT), 1
    if directories:
        exif.get_ifd(0x8769)
        exif.get_ifd(0x8825)
    return exif.tobytes()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("header", [True, False])
def test_text_of_exif_survives_whatever_it_is_written_in(kind: str, header: bool) -> None:
    image, buffer = ramp("RGB"), io.BytesIO()
    image.info["exif"] = exif_of()[0 if header else 6 :]
    assert save_image(image, buffer, kind) == []
    picture = to_picture(open_image(buffer.getvalue()))
    kept = Image.Exif()
    kept.load(picture.exif or b"")
    assert kept[0x010E].encode("latin-1").decode() == TEXT


def test_text_in_directories_survives_tiff() -> None:
    """Although Pillow does not know the type of such tags."""
    image, exif = ramp("RGB"), Image.Exif()
    exif.get_ifd(0x8769)[0xA430] = Verbatim(TEXT)
    exif.get_ifd(0x8769)[0xA005] = {1: "R98"}
    image.info["exif"] = exif.tobytes()
    for _ in range(2):
        buffer = io.BytesIO()
        assert save_image(image, buffer, "TIFF") == []
        image.info["exif"] = again = to_picture(open_image(buffer.getvalue())).exif
        assert again is not None
        kept = Image.Exif()
        kept.load(again)
        name = kept.get_ifd(0x8769)[0xA430]
        assert isinstance(name, str)
        assert name.encode("latin-1").decode() == TEXT
        assert kept.get_ifd(0xA005) == {1: "R98"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pointer", [{}, {0xA005: 1234}])
def test_directories_of_nothing_do_not_spoil_a_tiff(pointer: dict[int, int]) -> None:
    image, exif, buffer = ramp("RGB"), Image.Exif(), io.BytesIO()
    exif[0x010F] = "maker"
    exif.get_ifd(0x8769).update(pointer)
    image.info["exif"] = exif.tobytes()
    assert save_image(image, buffer, "TIFF") == []
    assert open_image(buffer.getvalue()).getexif()[0x010F] == "maker"


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_odd_tags_do_not_spoil_a_tiff(mode: str) -> None:
    """The name of the document as a number ends libtiff and the process; the others say what pixels are like."""
    tags = [(269, 3, 1), (32995, 3, 1), (32996, 3, 1), (34675, 1, 7)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)
    image, buffer = ramp(mode), io.BytesIO()
    image.info["exif"] = exif
    assert save_image(image, buffer, "TIFF") == []
    read = open_image(buffer.getvalue())
    assert np.array_equal(np.asarray(read), np.asarray(image))
    assert "icc_profile" not in read.info


def test_empty_directories_do_not_spoil_a_tiff(capfd: pytest.CaptureFixture[str]) -> None:
    image, buffer = ramp("RGB"), io.BytesIO()
    image.info["exif"] = exif_of(directories=True)
    assert save_image(image, buffer, "TIFF") == []
    read = open_image(buffer.getvalue())
    assert read.getexif()[0x010E].encode("latin-1").decode() == TEXT
    assert not capfd.readouterr().err


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_a_profile_for_grey_stays_with_grey(kind: str) -> None:
    profile, buffer = GREY, io.BytesIO()
    image = ramp("L")
    image.info["icc_profile"] = profile
    assert save_image(image, buffer, kind) == (["ICC"] if kind == "WEBP" else [])
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.icc == (None if kind == "WEBP" else profile)
    assert picture.mode is (Mode.RGB if kind == "WEBP" else Mode.L)
    grey, buffer = alpha_ramp("L"), io.BytesIO()
    grey.info["icc_profile"] = profile
    lost = save_image(grey, buffer, kind)
    picture = to_picture(open_image(buffer.getvalue()))
    assert ("ICC" in lost) is (picture.icc is None) is (picture.mode is Mode.RGB)


def test_a_large_profile_survives_png() -> None:
    image, buffer = ramp("RGB"), io.BytesIO()
    image.info["icc_profile"] = profile = SRGB + bytes(2**21)
    assert save_image(image, buffer, "PNG") == []
    assert to_picture(open_image(buffer.getvalue())).icc == profile


def test_layout_of_another_file_does_not_spoil_a_tiff() -> None:
    exif = Image.Exif()
    for tag, value in ((256, 4000), (257, 3000), (258, 16), (259, 6), (277, 1), (273, 8), (513, 99), (271, "maker")):
        exif[tag] = value
    image = ramp("RGB")
    image.info["exif"] = exif.tobytes()
    buffer = io.BytesIO()
    save_image(image, buffer, "TIFF")
    read = open_image(buffer.getvalue())
    assert np.array_equal(np.asarray(read), np.asarray(image))
    assert read.getexif()[271] == "maker"


@pytest.mark.parametrize("kind", ["TIFF", "AVIF"])
def test_unreadable_exif_is_lost_with_a_note(kind: str) -> None:
    image = ramp("RGB")
    image.info["exif"] = b"Exif\0\0garbage, not TIFF"
    assert save_image(image, io.BytesIO(), kind) == ["EXIF"]


@pytest.mark.parametrize("kind", ["PPM", "BMP"])
def test_formats_without_metadata_say_so(kind: str) -> None:
    image = ramp("RGB")
    image.info |= {"icc_profile": b"p", "exif": b"e", "xmp": b"x"}
    assert save_image(image, io.BytesIO(), kind) == ["ICC", "EXIF", "XMP"]


def test_oversized_pictures_are_image_errors() -> None:
    with pytest.raises(ImageError, match="cannot be saved as WEBP"):
        save_image(Image.new("RGB", (17000, 1)), io.BytesIO(), "WEBP")


def test_oversized_metadata_is_lost_with_a_note() -> None:
    image = ramp("RGB")
    image.info["exif"] = b"Exif\0\0" + bytes(70000)
    assert save_image(image, io.BytesIO(), "JPEG") == ["EXIF"]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", sorted(set(FORMATS.values())))
def test_alpha_is_kept_or_put_on_white(mode: str, kind: str) -> None:
    image = alpha_ramp(mode)
    buffer = io.BytesIO()
    lost = save_image(image, buffer, kind)
    picture = to_picture(open_image(buffer.getvalue()))
    if kind in KEEPS_ALPHA:
        assert not lost
        assert picture.alpha is not None
        # AVIF has no lossless mode here
        assert np.abs(picture.alpha.astype(int) - np.asarray(image.getchannel("A"))).max() <= (
            9 if kind == "AVIF" else 0
        )
    else:
        assert lost == ["alpha (put on white)"]
        assert picture.alpha is None
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        error = np.abs(picture.pixels.astype(int) - np.asarray(white.convert("RGB")))
        assert error.max() <= (20 if kind == "JPEG" else 1)
    assert image.mode == mode + "A"


@pytest.mark.parametrize("mode", Mode)
def test_modes_come_back(mode: Mode) -> None:
    pixels = np.asarray(ramp("RGB" if mode is Mode.RGB else "L").convert("RGB"))
    alpha = np.arange(600).reshape(20, 30).astype(np.uint8)
    image = to_image(pixels, mode)
    assert image.mode == mode.name
    image = to_image(pixels, mode, alpha)
    assert image.mode == mode.name + "A"
    assert np.array_equal(np.asarray(image.getchannel("A")), alpha)
    assert np.array_equal(np.asarray(image.convert("RGB")), pixels)


@pytest.mark.parametrize(("kind", "most"), [("AVIF", 65536), ("JPEG", 65500), ("WEBP", 16383)])
@pytest.mark.parametrize("wide", [False, True])
def test_limits_of_formats_are_named(kind: str, most: int, wide: bool, capfd: pytest.CaptureFixture[str]) -> None:
    def of_side(side: int) -> Image.Image:
        return Image.new("L", (side, 1) if wide else (1, side))

    with pytest.raises(ImageError, match=f"cannot be saved as {kind}: .* at most {most} wide and high"):
        save_image(of_side(most + 1), io.BytesIO(), kind)
    save_image(of_side(most), io.BytesIO(), kind)
    assert capfd.readouterr().err == ""
