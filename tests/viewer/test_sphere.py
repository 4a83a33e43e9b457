"""Panoramas in the page of `lcomp view`, seen from inside the sphere in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.browser import PROGRAM, Browser, browser
from helpers.command import lcomp as command
from lcomp import EncodeOptions, save

pytestmark = [pytest.mark.process, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

ARROW_LEFT, ARROW_UP, ARROW_RIGHT, ARROW_DOWN = 37, 38, 39, 40

BEHIND, LEFT, AHEAD, RIGHT, ABOVE, BELOW = (
    *((200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)),
    *((250, 250, 250), (100, 100, 100)),
)

BLACK = (0, 0, 0)


def six_colours() -> Image.Image:
    """A panorama whose colours tell where one looks."""
    pixels = np.empty((128, 256, 3), np.uint8)
    for quarter, colour in enumerate((LEFT, AHEAD, RIGHT, BEHIND)):
        pixels[:, 32 + 64 * quarter : 96 + 64 * quarter] = colour
    pixels[:, :32] = BEHIND
    pixels[:32], pixels[96:] = ABOVE, BELOW
    return Image.fromarray(pixels)


def xmp(**more: int) -> bytes:
    numbers = "".join(f' GPano:{name}="{value}"' for name, value in more.items())
    return f'<a GPano:ProjectionType="equirectangular" xmlns:GPano="g"{numbers}/>'.encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of a whole panorama, of its right half and of a flat picture."""
    made = tmp_path_factory.mktemp("sphere")
    whole, flat = six_colours(), six_colours()
    half = whole.crop((128, 0, 256, 128))
    whole.info["xmp"] = xmp()
    width = {"FullPanoWidthPixels": 256, "CroppedAreaImageWidthPixels": 128, "CroppedAreaLeftPixels": 128}
    half.info["xmp"] = xmp(**width)
    for name, image in (("whole", whole), ("half", half), ("flat", flat)):
        save(image, made / f"{name}.lic", EncodeOptions(lossless=True))
        result = command("view", f"{name}.lic", "-o", f"{name}.html", "--no-open", cwd=made)
        assert result.returncode == 0, result.stderr
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


def settled(chromium: Browser) -> None:
    """Wait for what was asked for to be drawn."""
    chromium.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")


def opened(chromium: Browser, page: Path) -> None:
    """Open a page, with the dividing line out of the way."""
    chromium.open(page)
    chromium.press("Home", 36)
    settled(chromium)


def colours(chromium: Browser) -> list[tuple[int, ...]]:
    """What the stage shows in its middle, and near its right edge."""
    settled(chromium)
    shown = chromium.picture(".stage")
    places = [(shown.width // 2, shown.height // 2), (shown.width - 4, shown.height // 2)]
    return [shown.getpixel(place) for place in places]  # type: ignore[misc]


def turn(chromium: Browser, key: str, code: int, times: int) -> None:
    for _ in range(times):
        chromium.press(key, code)


def is_inside(chromium: Browser) -> bool:
    return bool(chromium.run("document.querySelector('.stage').classList.contains('inside')"))


def test_arrows_turn_ones_head(chromium: Browser, folder: Path) -> None:
    opened(chromium, folder / "whole.html")
    assert is_inside(chromium)
    assert chromium.run("document.querySelector('.zoom').textContent") == "90\u00b0"
    for expected in (AHEAD, RIGHT, BEHIND, LEFT, AHEAD):
        assert colours(chromium)[0] == expected
        turn(chromium, "ArrowRight", ARROW_RIGHT, 12)  # a quarter of a circle
    turn(chromium, "ArrowLeft", ARROW_LEFT, 24)
    assert colours(chromium)[0] == LEFT
    turn(chromium, "ArrowUp", ARROW_UP, 20)  # no further than to the zenith
    assert colours(chromium)[0] == ABOVE
    turn(chromium, "ArrowDown", ARROW_DOWN, 12)
    assert colours(chromium)[0] == LEFT
    turn(chromium, "ArrowDown", ARROW_DOWN, 9)
    assert colours(chromium)[0] == BELOW
    assert not chromium.errors
    assert all(url.startswith(("file:", "data:", "about:")) for url in chromium.requests)


def test_the_zoom_stays_that_of_the_sphere(chromium: Browser, folder: Path) -> None:
    opened(chromium, folder / "whole.html")
    chromium.run("dispatchEvent(new Event('resize')); 0")
    settled(chromium)
    assert chromium.run("document.querySelector('.zoom').textContent") == "90\u00b0"


def test_pointer_wheel_and_buttons_do_too(chromium: Browser, folder: Path) -> None:
    opened(chromium, folder / "whole.html")
    left, top, width, height = chromium.stage()
    chromium.drag(0.9, 0.5, 0.1)
    assert colours(chromium)[0] == RIGHT
    # the line is still there to be moved
    chromium.drag(0.001, 0.25)
    assert float(chromium.run("document.querySelector('.divide').value")) == pytest.approx(25, abs=1)
    assert colours(chromium)[0] == RIGHT
    wheel = {"x": left + width / 2, "y": top + height / 2, "deltaX": 0, "deltaY": -500}
    chromium.call("Input.dispatchMouseEvent", type="mouseWheel", **wheel)
    chromium.run("document.querySelector('.zoom-in').click()")
    settled(chromium)
    assert chromium.run("document.querySelector('.zoom').textContent") == "44\u00b0"
    turn(chromium, "-", 0, 9)
    settled(chromium)
    assert chromium.run("document.querySelector('.zoom').textContent") == "115\u00b0"
    assert colours(chromium)[1] == BEHIND
    assert not chromium.errors


def test_the_flat_picture_is_a_key_away(chromium: Browser, folder: Path) -> None:
    opened(chromium, folder / "whole.html")
    turn(chromium, "ArrowRight", ARROW_RIGHT, 12)
    chromium.press("l")
    assert not is_inside(chromium)
    middle, edge = colours(chromium)
    assert (middle, edge) == (AHEAD, BEHIND)
    assert chromium.run("document.querySelector('.look-button').getAttribute('aria-pressed')") == "false"
    assert chromium.run("document.querySelector('.zoom').textContent") == "1x"
    chromium.press("ArrowRight", ARROW_RIGHT)
    assert float(chromium.run("document.querySelector('.divide').value")) == 2
    chromium.run("document.querySelector('.look-button').click()")
    assert is_inside(chromium)
    chromium.press("d")  # of the picture and itself
    assert set(colours(chromium)) == {BLACK}
    assert not chromium.errors


def test_a_part_of_the_sphere_has_nothing_beside_it(chromium: Browser, folder: Path) -> None:
    opened(chromium, folder / "half.html")
    assert colours(chromium)[0] == RIGHT  # its own middle at first
    turn(chromium, "ArrowRight", ARROW_RIGHT, 18)
    assert colours(chromium)[0] == BLACK
    assert not chromium.errors


def test_what_is_flat_is_shown_flat(chromium: Browser, folder: Path) -> None:
    opened(chromium, folder / "flat.html")
    assert chromium.run("document.querySelector('.look-button').hidden") is True
    chromium.press("l")
    assert not is_inside(chromium)
    assert not chromium.errors


def test_without_webgl_a_panorama_is_flat(chromium: Browser, folder: Path) -> None:
    script = "HTMLCanvasElement.prototype.getContext = () => null"
    added = chromium.call("Page.addScriptToEvaluateOnNewDocument", source=script)
    opened(chromium, folder / "whole.html")
    chromium.call("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
    assert chromium.run("document.querySelector('.look-button').hidden") is True
    assert not is_inside(chromium)
    assert colours(chromium) == [AHEAD, BEHIND]
    assert not chromium.errors
