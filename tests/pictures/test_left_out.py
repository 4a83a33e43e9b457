"""What is not kept is named; the resolution is kept."""

import contextlib
import io
import struct
import time

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from helpers.pictures import ramp, reopened
from helpers.profiles import SRGB
from lcomp.errors import LcompError
from lcomp.pictures.description import describe
from lcomp.pictures.reading import Picture, open_image, to_picture
from lcomp.pictures.tags import resolution_of
from lcomp.pictures.writing import FORMATS, save_image


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def jpeg(*segments: bytes, **options: object) -> bytes:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "JPEG", **options)
    data = buffer.getvalue()
    return data[:20] + b"".join(segments) + data[20:]


def resource(code: int, body: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", code, 0, len(body)) + body + bytes(len(body) % 2)


PHOTOSHOP = b"Photoshop 3.0\0"
IPTC = b"\x1c\x02\x19\0\x07harbour"


def texts(**named: str) -> PngInfo:
    info = PngInfo()
    for name, value in named.items():
        info.add_text(name, value)
    return info


def test_texts_of_png_are_named() -> None:
    info = texts(Comment="hello", parameters="a cat")
    info.add_itxt("Title", "Tür")
    info.add_text("Source", "zipped", zip=True)
    picture = to_picture(reopened(ramp("RGB"), "PNG", pnginfo=info))
    assert picture.notes == ("left out: PNG text (Comment, parameters, Title, Source)",)
    many = texts(**{f"key {number}": "value" for number in range(9)})
    assert to_picture(reopened(ramp("L"), "PNG", pnginfo=many)).notes[0].endswith("key 3, key 4, ...)")
    assert not to_picture(reopened(ramp("RGB"), "PNG", dpi=(96, 96))).notes


def test_texts_of_png_are_no_metadata() -> None:
    info = texts(icc_profile="x", xmp="y")
    info.add_itxt("exif", "z")
    picture = to_picture(reopened(ramp("RGB"), "PNG", pnginfo=info))
    assert picture.notes == ("left out: PNG text (icc_profile, xmp, exif)",)
    assert (picture.exif, picture.icc, picture.xmp) == (None, None, None)


def raw_profile(payload: bytes) -> str:
    return f"\nany\n{len(payload):8}\n{payload.hex()}\n"


@pytest.mark.parametrize("name", ["xmp", "APP1"])
def test_xmp_of_imagemagick(name: str) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="t"><a tiff:Orientation="6"/></x:xmpmeta>'
    prefix = b"http://ns.adobe.com/xap/1.0/\0" if name == "APP1" else b""
    info = texts(**{f"Raw profile type {name}": raw_profile(prefix + xmp)})
    picture = to_picture(reopened(ramp("RGB"), "PNG", pnginfo=info))
    assert picture.xmp == xmp.replace(b' tiff:Orientation="6"', b"") or b"Orientation" not in (picture.xmp or b"")
    assert picture.pixels.shape == (30, 20, 3)
    assert not picture.notes


def test_exif_of_imagemagick_in_app1() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    info = texts(**{"Raw profile type APP1": raw_profile(exif.tobytes())})
    picture = to_picture(reopened(ramp("RGB"), "PNG", pnginfo=info))
    assert picture.pixels.shape == (30, 20, 3)
    kept = Image.Exif()
    kept.load(picture.exif or b"")
    assert (kept[0x010E], kept.get(0x0112)) == ("a description", None)


@pytest.mark.parametrize("name", ["icc", "icm"])
def test_profiles_of_imagemagick(name: str) -> None:
    info = texts(**{f"Raw profile type {name}": raw_profile(SRGB)})
    picture = to_picture(reopened(ramp("RGB"), "PNG", pnginfo=info))
    assert picture.icc == SRGB
    assert not picture.notes


@pytest.mark.parametrize("name", ["iptc", "8bim"])
def test_iptc_of_imagemagick_is_named(name: str) -> None:
    info = texts(**{f"Raw profile type {name}": raw_profile(IPTC)})
    assert to_picture(reopened(ramp("RGB"), "PNG", pnginfo=info)).notes == ("left out: IPTC",)


def test_malformed_raw_profiles_are_harmless() -> None:
    info = texts(**{f"Raw profile type {name}": "\na\n1\nno digits" for name in ("xmp", "icc", "iptc", "APP1")})
    picture = to_picture(reopened(ramp("RGB"), "PNG", pnginfo=info))
    assert (picture.icc, picture.xmp, picture.exif) == (None, None, None)


def test_segments_of_jpeg_are_named() -> None:
    for name, data in {
        "JPEG comment": jpeg(comment=b"hello"),
        "IPTC": jpeg(segment(0xED, PHOTOSHOP + resource(0x0404, IPTC))),
        "clipping paths": jpeg(segment(0xED, PHOTOSHOP + resource(2000, bytes(26)))),
        "content credentials": jpeg(segment(0xEB, b"JP\0\x01\0\0\0\x01" + b"\0\0\0\x20jumb" + bytes(24))),
    }.items():
        assert to_picture(open_image(data)).notes == (f"left out: {name}",)
    several = jpeg(segment(0xED, PHOTOSHOP + resource(0x0404, IPTC)), comment=b"hello")
    assert to_picture(open_image(several)).notes == ("left out: JPEG comment, IPTC",)
    trivial = jpeg(segment(0xED, PHOTOSHOP + resource(0x0425, bytes(16))), dpi=(72, 72))
    assert not to_picture(open_image(trivial)).notes


def test_tags_of_tiff_are_named() -> None:
    assert to_picture(reopened(ramp("RGB"), "TIFF", tiffinfo={33723: IPTC})).notes == ("left out: IPTC",)
    geo = reopened(ramp("RGB"), "TIFF", tiffinfo={33550: (1.0, 1.0, 0.0)})
    assert to_picture(geo).notes == ("left out: GeoTIFF tags",)
    assert not to_picture(reopened(ramp("RGB"), "TIFF", dpi=(600, 600), description="scan 1")).notes


def test_comments_of_gif_are_named() -> None:
    assert to_picture(reopened(ramp("P"), "GIF", comment=b"hello")).notes == ("left out: GIF comment",)
    assert not to_picture(reopened(ramp("P"), "GIF")).notes


def resolution(picture: Picture) -> tuple[float, float] | None:
    return resolution_of(picture.exif)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("dpi", [(300, 300), (204, 98), (98, 204)])
@pytest.mark.parametrize("with_exif", [False, True])
def test_the_resolution_is_kept(kind: str, dpi: tuple[int, int], with_exif: bool) -> None:
    exif, options = Image.Exif(), {}
    exif[0x010E] = "a description"
    if with_exif and kind != "BMP":
        options = {"exif": exif.tobytes()}
    picture = to_picture(reopened(ramp("RGB"), kind, dpi=dpi, **options))
    assert resolution(picture) == dpi
    assert not picture.notes
    kept = Image.Exif()
    kept.load(picture.exif or b"")
    assert kept.get(0x010E) == ("a description" if options else None)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "AVIF"])
def test_usual_resolutions_are_not_stored(kind: str) -> None:
    for dpi in ((72, 72), (96, 96)):
        assert to_picture(reopened(ramp("RGB"), kind, dpi=dpi)).exif is None or kind == "TIFF"
    picture = to_picture(reopened(ramp("RGB"), kind))
    assert (picture.exif, picture.notes) == (None, ())


def test_resolutions_that_contradict_each_other() -> None:
    exif = Image.Exif()
    exif[0x011A] = exif[0x011B] = 300.0
    exif[0x0128] = 2
    # a default says nothing against EXIF
    assert resolution(to_picture(reopened(ramp("RGB"), "JPEG", dpi=(72, 72), exif=exif.tobytes()))) == (300, 300)
    assert resolution(to_picture(reopened(ramp("RGB"), "JPEG", exif=exif.tobytes()))) == (300, 300)
    assert resolution(to_picture(reopened(ramp("RGB"), "JPEG", dpi=(600, 600), exif=exif.tobytes()))) == (600, 600)
    exif[0x0128], exif[0x011B] = 3, 100.0
    assert resolution(to_picture(reopened(ramp("RGB"), "JPEG", exif=exif.tobytes()))) == (762, 254)


def test_the_resolution_turns_with_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = to_picture(reopened(ramp("RGB"), "JPEG", dpi=(204, 98), exif=exif.tobytes()))
    assert picture.pixels.shape == (30, 20, 3)
    assert resolution(picture) == (98, 204)
    exif[0x0112] = 3
    assert resolution(to_picture(reopened(ramp("RGB"), "JPEG", dpi=(204, 98), exif=exif.tobytes()))) == (204, 98)


def test_a_shape_of_pixels_without_their_size_is_named() -> None:
    data = bytearray(jpeg())
    data[13:18] = struct.pack(">BHH", 0, 2, 1)
    assert to_picture(open_image(bytes(data))).notes == ("left out: pixel aspect ratio",)
    for numbers in ((2.0, 1.0, 1), (2.0, 1.0, 2)):
        tags = dict(zip((282, 283, 296), numbers, strict=True))
        named = to_picture(reopened(ramp("RGB"), "TIFF", tiffinfo=tags)).notes
        assert named == (("left out: pixel aspect ratio",) if numbers[2] == 1 else ())
    data[13:18] = struct.pack(">BHH", 0, 1, 1)
    assert not to_picture(open_image(bytes(data))).notes


@pytest.mark.parametrize("kind", sorted(set(FORMATS.values())))
def test_every_format_gets_the_resolution_that_can(kind: str) -> None:
    picture = to_picture(reopened(ramp("RGB"), "PNG", dpi=(204, 98)))
    image, buffer = ramp("RGB"), io.BytesIO()
    describe(image, picture.icc, picture.exif, picture.xmp, moved=False)
    assert image.info["dpi"] == pytest.approx((204, 98), abs=0.02)
    assert save_image(image, buffer, kind) == (["resolution"] if kind == "PPM" else [])
    saved = open_image(buffer.getvalue())
    if kind in ("PNG", "JPEG", "TIFF", "BMP"):
        assert saved.info["dpi"] == pytest.approx((204, 98), abs=0.05)
    if kind != "PPM":
        assert resolution(to_picture(saved)) == pytest.approx((204, 98), abs=0.05)


def test_odd_resolutions_are_harmless() -> None:
    for dpi in ((0, 0), (float("nan"), 3), (float("inf"), 300), ("a", "b"), (1,), 7, (None, 300), (-3, 300)):
        image = ramp("RGB")
        image.info["dpi"] = dpi
        assert to_picture(image).exif is None


def test_damaged_exif_takes_no_resolution() -> None:
    picture = to_picture(reopened(ramp("RGB"), "PNG", dpi=(300, 300), exif=b"Exif\0\0garbage, not TIFF"))
    assert picture.exif == b"Exif\0\0garbage, not TIFF"
    assert picture.notes == ("unreadable EXIF kept as it is", "left out: resolution")


def test_a_tiff_with_a_resolution_alone_is_compressed() -> None:
    image, buffer = Image.new("RGB", (200, 200)), io.BytesIO()
    image.info |= {"exif": to_picture(reopened(ramp("RGB"), "PNG", dpi=(300, 300))).exif, "dpi": (300, 300)}
    assert save_image(image, buffer, "TIFF") == []
    assert len(buffer.getvalue()) < 5000
    assert open_image(buffer.getvalue()).info["dpi"] == (300, 300)


def test_names_of_documents_and_pages_are_kept() -> None:
    picture = to_picture(reopened(ramp("RGB"), "TIFF", tiffinfo={269: "a book", 285: "page 7", 316: "a computer"}))
    kept = Image.Exif()
    kept.load(picture.exif or b"")
    assert [kept[tag] for tag in (269, 285, 316)] == ["a book", "page 7", "a computer"]


def test_auxiliary_pictures_of_heic_are_named() -> None:
    image = ramp("RGB")
    image.format = "HEIF"
    kinds = ("urn:com:apple:photo:2020:aux:hdrgainmap", "urn:com:apple:photo:2019:aux:semanticskinmatte")
    image.info |= {"aux": {kind: [1] for kind in kinds}, "depth_images": [object()]}
    assert to_picture(image).notes == ("left out: gain map, depth map, mattes",)
    image.info |= {"aux": {"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha": [1]}, "depth_images": []}
    assert not to_picture(image).notes


def test_gain_maps_of_avif_are_named() -> None:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "a description"
    ramp("RGB").save(buffer, "AVIF", exif=exif.tobytes())
    data = buffer.getvalue()
    place = data.index(b"infe", data.index(b"infe") + 4)
    assert data[place + 12 : place + 16] == b"Exif"
    changed = data[: place + 12] + b"tmap" + data[place + 16 :]
    assert "left out: gain map" in to_picture(open_image(changed)).notes


@pytest.mark.timing
def test_no_file_takes_quadratic_time() -> None:
    for data in (
        jpeg()[:-2] + b"\xff" * 2_000_000 + b"\0",
        jpeg(xmp=b"<a xmlns:hdrgm='u'" + b" " * 60_000 + b"/>"),
        jpeg(xmp=b"<a hdrgm:Version" + b" " * 60_000),
        jpeg() + b"ftyp" * 500_000,
    ):
        started = time.perf_counter()
        with contextlib.suppress(LcompError):
            to_picture(open_image(data))
        assert time.perf_counter() - started < 2
