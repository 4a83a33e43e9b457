"""Colours outside ICC profiles become one; profiles that do not fit the pixels go."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from helpers.pictures import ramp, reopened
from helpers.profiles import GREY, SRGB
from lcomp.format.container import Mode
from lcomp.pictures import colours
from lcomp.pictures.boxes import read_boxes
from lcomp.pictures.colours import BT709, PRIMARIES, Cicp, of_cicp, of_measures
from lcomp.pictures.profiles import Primaries, of_picture
from lcomp.pictures.reading import Picture, open_image, to_picture
from lcomp.pictures.writing import save_image

ADOBE = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.329))
SAMPLES = [(255, 0, 0), (0, 255, 0), (200, 100, 50), (90, 120, 110), (128, 128, 128), (255, 255, 255)]


def in_srgb(profile: bytes | None, colour: tuple[int, ...]) -> tuple[int, ...]:
    """What colour management makes of a colour."""
    image = Image.new("RGB" if len(colour) == 3 else "L", (1, 1), colour if len(colour) == 3 else colour[0])
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
    shown = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), 1, "RGB")
    assert shown is not None
    pixel = shown.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


def to_xyz(primaries: Primaries) -> np.ndarray:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries[:3]]).T
    x, y = primaries.white
    return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


def by_science(primaries: Primaries, colour: tuple[int, ...], gamma: float | None) -> np.ndarray:
    """SRGB of a colour of primaries with the white of sRGB, by the definitions."""
    values = np.array(colour) / 255
    light = values**gamma if gamma else np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    light = np.clip(np.linalg.solve(to_xyz(BT709), to_xyz(primaries) @ light), 0, 1)
    return 255 * np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)


@pytest.mark.parametrize("colour", SAMPLES)
@pytest.mark.parametrize(("number", "transfer", "gamma"), [(12, 13, None), (9, 1, None), (1, 8, 1.0), (5, 4, 2.2)])
def test_profiles_of_code_points_are_right(number: int, transfer: int, gamma: float, colour: tuple[int, ...]) -> None:
    found = of_cicp(Cicp(number, transfer), Mode.RGB)
    assert found.profile is not None
    assert not found.notes
    assert len(found.profile) < 600
    assert np.abs(by_science(PRIMARIES[number], colour, gamma) - in_srgb(found.profile, colour)).max() <= 1.5


@pytest.mark.parametrize("colour", SAMPLES)
def test_profiles_of_measures_are_right(colour: tuple[int, ...]) -> None:
    found = of_measures(ADOBE, 1 / 2.2, Mode.RGB)
    assert np.abs(by_science(ADOBE, colour, 2.2) - in_srgb(found.profile, colour)).max() <= 1.5


def test_every_code_point_makes_a_whole_profile_or_a_note() -> None:
    for primaries in range(256):
        for transfer in (*range(20), 255):
            for mode in Mode:
                found = of_cicp(Cicp(primaries, transfer), mode)
                assert found.profile is None or of_picture(found.profile, mode)
    assert of_cicp(Cicp(1, 13), Mode.RGB) == of_cicp(Cicp(2, 2), Mode.RGB) == colours.NOTHING
    assert of_cicp(Cicp(12, 13), Mode.L) == colours.NOTHING
    assert of_cicp(Cicp(10, 13), Mode.RGB).notes == ("colours 10/13 of H.273 read as sRGB",)


@pytest.mark.parametrize(("transfer", "name", "white"), [(16, "PQ", 148), (18, "HLG", 191)])
def test_hdr_is_named_and_white_is_white(transfer: int, name: str, white: int) -> None:
    found = of_cicp(Cicp(9, transfer), Mode.RGB)
    assert f"HDR ({name})" in found.notes[0]
    assert min(in_srgb(found.profile, (white,) * 3)) >= 253
    assert in_srgb(found.profile, (white // 2,) * 3) < (150,) * 3


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def of_png(*chunks: bytes, image: Image.Image | None = None, **options: object) -> Picture:
    buffer = io.BytesIO()
    (image or ramp("RGB")).save(buffer, "PNG", **options)
    data = buffer.getvalue()
    return to_picture(open_image(data[:33] + b"".join(chunks) + data[33:]))


def chrm(primaries: Primaries) -> bytes:
    numbers = [round(100000 * value) for pair in (primaries.white, *primaries[:3]) for value in pair]
    return chunk(b"cHRM", struct.pack(">8I", *numbers))


def gama(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(100000 * gamma)))


def test_code_points_of_png() -> None:
    p3 = of_cicp(Cicp(12, 13), Mode.RGB).profile
    assert of_png(chunk(b"cICP", bytes([12, 13, 0, 1]))).icc == p3
    assert of_png(chunk(b"cICP", bytes([12, 13, 0, 1])), icc_profile=SRGB).icc == p3
    assert of_png(chunk(b"cICP", bytes([1, 13, 0, 1])), icc_profile=SRGB).icc == SRGB
    assert of_png(chunk(b"cICP", bytes([1, 13, 0, 1]))).icc is None
    assert of_png(chunk(b"cICP", bytes([12, 13, 0, 1])), image=ramp("L")).icc is None
    hdr = of_png(chunk(b"cICP", bytes([9, 16, 0, 0])))
    assert hdr.icc is not None
    assert [note[:8] for note in hdr.notes] == ["video's ", "HDR (PQ)"]


def test_measures_of_png() -> None:
    adobe = of_png(gama(1 / 2.2), chrm(ADOBE))
    assert in_srgb(adobe.icc, (0, 255, 0)) == (0, 255, 0)
    assert np.abs(by_science(ADOBE, (120, 90, 60), 2.2) - in_srgb(adobe.icc, (120, 90, 60))).max() <= 1.5
    assert not adobe.notes
    for usual in ((gama(0.45455),), (chrm(BT709),), (gama(0.45455), chrm(BT709)), (gama(1), chunk(b"sRGB", b"\0"))):
        assert of_png(*usual).icc is None
    assert of_png(gama(1), chrm(ADOBE), icc_profile=SRGB).icc == SRGB
    assert in_srgb(of_png(gama(1)).icc, (55,) * 3) == (128,) * 3


def test_grey_has_no_primaries() -> None:
    assert of_png(chrm(ADOBE), image=ramp("L")).icc is None
    linear = of_png(gama(1), chrm(ADOBE), image=ramp("L"))
    assert (linear.icc or b"")[16:20] == b"GRAY"
    assert in_srgb(linear.icc, (55,)) == (128,) * 3


@pytest.mark.parametrize("pair", [(0, 0), (0.3, 0.3), (42949, 42949)])
def test_impossible_measures_are_ignored(pair: tuple[float, float]) -> None:
    picture = of_png(chrm(Primaries(pair, pair, pair, pair)))
    assert picture.icc is None
    assert picture.notes == ("impossible chromaticities ignored",)
    assert of_png(gama(0)).notes == ("impossible gamma ignored",)


def test_chromaticities_of_tiff() -> None:
    numbers = tuple(value for pair in ADOBE[:3] for value in pair)
    image = reopened(ramp("RGB"), "TIFF", tiffinfo={318: ADOBE.white, 319: numbers})
    picture = to_picture(image)
    assert np.abs(by_science(ADOBE, (120, 90, 60), None) - in_srgb(picture.icc, (120, 90, 60))).max() <= 1.5


def with_colr(data: bytes, primaries: int, transfer: int) -> bytes:
    place = data.index(b"nclx") + 4
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_code_points_of_avif_and_heic(kind: str) -> None:
    buffer = io.BytesIO()
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").from_pillow(ramp("RGB")).save(buffer, quality=90, save_nclx_profile=True)
    else:
        ramp("RGB").save(buffer, kind)
    data = buffer.getvalue()
    assert to_picture(open_image(data)).icc is None
    assert to_picture(open_image(with_colr(data, 12, 13))).icc == of_cicp(Cicp(12, 13), Mode.RGB).profile
    assert "HDR (HLG)" in to_picture(open_image(with_colr(data, 9, 18))).notes[0]
    image = open_image(with_colr(data, 12, 13))
    assert to_picture(image).icc == to_picture(image).icc


def test_a_profile_of_avif_stands_above_its_code_points() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "AVIF", icc_profile=SRGB)
    assert to_picture(open_image(with_colr(buffer.getvalue(), 12, 13))).icc == SRGB


def test_damaged_boxes_say_nothing_or_something() -> None:
    buffer = io.BytesIO()
    ramp("RGB").save(buffer, "AVIF", icc_profile=SRGB)
    data = buffer.getvalue()
    end = data.index(b"mdat")
    for place in range(end):
        read_boxes(data[:place])
        for value in (0, 1, 255):
            read_boxes(data[:place] + bytes([value]) + data[place + 1 :])


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_profile_in_jpeg_2000(mode: str) -> None:
    buffer = io.BytesIO()
    ramp(mode).save(buffer, "JPEG2000", no_jp2=False)
    data = buffer.getvalue()
    profile = SRGB if mode == "RGB" else GREY
    place = data.index(b"colr") - 4
    old = struct.unpack_from(">I", data, place)[0]
    box = struct.pack(">I4sBBB", 11 + len(profile), b"colr", 2, 0, 0) + profile
    head = data.index(b"jp2h") - 4
    size = struct.unpack_from(">I", data, head)[0] + len(box) - old
    changed = data[:head] + struct.pack(">I", size) + data[head + 4 : place] + box + data[place + old :]
    assert to_picture(open_image(changed)).icc == profile


def cmyk_profile() -> bytes:
    return SRGB[:16] + b"CMYK" + SRGB[20:]


@pytest.mark.parametrize(
    ("mode", "profile", "why"),
    [
        ("L", SRGB, "it is for RGB pixels, not for GRAY"),
        ("1", SRGB, "it is for RGB pixels, not for GRAY"),
        ("LA", SRGB, "it is for RGB pixels, not for GRAY"),
        ("RGB", GREY, "it is for GRAY pixels, not for RGB"),
        ("P", GREY, "it is for GRAY pixels, not for RGB"),
        ("RGB", cmyk_profile(), "it is for CMYK pixels, not for RGB"),
        ("RGB", SRGB[:16] + b"Lab " + SRGB[20:], "it is for Lab pixels, not for RGB"),
        ("RGB", SRGB[:12] + b"link" + SRGB[16:], "it is damaged, or none of pictures"),
        ("RGB", SRGB[:12] + b"nmcl" + SRGB[16:], "it is damaged, or none of pictures"),
        ("RGB", SRGB[:-100], "it is damaged, or none of pictures"),
        ("RGB", SRGB[:128] + b"\xff" * 4 + SRGB[132:], "it is damaged, or none of pictures"),
        ("RGB", SRGB[:200] + bytes(len(SRGB) - 200), "it is damaged, or none of pictures"),
        ("RGB", b"garbage" * 30, "it is damaged, or none of pictures"),
        ("RGB", b"p", "it is damaged, or none of pictures"),
    ],
)
def test_profiles_that_do_not_fit_go(mode: str, profile: bytes, why: str) -> None:
    image = ramp("L").convert(mode) if mode in ("1", "LA") else ramp(mode)
    image.info["icc_profile"] = profile
    picture = to_picture(image)
    assert picture.icc is None
    assert f"ICC profile left out: {why}" in picture.notes


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG", "AVIF"])
def test_profiles_that_do_not_fit_are_not_written(kind: str) -> None:
    for mode, profile in (("L", SRGB), ("RGB", GREY), ("RGB", b"garbage" * 30), ("RGB", SRGB[:-100])):
        image, buffer = ramp(mode), io.BytesIO()
        image.info["icc_profile"] = profile
        assert save_image(image, buffer, kind) == ["ICC"]
        assert "icc_profile" not in open_image(buffer.getvalue()).info


def test_a_profile_that_is_usable_stays() -> None:
    for mode, profile in (("RGB", SRGB), ("L", GREY), ("RGB", SRGB + bytes(3)), ("P", SRGB)):
        image = ramp(mode)
        image.info["icc_profile"] = profile
        assert to_picture(image).icc == profile
