import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from lcomp.container import Mode
from lcomp.errors import ImageError, LimitError, UnsupportedError
from lcomp.images import open_image, save_image, to_image, to_picture


def reopened(image: Image.Image, kind: str = "PNG", **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return open_image(buffer.getvalue())


def ramp(mode: str) -> Image.Image:
    rows, columns = np.mgrid[:20, :30]
    red = (rows * 12).astype(np.uint8)
    return Image.fromarray(np.stack([red, (columns * 8).astype(np.uint8), red[::-1]], 2)).convert(mode)


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


def test_transparency_is_refused_and_opaque_alpha_is_noted() -> None:
    image = ramp("RGBA")
    picture = to_picture(reopened(image))
    assert picture.notes == ("opaque alpha channel dropped",)
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    image.putalpha(128)
    for bad in (image, image.convert("LA"), image.quantize(8)):
        with pytest.raises(UnsupportedError, match="transparency"):
            to_picture(reopened(bad))
    grey = ramp("L").convert("LA")
    assert to_picture(grey).mode is Mode.L


def test_sixteen_bits_are_rounded_and_noted() -> None:
    values = np.arange(600, dtype=np.uint16).reshape(20, 30) * 109
    picture = to_picture(reopened(Image.fromarray(values)))
    assert picture.notes == ("16 bits per channel reduced to 8",)
    assert np.array_equal(picture.pixels[..., 0], np.rint(values / 257).astype(np.uint8))
    with pytest.raises(UnsupportedError, match="pixel mode I "):
        to_picture(Image.fromarray(values.astype(np.int32) * 100))
    with pytest.raises(UnsupportedError, match="pixel mode F"):
        to_picture(Image.fromarray(values.astype(np.float32)))


def sixteen_bit_png() -> bytes:
    """A 4x2 RGB PNG of 16 bits per channel, written by hand because Pillow writes none."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 4, 2, 16, 2, 0, 0, 0)
    rows = (b"\0" + bytes(range(24))) * 2
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bit_colour_is_noted() -> None:
    ppm = b"P6 4 2 65535\n" + bytes(range(48))
    for data in (sixteen_bit_png(), ppm):
        picture = to_picture(open_image(data))
        assert picture.pixels.shape == (2, 4, 3)
        assert picture.notes == ("16 bits per channel reduced to 8",)
    assert not to_picture(open_image(b"P6 4 2 255\n" + bytes(24))).notes


def test_cmyk_is_converted_and_noted() -> None:
    picture = to_picture(reopened(ramp("RGB").convert("CMYK"), "JPEG"))
    assert picture.notes == ("CMYK converted to sRGB",)
    assert picture.mode is Mode.RGB
    assert picture.icc is None


def test_metadata_is_kept_and_orientation_applied_once() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate
    exif[0x010E] = "a description"
    image = reopened(ramp("RGB"), "PNG", icc_profile=profile, exif=exif.tobytes())
    picture = to_picture(image)
    assert picture.pixels.shape == (30, 20, 3)
    assert picture.icc == profile
    assert picture.exif is not None
    kept = Image.Exif()
    kept.load(picture.exif)
    assert kept[0x010E] == "a description"
    assert kept.get(0x0112, 1) == 1


def test_metadata_survives_every_format_that_can_hold_it() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "a description"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>"
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "PPM"):
        image = ramp("RGB")
        image.info |= {"icc_profile": profile, "exif": exif.tobytes(), "xmp": xmp}
        buffer = io.BytesIO()
        lost = save_image(image, buffer, kind)
        read = open_image(buffer.getvalue())
        picture = to_picture(read)
        assert (picture.icc == profile) == ("ICC" not in lost)
        assert (picture.exif is not None) == ("EXIF" not in lost)
        if picture.exif:
            kept = Image.Exif()
            kept.load(picture.exif)
            assert kept[0x010E] == "a description"
        assert (picture.xmp == xmp) == ("XMP" not in lost)
        if kind == "PNG":
            assert not lost
        if kind == "PPM":
            assert lost == ["ICC", "EXIF", "XMP"]


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


def test_animations_are_refused() -> None:
    buffer = io.BytesIO()
    ramp("P").save(buffer, "GIF", save_all=True, append_images=[ramp("P").rotate(90)])
    with pytest.raises(UnsupportedError, match="animated"):
        to_picture(open_image(buffer.getvalue()))


def test_odd_metadata_never_stops_a_picture() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "PNG", exif=b"Exif\0\0garbage, not TIFF")
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.notes == ("unreadable EXIF kept as it is",)
    image = ramp("RGB")
    image.info["xmp"] = "<plain/>"
    assert to_picture(image).xmp == b"<plain/>"


def test_orientation_in_xmp_is_reset_too() -> None:
    image = ramp("RGB")
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="t"><a tiff:Orientation="6"/></x:xmpmeta>'
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = reopened(image, "JPEG", exif=exif.tobytes(), xmp=xmp)
    picture = to_picture(turned)
    assert picture.pixels.shape == (30, 20, 3)
    assert b"Orientation" not in (picture.xmp or b"")


def test_metadata_of_deep_grey_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    image = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30))
    assert to_picture(reopened(image, "PNG", exif=exif.tobytes())).exif == exif.tobytes()


def test_oversized_pictures_are_image_errors() -> None:
    with pytest.raises(ImageError, match="cannot be saved as WEBP"):
        save_image(Image.new("RGB", (17000, 1)), io.BytesIO(), "WEBP")


def test_oversized_metadata_is_lost_with_a_note() -> None:
    image = ramp("RGB")
    image.info["exif"] = b"Exif\0\0" + bytes(70000)
    assert save_image(image, io.BytesIO(), "JPEG") == ["EXIF"]
