"""The detectors on drawn faces and texts; skipped where the extra is not installed."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import lcomp
from helpers.command import lcomp_process
from helpers.pictures import noise_image
from lcomp.detection.places import look_for
from lcomp.detection.weights import check_installed
from lcomp.errors import UnsupportedError
from lcomp.format.tiles import Rectangle

try:
    check_installed()
except UnsupportedError as error:
    pytest.skip(f"{error}", allow_module_level=True)


def face(size: int) -> Image.Image:
    """A drawn face in the middle of a square."""
    image = Image.new("RGB", (400, 400), (90, 120, 150))
    draw = ImageDraw.Draw(image)
    draw.ellipse((110, 60, 290, 180), fill=(60, 40, 30))
    draw.ellipse((120, 80, 280, 320), fill=(224, 172, 140))
    for x in (165, 235):
        draw.ellipse((x - 20, 175, x + 20, 195), fill=(245, 245, 245))
        draw.ellipse((x - 9, 176, x + 9, 194), fill=(50, 30, 20))
        draw.line((x - 24, 160, x + 24, 156), fill=(70, 45, 35), width=7)
    draw.polygon([(200, 185), (188, 240), (212, 240)], fill=(200, 145, 115))
    draw.ellipse((186, 232, 214, 246), fill=(195, 140, 112))
    draw.ellipse((165, 262, 235, 290), fill=(180, 70, 70))
    draw.line((168, 275, 232, 275), fill=(120, 40, 40), width=3)
    return image.filter(ImageFilter.GaussianBlur(3)).resize((size, size))


def with_face(width: int, height: int, size: int, x: int, y: int) -> Image.Image:
    image = Image.new("RGB", (width, height), (90, 120, 150))
    image.paste(face(size), (x, y))
    return image


def with_text(width: int, height: int, size: int, x: int, y: int) -> Image.Image:
    image = Image.new("RGB", (width, height), (120, 130, 140))
    ImageDraw.Draw(image).text((x, y), "Platform 9", "black", ImageFont.load_default(size))
    return image


def found(kind: str, image: Image.Image) -> list[Rectangle]:
    alpha = np.asarray(image.getchannel("A")) if image.mode == "RGBA" else None
    return look_for(kind, np.asarray(image.convert("RGB")), alpha, 1)


@pytest.mark.parametrize(
    ("width", "height", "size"), [(300, 200, 120), (640, 600, 560), (2000, 300, 250), (2600, 2200, 2000)]
)
def test_a_face_is_found_once(width: int, height: int, size: int) -> None:
    left, top = (width - size) // 2, (height - size) // 2
    [place] = found("faces", with_face(width, height, size, left, top))
    # from the brows or the hair to the chin, as far as the sketch has them
    assert left + 0.25 * size < place.x < left + 0.4 * size
    assert left + 0.6 * size < place.right < left + 0.75 * size
    assert top + 0.1 * size < place.y < top + 0.45 * size
    assert top + 0.65 * size < place.bottom < top + 0.9 * size


@pytest.mark.parametrize(
    ("width", "height", "size"), [(300, 200, 24), (500, 33, 20), (1500, 1200, 60), (3000, 2000, 90)]
)
def test_a_line_of_text_is_found(width: int, height: int, size: int) -> None:
    x, y = width // 4, height // 5
    [place] = found("text", with_text(width, height, size, x, y))
    wide = ImageFont.load_default(size).getlength("Platform 9")
    assert place.x == pytest.approx(x, abs=0.7 * size)
    assert place.right == pytest.approx(x + wide, abs=0.7 * size)
    assert place.y == pytest.approx(y, abs=0.7 * size)
    assert place.bottom == pytest.approx(y + 1.2 * size, abs=0.7 * size)


@pytest.mark.parametrize("kind", ["faces", "text"])
def test_where_there_is_nothing_nothing_is_found(kind: str, photo: Image.Image) -> None:
    for image in (photo, photo.convert("L"), Image.new("RGB", (200, 100)), Image.new("RGB", (5, 3000))):
        assert found(kind, image) == []
    for size in ((1, 1), (40000, 15), (70000, 20)):
        assert found(kind, Image.new("RGB", size)) == []


def test_what_alpha_hides_is_not_found() -> None:
    for kind, image in (("faces", with_face(300, 200, 160, 40, 20)), ("text", with_text(300, 200, 30, 40, 40))):
        shown, hidden = image.copy(), image.copy()
        shown.putalpha(255)
        hidden.putalpha(0)
        assert (len(found(kind, shown)), len(found(kind, hidden))) == (1, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("kind", ["faces", "text"])
def test_processes_that_are_forked_afterwards_look_too(kind: str) -> None:
    image = with_face(300, 200, 160, 40, 20) if kind == "faces" else with_text(300, 200, 30, 40, 40)
    pixels = np.asarray(image)
    assert len(look_for(kind, pixels, None, 2)) == 1
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert len(pool.apply_async(look_for, (kind, pixels, None, 2)).get(60)) == 1


@pytest.mark.slow
@pytest.mark.process
def test_several_processes_do_as_one_does(tmp_path: Path) -> None:
    for number in range(2):
        image = noise_image(320, 200, number)
        image.paste(face(128), (0, 0))
        image.paste(with_text(192, 64, 30, 10, 10), (128, 64))
        image.save(tmp_path / f"{number}.png")
    asked = ("0.png", "1.png", "-m", "hyperprior", "-q", "2", "--protect", "faces,text")
    for jobs in ("1", "2"):
        result = lcomp_process("encode", *asked, "-o", f"out{jobs}", "--jobs", jobs, "-v", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert result.stderr.count(b"1 found, at ") == 4
    for number in range(2):
        one, two = ((tmp_path / f"out{jobs}" / f"{number}.lic").read_bytes() for jobs in (1, 2))
        assert one == two
        assert lcomp.info(one).quality == 2000
