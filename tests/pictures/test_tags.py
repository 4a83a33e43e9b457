"""EXIF edited in place: previews, sizes, areas and resolution; whatever else there is keeps its bytes."""

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from helpers.pictures import ramp
from lcomp.pictures.description import describe
from lcomp.pictures.ifds import ExifEditor
from lcomp.pictures.reading import open_image, to_picture
from lcomp.pictures.tags import Resolution, directories_of_previews, exif_of_size, resolution_of, with_resolution

MAKER = b"MakerNote of a camera, whose offsets count from the start"


def preview() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def camera_exif(
    order: str = "<", orientation: int = 1, size: tuple[int, int] = (30, 20), maker: bytes = MAKER
) -> bytes:
    """EXIF as a camera writes it: description, sizes, subject, maker note, and a preview at the end."""

    def entry(tag: int, kind: int, number: int, value: int, short: bool = False) -> bytes:
        return struct.pack(f"{order}HHI" + ("HH" if short else "I"), tag, kind, number, value, *(0,) * short)

    def table(*entries: bytes, link: int = 0) -> bytes:
        return struct.pack(f"{order}H", len(entries)) + b"".join(entries) + struct.pack(f"{order}I", link)

    name = b"a camera\0"
    details = 8 + 2 + 3 * 12 + 4 + 10
    subject, note = details + 2 + 5 * 12 + 4, details + 2 + 5 * 12 + 4 + 8
    second = note + len(maker)
    thumb = preview()
    first = table(
        entry(0x0110, 2, len(name), details - 10),
        entry(0x0112, 3, 1, orientation, short=True),
        entry(0x8769, 4, 1, details),
        link=second,
    )
    inner = table(
        entry(0x9214, 3, 4, subject),
        entry(0x927C, 7, len(maker), note),
        entry(0xA002, 3, 1, size[0], short=True),
        entry(0xA003, 4, 1, size[1]),
        entry(0xA214, 3, 2, 7),
    )
    previews = table(
        entry(0x0103, 3, 1, 6, short=True), entry(0x0201, 4, 1, second + 42), entry(0x0202, 4, 1, len(thumb))
    )
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    values = struct.pack(f"{order}4H", 15, 10, 4, 4)
    return b"Exif\0\0" + start + first + name + b"\0" + inner + values + maker + previews + thumb


def loaded(exif: bytes | None) -> Image.Exif:
    tags = Image.Exif()
    tags.load(exif or b"")
    return tags


def has_preview(exif: bytes | None) -> bool:
    return bool(loaded(exif).get_ifd(1)) or b"\xff\xd8\xff" in (exif or b"")


def with_exif(exif: bytes, kind: str = "JPEG", image: Image.Image | None = None, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    (image or ramp("RGB")).save(buffer, kind, exif=exif, **options)
    return open_image(buffer.getvalue())


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_fitting_preview_stays_byte_for_byte(order: str) -> None:
    exif = camera_exif(order)
    assert has_preview(exif)
    assert exif_of_size(exif, 30, 20, moved=False) == exif
    assert to_picture(with_exif(exif)).exif == exif


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_of_a_turned_picture_stays_on_its_side(order: str, kind: str) -> None:
    exif = camera_exif(order, orientation=6)
    picture = to_picture(with_exif(exif, kind))
    assert picture.pixels.shape == (30, 20, 3)
    assert not has_preview(picture.exif)
    tags, details = loaded(picture.exif), loaded(picture.exif).get_ifd(0x8769)
    assert (tags[0x0110], details[0xA002], details[0xA003]) == ("a camera", 20, 30)
    assert not {0x9214, 0xA214} & set(details)
    # maker notes hold offsets into EXIF
    kept = (picture.exif or b"").removeprefix(b"Exif\0\0")
    assert kept.index(MAKER) == exif.removeprefix(b"Exif\0\0").index(MAKER)
    assert len(picture.exif or b"") < len(exif) - len(preview())


def test_a_crop_shows_no_more_than_itself() -> None:
    exif, image = camera_exif(), Image.new("RGB", (8, 6))
    xmp = b'<x:xmpmeta xmlns:exif="http://ns.adobe.com/exif/1.0/"><a exif:PixelXDimension="30"/></x:xmpmeta>'
    describe(image, None, exif, xmp, moved=True)
    assert not has_preview(image.info["exif"])
    details = loaded(image.info["exif"]).get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (8, 6)
    assert b"PixelXDimension" not in image.info["xmp"]
    whole = Image.new("RGB", (30, 20))
    describe(whole, None, exif, xmp, moved=False)
    assert (whole.info["exif"], whole.info["xmp"]) == (exif, xmp)


def test_a_crop_of_the_same_size_is_a_crop() -> None:
    assert not has_preview(exif_of_size(camera_exif(size=(8, 6)), 8, 6, moved=True))


def test_a_picture_that_was_edited_since_loses_its_preview() -> None:
    picture = to_picture(with_exif(camera_exif(size=(300, 200))))
    assert not has_preview(picture.exif)
    assert loaded(picture.exif).get_ifd(0x8769)[0xA002] == 30


def test_a_size_beyond_16_bits() -> None:
    exif = exif_of_size(camera_exif(), 70_000, 5, moved=True)
    details = loaded(exif).get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (70_000, 5)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_preview_of_another_frame_is_dropped(kind: str) -> None:
    image = with_exif(camera_exif(), kind, save_all=True, append_images=[ramp("RGB").rotate(180)])
    assert has_preview(to_picture(image, 0).exif)
    assert not has_preview(to_picture(image, 1).exif)


def test_previews_in_maker_notes_are_blanked() -> None:
    maker = b"maker" + preview() + b"more"
    exif = exif_of_size(camera_exif(maker=maker), 8, 6, moved=True)
    assert not has_preview(exif)
    assert loaded(exif).get_ifd(0x8769)[0x927C] == b"maker" + bytes(len(preview())) + b"more"


def test_previews_in_damaged_exif_are_blanked() -> None:
    for damaged in (b"garbage" + preview() + b"more", b"Exif\0\0II*\0\xff\0\0\0" + preview()):
        changed = exif_of_size(damaged, 8, 6, moved=True)
        assert changed == damaged.replace(preview(), bytes(len(preview())))
        assert exif_of_size(damaged, 8, 6, moved=False) == damaged


def test_uncompressed_previews_and_subdirectories() -> None:
    strip = bytes(range(1, 49))
    for tag, link in ((None, True), (0x014A, False)):
        head = 8 + 2 + 12 * (tag is not None) + 4
        entries = [(0x0111, 4, 1, head + 30), (0x0117, 4, 1, len(strip))]
        inner = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
        first = struct.pack("<HHII", tag, 4, 1, head) if tag else b""
        start = struct.pack("<4sIH", b"II*\0", 8, tag is not None) + first + struct.pack("<I", head * link)
        exif = start + inner + strip
        assert strip[:8] not in exif_of_size(exif, 8, 6, moved=True)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("resolution", [(300, 300), (204, 98), (118.11, 59.055)])
def test_a_resolution_is_added_and_all_else_keeps_its_place(order: str, resolution: tuple[float, float]) -> None:
    exif = camera_exif(order)
    changed = with_resolution(exif, Resolution(*resolution))
    assert resolution_of(changed) == pytest.approx(resolution)
    assert changed.index(MAKER) == exif.index(MAKER)
    assert loaded(changed)[0x0110] == "a camera"
    assert loaded(changed)[0x011A] == pytest.approx(resolution[0])
    assert loaded(changed).get_ifd(0x8769)[0xA002] == 30
    assert has_preview(changed)
    again = with_resolution(changed, Resolution(150, 150))
    assert resolution_of(again) == (150, 150)
    assert not has_preview(exif_of_size(again, 8, 6, moved=True))


@given(st.binary(max_size=300), st.booleans(), st.integers(0, 400))
def test_damaged_exif_raises_nothing(noise: bytes, big: bool, at: int) -> None:
    exif = camera_exif(">" if big else "<")
    for damaged in (exif[:at], exif[:at] + noise, exif[:14] + noise, exif[:at] + noise + exif[at + len(noise) :]):
        changed = exif_of_size(damaged, 8, 6, moved=True)
        assert len(changed) <= len(damaged)
        assert preview() not in changed
        resolution_of(damaged)
        with contextlib.suppress(ValueError, struct.error):
            with_resolution(damaged, Resolution(300, 300))


def test_directories_in_a_circle_end() -> None:
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    assert len(exif_of_size(exif, 8, 6, moved=True)) == len(exif)
    assert len(directories_of_previews(ExifEditor(exif))) == 0
