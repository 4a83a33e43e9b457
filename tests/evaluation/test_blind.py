"""The page of blind comparisons as it is used, in a real browser."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from helpers.browser import PROGRAM, Browser, browser
from helpers.paths import ROOT
from lcomp.viewer.embedding import ImagePool

RESULTS = (
    "[...document.querySelectorAll('#table tr')].slice(1).map((row) => [...row.cells].map((cell) => cell.textContent))"
)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of four pairs; what "better" makes is red."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    blind = importlib.import_module("blind")
    pool = ImagePool()
    original, red, blue = (pool.add(Image.new("RGB", (48, 48), colour)) for colour in ("white", "red", "blue"))
    two = blind.Shown("better", red), blind.Shown("worse </script>", blue)
    pairs = [blind.Pair(f"picture{number}", 0.1, original, two) for number in range(4)]
    path = tmp_path / "blind.html"
    path.write_text(blind.page_of(pairs, pool), encoding="utf-8")
    return path


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """A browser."""
    if PROGRAM is None:
        pytest.skip("no Chromium is installed")
    with browser() as found:
        yield found


def test_votes_are_counted_kept_and_saved(page: Path, chromium: Browser) -> None:
    chromium.open(page, 700, 700)
    names = "JSON.parse(document.getElementById('data').textContent).images"
    for number in range(3):
        red_is_left = chromium.run(f"document.getElementById('left').src === {names}[1]")
        chromium.press("1" if red_is_left else "2")
        if not number:  # votes are taken back, and are still there when the page is opened again
            chromium.press("Backspace", 8)
            assert "1 of 4" in chromium.run("document.getElementById('progress').textContent")
            chromium.press("1" if red_is_left else "2")
            chromium.open(page, 700, 700)
        assert f"{number + 2} of 4" in chromium.run("document.getElementById('progress').textContent")
    chromium.run("document.getElementById('original').dispatchEvent(new Event('pointerdown'))")
    assert chromium.run(f"document.getElementById('left').src === {names}[0]")
    chromium.run("document.getElementById('original').dispatchEvent(new Event('pointerup'))")
    assert chromium.run("document.getElementById('results').hidden")
    chromium.press("0")
    assert chromium.run(RESULTS) == [["0.1", "better", "worse </script>", "3", "0", "1"]]
    saved = chromium.run("JSON.parse(decodeURIComponent(document.getElementById('save').href.split(',')[1]))")
    assert [vote["better"] for vote in saved] == ["better"] * 3 + [None]
    assert {vote["picture"] for vote in saved} == {f"picture{number}" for number in range(4)}
    assert not chromium.errors
    assert all(address.startswith(("file:", "data:")) for address in chromium.requests)
