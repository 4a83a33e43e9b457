"""Pictures in: formats, frames, orientation and metadata."""

import contextlib
import io
import struct
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import TiffImageFile
from test_pixels import grey_tiff, ramp, reopened

from lcomp.container import Mode
from lcomp.errors import ImageError, LcompError, LimitError, UnsupportedError
from lcomp.exif import upright
from lcomp.images import open_image, to_picture

KINDS = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"]


@pytest.mark.parametrize("kind", KINDS)
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


def test_odd_metadata_never_stops_a_picture() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "PNG", exif=b"Exif\0\0garbage, not TIFF")
    picture = to_picture(open_image(buffer.getvalue()))
    assert picture.notes == ("unreadable EXIF kept as it is",)
    image = ramp("RGB")
    image.info["xmp"] = "<plain/>"
    assert to_picture(image).xmp == b"<plain/>"


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
    assert to_picture(open_image(data[:2] + segment + data[2:])).notes == ("extended XMP left out",)


def test_endless_exif_is_refused() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "JPEG")
    data, segment = buffer.getvalue(), b"\xff\xe1\0\x08Exif\0\0"
    assert to_picture(open_image(data[:2] + 1024 * segment + data[2:])).pixels.shape == (20, 30, 3)
    with pytest.raises(ImageError, match="segments of EXIF"):
        open_image(data[:2] + 1025 * segment + data[2:])


def test_tiles_of_a_tiff_count_as_pixels() -> None:
    small, large = (grey_tiff(bytes(side * side), 8, tile=side) for side in (64, 4096))
    assert to_picture(open_image(small, 8), max_pixels=8).pixels.shape == (2, 4, 3)
    with pytest.raises(LimitError, match="4096x4096"):
        to_picture(open_image(large, 8), max_pixels=8)


def test_orientation_in_xmp_is_reset_too() -> None:
    image = ramp("RGB")
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="t"><a tiff:Orientation="6"/></x:xmpmeta>'
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = reopened(image, "JPEG", exif=exif.tobytes(), xmp=xmp)
    picture = to_picture(turned)
    assert picture.pixels.shape == (30, 20, 3)
    assert b"Orientation" not in (picture.xmp or b"")


def test_stale_orientation_in_xmp_is_reset() -> None:
    """Left by software that has turned the pixels and said so in the EXIF only."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="t"><a tiff:Orientation="6"/></x:xmpmeta>'
    exif = Image.Exif()
    exif[0x0112] = 1
    picture = to_picture(reopened(ramp("RGB"), "JPEG", exif=exif.tobytes(), xmp=xmp))
    assert picture.pixels.shape == (20, 30, 3)
    assert picture.xmp == xmp.replace(b'tiff:Orientation="6"', b"")


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


@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=8), st.sampled_from(KINDS))
@settings(max_examples=150)
def test_damaged_pictures_raise_only_our_errors(edits: list[tuple[int, int]], kind: str) -> None:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    ramp("RGB").save(buffer, kind, exif=exif.tobytes())
    data = bytearray(buffer.getvalue())
    for position, value in edits:
        data[position % len(data)] = value
    with contextlib.suppress(LcompError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        to_picture(open_image(bytes(data)), 0)


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
