"""Conversions of every pixel mode to what is coded."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from helpers.pictures import alpha_ramp, grey_tiff, ramp, reopened
from lcomp.errors import UnsupportedError
from lcomp.format.container import Mode
from lcomp.pictures.depth import DEEP
from lcomp.pictures.reading import open_image, to_picture
from lcomp.pictures.writing import to_image


def test_rgb_and_grey_pixels_pass_unchanged() -> None:
    for mode, expected in (("RGB", Mode.RGB), ("L", Mode.L)):
        image = ramp(mode)
        picture = to_picture(reopened(image))
        assert picture.mode is expected
        assert not picture.notes
        assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))
        assert np.array_equal(np.asarray(to_image(picture.pixels, picture.mode)), np.asarray(image))


def test_one_bit_and_palette() -> None:
    assert to_picture(reopened(ramp("1"))).mode is Mode.L
    palette = ramp("RGB").quantize(16)
    assert np.array_equal(to_picture(reopened(palette)).pixels, np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_kept_apart(mode: str, kind: str) -> None:
    image = alpha_ramp(mode)
    picture = to_picture(reopened(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    assert not picture.notes
    assert picture.mode is (Mode.L if mode == "L" and kind != "WEBP" else Mode.RGB)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, np.asarray(image.getchannel("A")))
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))


def test_every_kind_of_transparency_is_alpha() -> None:
    palette = ramp("RGB").quantize(16)
    index = np.asarray(palette)
    levels = bytes(range(0, 256, 16))
    grey = ramp("L")
    colour = ramp("RGB")
    level, (red, green, blue) = grey.getpixel((3, 4)), colour.getpixel((3, 4))
    one_bit = ramp("1")
    cases = [
        (palette, {"transparency": 5}, np.where(index == 5, 0, 255)),
        (palette, {"transparency": levels}, np.frombuffer(levels, np.uint8)[index]),
        (grey, {"transparency": level}, np.where(np.asarray(grey) == level, 0, 255)),
        (colour, {"transparency": (red, green, blue)}, None),
        (one_bit, {"transparency": 0}, None),
    ]
    for image, options, expected in cases:
        picture = to_picture(reopened(image, "PNG", **options))
        assert picture.alpha is not None, image.mode
        assert picture.alpha.min() == 0
        if expected is not None:
            assert np.array_equal(picture.alpha, expected)
        assert picture.mode is (Mode.L if image.mode in ("L", "1") else Mode.RGB)
    gif = to_picture(reopened(palette, "GIF", transparency=5))
    assert gif.alpha is not None
    assert np.array_equal(gif.alpha == 0, index == 5)


def test_premultiplied_alpha_is_straightened() -> None:
    image = Image.new("RGBA", (4, 4), (200, 100, 50, 128))
    picture = to_picture(image.convert("RGBa"))
    assert picture.alpha is not None
    assert (picture.alpha == 128).all()
    assert np.abs(picture.pixels.astype(int) - (200, 100, 50)).max() <= 1


def test_opaque_alpha_is_dropped_and_noted() -> None:
    for mode in ("RGBA", "LA", "PA"):
        picture = to_picture(ramp("RGBA" if mode == "RGBA" else "L").convert(mode))
        assert picture.notes == ("opaque alpha channel dropped",)
        assert picture.alpha is None
        assert picture.mode is (Mode.L if mode == "LA" else Mode.RGB)


def test_sixteen_bits_are_rounded_and_noted() -> None:
    values = np.arange(600, dtype=np.uint16).reshape(20, 30) * 109
    for turned in (1, 3):
        exif = Image.Exif()
        exif[0x0112] = turned
        picture = to_picture(reopened(Image.fromarray(values), "PNG", exif=exif.tobytes()))
        assert picture.notes == ("more than 8 bits per channel reduced to 8",)
        assert picture.mode is Mode.L
        expected = np.rint(values / 257).astype(np.uint8)
        assert np.array_equal(picture.pixels[..., 0], expected if turned == 1 else expected[::-1, ::-1])


def test_transparent_sixteen_bit_grey() -> None:
    values = np.arange(600, dtype=np.uint16).reshape(20, 30) * 109
    image = Image.fromarray(values)
    image.info["transparency"] = int(values[3, 4])
    alpha = to_picture(image).alpha
    assert alpha is not None
    assert np.array_equal(alpha == 0, values == values[3, 4])


@pytest.mark.parametrize(
    ("values", "note", "expected"),
    [
        (np.linspace(0, 1, 600, dtype=np.float32), "F pixels reduced to 8 bits, from 0 .. 1", 255),
        (np.linspace(0, 200, 600, dtype=np.float32), "F pixels reduced to 8 bits, from 0 .. 255", 1),
        (np.linspace(-5, 5, 600, dtype=np.float32), "F pixels reduced to 8 bits, from -5 .. 5", None),
        (np.linspace(-3e38, 3e38, 600).astype(np.float32), "F pixels reduced to 8 bits, from -3e+38 .. 3e+38", None),
        (np.full(600, -2.5, np.float32), "F pixels reduced to 8 bits, from -2.5 .. -2.5", None),
        (np.arange(600, dtype=np.int32) // 3, "I pixels reduced to 8 bits, from 0 .. 255", 1),
        (np.arange(600, dtype=np.int32) * 109, "more than 8 bits per channel reduced to 8", 1 / 257),
        (np.arange(600, dtype=np.int32) * 10**6, "I pixels reduced to 8 bits, from 0 .. 5.99e+08", None),
    ],
)
def test_wide_numbers_are_scaled_and_noted(values: np.ndarray, note: str, expected: float | None) -> None:
    picture = to_picture(reopened(Image.fromarray(values.reshape(20, 30)), "TIFF"))
    assert picture.notes == (note,)
    assert picture.mode is Mode.L
    grey = picture.pixels[..., 0].flatten()
    if expected is None:
        values = values.astype(np.float64)
        spread = values.max() - values.min()
        wanted = 255.0 * (values - values.min()) / spread if spread else np.zeros(600)
    else:
        wanted = values * expected
    assert np.abs(grey - wanted).max() <= 0.501


def test_pixels_that_are_not_numbers_are_the_least() -> None:
    values = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    values[0, 1:4] = np.nan, np.inf, -np.inf
    assert to_picture(Image.fromarray(values)).pixels[0, 1:4, 0].tolist() == [0, 255, 0]
    with pytest.raises(UnsupportedError, match="number"):
        to_picture(Image.fromarray(np.full((2, 2), np.nan, np.float32)))


def png(width: int, bits: int, colours: int, rows: list[bytes], transparent: bytes | None = None) -> bytes:
    """A PNG of any depth, written by hand because Pillow writes few."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, colours, 0, 0, 0)
    colour = chunk(b"tRNS", transparent) if transparent else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + colour
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        + chunk(b"IEND", b"")
    )


def sixteen_bit_png(transparent: bytes | None = None) -> bytes:
    """A 4x2 RGB PNG of 16 bits per channel."""
    return png(4, 16, 2, [bytes(range(24))] * 2, transparent)


def test_sixteen_bit_colour_is_noted() -> None:
    # one of which there are pixels, and one that only pixels have whose upper bytes are 0
    for colour in ((0x0001, 0x0203, 0x0405), (0, 2, 4)):
        picture = to_picture(open_image(sixteen_bit_png(struct.pack(">HHH", *colour))))
        assert picture.alpha is None
        assert "transparent colour of 16 bits ignored" in picture.notes
    ppm = b"P6 4 2 65535\n" + bytes(range(48))
    for data in (sixteen_bit_png(), ppm):
        picture = to_picture(open_image(data))
        assert picture.pixels.shape == (2, 4, 3)
        assert picture.notes == ("more than 8 bits per channel reduced to 8",)
    assert not to_picture(open_image(b"P6 4 2 255\n" + bytes(24))).notes


@pytest.mark.parametrize(("bits", "largest"), [(2, 3), (4, 15)])
def test_transparent_grey_of_few_bits(bits: int, largest: int) -> None:
    white, black = bytes([255] * 3), bytes(3)
    for transparent in (0, largest):
        picture = to_picture(open_image(png(24 // bits, bits, 0, [white, black], struct.pack(">H", transparent))))
        assert picture.alpha is not None
        assert picture.pixels[:, 0, 0].tolist() == [255, 0]
        assert picture.alpha[:, 0].tolist() == ([255, 0] if transparent == 0 else [0, 255])


def test_deep_grey_of_tiff_is_at_its_full_range() -> None:
    rising = np.arange(8, dtype="<u2") * (65535 // 7)
    expected = np.rint(rising / 257).astype(int)
    for negative in (False, True):
        picture = to_picture(open_image(grey_tiff(rising.tobytes(), 16, negative)))
        assert picture.pixels[..., 0].flatten().tolist() == (255 - expected if negative else expected).tolist()
    twelve = to_picture(open_image(grey_tiff(bytes(6) + b"\xff" * 6, 12)))
    assert twelve.pixels[..., 0].tolist() == [[0] * 4, [255] * 4]
    assert twelve.notes == ("I;16 pixels reduced to 8 bits, from 0 .. 4095",)


def test_deep_grey_is_the_same_the_second_time() -> None:
    for data in (grey_tiff(b"\xff" * 12, 12), grey_tiff(bytes(16), 16, white_is_zero=True)):
        image = open_image(data)
        for _ in range(2):
            assert (to_picture(image).pixels == 255).all()


def test_pictures_are_the_same_the_second_time() -> None:
    grey = open_image(png(6, 4, 0, [b"\xff\x0f\x00"], struct.pack(">H", 15)))
    deep = open_image(sixteen_bit_png(bytes(6)))
    for _ in range(3):
        alpha = to_picture(grey).alpha
        assert alpha is not None
        assert alpha.tolist() == [[0, 0, 255, 0, 255, 255]]
        assert to_picture(deep).alpha is None
        assert to_picture(deep).notes == (DEEP, "transparent colour of 16 bits ignored")
    # nor is the image itself changed
    assert grey.info["transparency"] == 15


def test_only_what_is_deep_is_noted() -> None:
    assert to_picture(open_image(b"P3 1 1 65535 65535 0 32768")).notes == (DEEP,)
    assert not to_picture(open_image(b"P3 1 1 255 255 0 128")).notes
    # red, green and blue in five, six and five bits
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 74, 0, 70, 56, 1, -1, 1, 16, 3, 4, 0, 0, 0, 0)
    bmp = head + struct.pack("<IIII", 0xF800, 0x07E0, 0x001F, 0) + struct.pack("<HH", 0xF81F, 0)
    picture = to_picture(open_image(bmp))
    assert picture.pixels.tolist() == [[[255, 0, 255]]]
    assert not picture.notes


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted_and_noted(kind: str) -> None:
    image = ramp("RGB").convert("CMYK")
    picture = to_picture(reopened(image, kind))
    assert picture.notes == ("CMYK without a colour profile converted to RGB by Pillow's formula",)
    assert picture.mode is Mode.RGB
    rgb_profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for unusable in (b"not a profile", rgb_profile):
        picture = to_picture(reopened(image, kind, icc_profile=unusable))
        assert picture.notes == ("CMYK with an unusable colour profile converted to RGB by Pillow's formula",)
        assert picture.icc is None


def test_lab_is_converted_and_noted() -> None:
    lab = ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(ramp("RGB"), ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    assert image is not None
    picture = to_picture(reopened(image, "TIFF"))
    assert picture.notes == ("Lab converted to sRGB",)
    assert np.abs(picture.pixels.astype(int) - np.asarray(ramp("RGB"))).mean() < 3


def test_other_colour_spaces() -> None:
    for mode in ("YCbCr", "HSV", "RGBX"):
        picture = to_picture(ramp("RGB").convert(mode))
        assert np.abs(picture.pixels.astype(int) - np.asarray(ramp("RGB"))).max() <= 6
