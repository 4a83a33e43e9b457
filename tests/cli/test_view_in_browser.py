"""The page of `lcomp view` as it is used, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.browser import PROGRAM, Browser, browser
from helpers.coded import coded
from helpers.command import lcomp
from helpers.pictures import noise_image

pytestmark = [pytest.mark.process, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

ARROW_LEFT, ARROW_RIGHT = 37, 39


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of one picture and another of other size, with the original of the first two."""
    folder = tmp_path_factory.mktemp("view")
    image = noise_image(64, 48, noise=4)
    image.save(folder / "a.png")
    noise_image(48, 64).save(folder / "b.png")
    for name, quality in (("low", 1), ("high", 5)):
        (folder / f"{name}.lic").write_bytes(coded(image, quality, "visual", effort=0).data)
    assert lcomp("encode", "b.png", "--lossless", "-e", "0", cwd=folder).returncode == 0
    originals = ("--original", "a.png", "--original", "a.png", "--original", "b.png")
    result = lcomp("view", "low.lic", "high.lic", "b.lic", *originals, "-o", "page.html", "--no-open", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "page.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


def caption(chromium: Browser, side: str) -> str:
    return str(chromium.run(f"document.querySelector('.caption-{side}').textContent"))


def at(chromium: Browser) -> float:
    return float(chromium.run("document.querySelector('.divide').value"))


def pick(chromium: Browser, side: str, name: str) -> None:
    """Choose a file as one does with the mouse."""
    chromium.run(
        f"(() => {{ const list = document.querySelector('.choice.{side} select');"
        f"list.value = [...list.options].find((option) => option.text.startsWith('{name}')).value;"
        "list.dispatchEvent(new Event('change')); })()"
    )


def options(chromium: Browser, side: str) -> list[str]:
    script = f"[...document.querySelector('.choice.{side} select').options].map((option) => option.text)"
    return list(chromium.run(script))


def test_keys_do_what_the_page_says(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    assert caption(chromium, "left").startswith("a.png: ")
    assert caption(chromium, "right").startswith("low.lic, mse: ")
    assert "PSNR" in caption(chromium, "right")
    assert at(chromium) == 50
    chromium.press("ArrowLeft", ARROW_LEFT)
    assert at(chromium) == 48
    chromium.press("2")
    assert caption(chromium, "right").startswith("low.lic, gan, realism 1: ")
    assert "no evidence" in chromium.run("document.getElementById('notes').textContent")
    chromium.press("[")
    assert caption(chromium, "right").startswith("low.lic, gan, realism 0.75: ")
    assert (
        chromium.run("document.querySelector('.choice.right .realism input').getAttribute('aria-valuetext')") == "0.75"
    )
    assert chromium.run("document.querySelectorAll('#scores tr.shown').length") == 1
    chromium.press("]")
    chromium.press("s")
    assert caption(chromium, "left").startswith("low.lic, gan, realism 1: ")
    assert caption(chromium, "right").startswith("a.png: ")
    chromium.press("s")
    chromium.press("o")  # the original is there already, and nothing was before it
    assert caption(chromium, "left").startswith("a.png: ")
    chromium.press("1")
    for key, pressed in (("d", "difference"), ("m", "magnifier")):
        chromium.press(key)
        assert chromium.run(f"document.querySelector('.{pressed}-button').getAttribute('aria-pressed')") == "true"
    assert chromium.run("document.getElementById('magnifier').hidden") is False
    chromium.press("+")
    assert chromium.run("document.querySelector('.zoom').textContent") == "2x"
    assert not chromium.errors


def test_files_of_one_size_are_compared(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    assert options(chromium, "left") == ["a.png (original)", "low.lic", "high.lic", "b.png (original)", "b.lic"]
    assert options(chromium, "right") == ["a.png (original)", "low.lic", "high.lic"]
    pick(chromium, "left", "high.lic")
    assert caption(chromium, "left").startswith("high.lic, mse: ")
    assert caption(chromium, "right").startswith("low.lic, mse: ")
    pick(chromium, "left", "b.lic")
    assert options(chromium, "right") == ["b.png (original)", "b.lic"]
    assert "PSNR exact" in caption(chromium, "left")
    chromium.run("new Promise((done) => setTimeout(done, 50))")
    stage = "document.querySelector('.stage')"
    assert chromium.run(f"{stage}.clientHeight / {stage}.clientWidth") == pytest.approx(64 / 48, rel=0.01)


def test_the_difference_of_a_picture_and_itself_is_black(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    pick(chromium, "right", "a.png")
    chromium.press("d")

    def brightest() -> int:
        chromium.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
        return max(high for _, high in chromium.picture(".stage").getextrema())  # type: ignore[misc]

    assert brightest() == 0
    pick(chromium, "right", "low.lic")
    assert brightest() > 30


def test_the_line_is_dragged_and_the_magnifier_follows(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run("document.querySelector('.magnifier-button').click()")
    _, _, width, _ = chromium.stage()
    chromium.drag(0.5, 0.4, 0.25)
    assert at(chromium) == pytest.approx(25, abs=1)
    spot = "parseFloat(document.querySelector('.spot').style.left)"
    assert chromium.run(spot) == pytest.approx(width / 4, abs=1)
    lens = "document.querySelector('.magnifier .left img').style.transform"
    before = chromium.run(lens)
    chromium.run("document.getElementById('magnifier').focus()")
    chromium.press("ArrowRight", ARROW_RIGHT)
    assert chromium.run(spot) == pytest.approx(width / 4 + 16 * width / 64, abs=1)
    assert chromium.run(lens) != before
    assert not chromium.errors


def test_radio_buttons_and_the_slider_choose_too(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run("document.querySelector('.choice.right input[value=gan]').click()")
    chromium.run("document.querySelector('.choice.right .realism input').focus()")
    chromium.press("ArrowLeft", ARROW_LEFT)
    chromium.press("ArrowLeft", ARROW_LEFT)
    assert caption(chromium, "right").startswith("low.lic, gan, realism 0.5: ")
    assert chromium.run("document.querySelector('.choice.right output').textContent") == "0.5"


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
def test_nothing_is_cut_off_or_unnamed(chromium: Browser, page: Path, width: int, dark: bool) -> None:
    chromium.open(page, width, dark=dark)
    assert chromium.run("document.documentElement.scrollWidth") <= width
    back = chromium.run("getComputedStyle(document.body).backgroundColor")
    assert back == ("rgb(21, 22, 26)" if dark else "rgb(255, 255, 255)")
    # what can be reached has a name for screen readers
    tree = chromium.call("Accessibility.getFullAXTree")["nodes"]
    reachable = {"button", "slider", "radio", "combobox", "group", "image", "radiogroup"}
    nameless = [
        node["role"]["value"]
        for node in tree
        if not node["ignored"] and node["role"]["value"].lower() in reachable and not node.get("name", {}).get("value")
    ]
    assert not nameless
    assert len([node for node in tree if not node["ignored"] and node["role"]["value"] == "slider"]) >= 1
    assert not chromium.errors
    assert all(url.startswith(("file:", "data:", "about:")) for url in chromium.requests)
