"""EXIF and XMP of pictures that come in: what is kept of them, and the orientation that is reset."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

from helpers.pictures import ramp, reopened
from lcomp.errors import ImageError
from lcomp.pictures.reading import open_image, to_picture
from lcomp.pictures.tags import upright


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_applied_once(kind: str, orientation: int) -> None:
    corner = np.zeros((48, 32, 3), np.uint8)
    corner[:24, :16] = 255
    corner[24:, :16] = 128
    image = Image.fromarray(corner)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a description"
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif.tobytes(), **({} if kind in ("PNG", "TIFF") else {"quality": 100}))
    # what any viewer shows
    shown = np.asarray(ImageOps.exif_transpose(Image.open(buffer)).convert("RGB"))
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.pixels.shape == ((48, 32, 3) if orientation < 5 else (32, 48, 3))
    assert np.array_equal(picture.pixels, shown)
    assert picture.exif is not None
    kept = Image.Exif()
    kept.load(picture.exif)
    assert kept.get(0x0112, 1) == 1
    assert kept[0x010E] == "a description"


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


def test_exif_of_other_tools_in_png() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    exif[0x010E] = "a description"
    chunks = PngInfo()
    payload = exif.tobytes()
    chunks.add_text("Raw profile type exif", f"\nexif\n{len(payload):8}\n{payload.hex()}\n", zip=True)
    picture = to_picture(reopened(ramp("RGB"), "PNG", pnginfo=chunks))
    assert picture.pixels.shape == (30, 20, 3)
    kept = Image.Exif()
    kept.load(picture.exif or b"")
    assert kept[0x010E] == "a description"
    assert 0x0112 not in kept


@pytest.mark.parametrize(
    ("start", "order"), [(b"II*\0", "<"), (b"MM\0*", ">"), (b"II\0*", "<"), (b"MM*\0", ">")], ids=str
)
@pytest.mark.parametrize("header", [b"", b"Exif\0\0"])
def test_exif_of_turned_pictures_is_kept_byte_by_byte(start: bytes, order: str, header: bytes) -> None:
    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        return struct.pack(f"{order}HHII", tag, kind, count, value)

    text = "Zoë, Łódź".encode() + b"\0"
    head = start + struct.pack(f"{order}I", 8)
    first, last = entry(0x010E, 2, len(text), 50), entry(0xC123, 3, 2, 0x01020304)
    turned = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 6, 0)
    number = [struct.pack(f"{order}H", count) for count in (3, 2)]
    exif = header + head + number[0] + first + turned + last + b"next" + text
    assert upright(exif) == header + head + number[1] + first + last + b"next" + bytes(8) + b"next" + text
    assert upright(upright(exif)) == upright(exif)
    for length in range(len(exif)):
        assert len(upright(exif[:length])) == length
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "JPEG", exif=b"Exif\0\0" + exif.removeprefix(header).replace(b"next", bytes(4)))
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.pixels.shape == (30, 20, 3)
    assert (picture.exif or b"").endswith(text)
    assert upright(picture.exif or b"") == picture.exif
    assert not picture.notes


def test_text_in_a_tiff_is_kept() -> None:
    text, buffer = "Zoë, Łódź".encode(), io.BytesIO()
    ramp("RGB").save(buffer, "TIFF", tiffinfo={0x010F: text, 0x0131: "Photoshop"})
    exif = to_picture(open_image(buffer.getvalue())).exif
    assert exif is not None
    assert text in exif
    assert b"Photoshop" in exif
    kept = Image.Exif()
    kept.load(exif)
    assert set(kept) == {0x010F, 0x0131}


def test_extended_xmp_is_noted() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "JPEG")
    body = b"http://ns.adobe.com/xmp/extension/\0" + bytes(60)
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body
    data = buffer.getvalue()
    assert to_picture(open_image(data[:2] + segment + data[2:])).notes == ("left out: extended XMP",)


def test_endless_exif_is_refused() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "JPEG")
    data, segment = buffer.getvalue(), b"\xff\xe1\0\x08Exif\0\0"
    assert to_picture(open_image(data[:2] + 1024 * segment + data[2:])).pixels.shape == (20, 30, 3)
    with pytest.raises(ImageError, match="segments of EXIF"):
        open_image(data[:2] + 1025 * segment + data[2:])


def test_orientation_in_xmp_is_reset_too() -> None:
    image = ramp("RGB")
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="t"><a tiff:Orientation="6"/></x:xmpmeta>'
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = reopened(image, "JPEG", exif=exif.tobytes(), xmp=xmp)
    picture = to_picture(turned)
    assert picture.pixels.shape == (30, 20, 3)
    assert b"Orientation" not in (picture.xmp or b"")


@pytest.mark.parametrize(
    "orientation",
    [
        b'<a tiff:Orientation="6"/>',
        b"<a tiff:Orientation = ' 6'/>",
        b"<tiff:Orientation>6\n</tiff:Orientation >",
        b"<tiff:Orientation x='y'> 6</tiff:Orientation>",
    ],
)
def test_stale_orientation_in_xmp_is_reset(orientation: bytes) -> None:
    """Left by software that has turned the pixels and said so in the EXIF only."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="t">' + orientation + b"<tiff:Make>6</tiff:Make></x:xmpmeta>"
    exif = Image.Exif()
    exif[0x0112] = 1
    picture = to_picture(reopened(ramp("RGB"), "JPEG", exif=exif.tobytes(), xmp=xmp))
    assert picture.pixels.shape == (20, 30, 3)
    assert b"6" in (picture.xmp or b"")
    assert b"Orientation" not in (picture.xmp or b"")
    # where nothing is turned because the EXIF cannot be read it says what is left to do
    for kind in ("JPEG", "WEBP"):
        picture = to_picture(reopened(ramp("RGB"), kind, exif=b"Exif\0\0garbage, not TIFF", xmp=xmp))
        assert picture.pixels.shape == (20, 30, 3)
        assert picture.xmp == xmp


def test_tags_of_another_type_than_theirs() -> None:
    # upside down, with a description that is a fraction
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", 0x010E, 5, 1, 38)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0" + entries + bytes(4) + struct.pack("<II", 1, 3)
    for kind in ("PNG", "JPEG", "WEBP"):
        buffer = io.BytesIO()
        ramp("RGB").save(buffer, kind, exif=exif)
        picture = to_picture(open_image(buffer.getvalue()))
        assert picture.pixels.shape == (30, 20, 3)
        assert not picture.notes
        assert (picture.exif or b"").endswith(exif[-8:])
