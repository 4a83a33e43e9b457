import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

import lcomp
from lcomp.cli.app import app
from lcomp.encoding.rate_target import HIGHEST, LOWEST, SIZE_TOLERANCE, bracket, bracket_all, coded_size, floor_of, meet
from lcomp.errors import LcompError
from lcomp.options import EncodeOptions
from lcomp.parsing import parse_size


def test_sizes_are_parsed() -> None:
    assert parse_size("50000") == 50_000
    assert parse_size("50kB") == 50_000
    assert parse_size("48 KiB") == 49_152
    assert parse_size("1.5MB") == 1_500_000
    for text in ("", "kB", "-3", "50 apples", "0", "nan", "9" * 400, "1e30"):
        with pytest.raises(LcompError):
            parse_size(text)


def test_targets_exclude_each_other() -> None:
    with pytest.raises(LcompError, match="only"):
        EncodeOptions(size=100, psnr=30.0)
    for bad in (0, -1.0, math.nan, math.inf, 1e305):
        with pytest.raises(LcompError, match="more than 0"):
            EncodeOptions(bpp=bad)


@given(
    power=st.floats(0.2, 4),
    wobble=st.floats(0, 0.002),
    share=st.floats(0, 1),
)
def test_the_goal_is_never_exceeded_and_nearly_reached(power: float, wobble: float, share: float) -> None:
    trials = 0

    def value(quality: int) -> float:
        nonlocal trials
        trials += 1
        place = (quality - LOWEST) / (HIGHEST - LOWEST)
        return 3 * place**power + wobble * math.sin(quality)

    goal = 3 * share + wobble
    low, high = bracket(value, goal, SIZE_TOLERANCE, LOWEST, HIGHEST)
    assert low is not None
    assert low.value <= goal
    assert high is None or high.value > goal
    # steep places may lie between two qualities
    assert high is None or goal - low.value < SIZE_TOLERANCE or high.quality - low.quality == 1
    assert trials < 60


def files(quality: int) -> bytes:
    return bytes(500 + quality)


def psnr(data: bytes) -> float:
    return 20 + len(data) / 400


def test_files_meet_their_target() -> None:
    found = meet(EncodeOptions(size=3210), files, psnr, 800, 10)
    assert 0.99 * 3210 < len(found) <= 3210
    assert 0.99 * 700 < len(meet(EncodeOptions(size=700), files, psnr, 800, 10)) <= 700  # below q = 1
    found = meet(EncodeOptions(bpp=30.0), files, psnr, 800, 10)
    assert 0.99 * 3000 < len(found) <= 3000
    found = meet(EncodeOptions(psnr=30.0), files, psnr, 800, 10)
    assert 30.01 <= psnr(found) < 30.05
    assert psnr(meet(EncodeOptions(psnr=41.22), files, psnr, 800, 10)) == psnr(files(HIGHEST))
    assert psnr(meet(EncodeOptions(psnr=41.245), files, psnr, 800, 10)) == psnr(files(HIGHEST))  # little to spare
    # more than the best, or less than the worst, is met by the ends where that keeps the promise
    assert len(meet(EncodeOptions(size=10**6), files, psnr, 800, 10)) == 500 + HIGHEST
    assert len(meet(EncodeOptions(psnr=3.0), files, psnr, 800, 10)) == 500 + LOWEST


def test_a_guess_saves_attempts() -> None:
    tried: list[int] = []

    def slow(quality: int) -> bytes:
        tried.append(quality)
        return bytes(int((500 + quality) * 0.93) + quality % 3)

    for target in (
        EncodeOptions(size=3210),
        EncodeOptions(size=700),
        EncodeOptions(bpp=30.0),
        EncodeOptions(psnr=30.0),
    ):
        tried.clear()
        found = meet(target, slow, psnr, 800, 10, files)
        limit = target.size or (target.bpp or 0) * 100
        assert 30 <= psnr(found) < 30.1 if target.psnr else 0.99 * limit < len(found) <= limit
        assert len(tried) <= 3
    # a guess that is of no use costs no more than its attempts
    for size in (3210, 8000):
        found = meet(EncodeOptions(size=size), slow, psnr, 800, 10, lambda quality: bytes(9500 - quality))
        assert 0.98 * size < len(found) <= size
    with pytest.raises(LcompError, match="q = 0 takes 465 bytes"):
        meet(EncodeOptions(size=464), slow, psnr, 800, 10, files)


@given(smallest=st.integers(40, 500), pixels=st.integers(1, 3000), psnr_asked=st.floats(40, 41.4))
@example(smallest=58, pixels=100, psnr_asked=41.0)
def test_what_is_said_to_be_reachable_is(smallest: int, pixels: int, psnr_asked: float) -> None:
    def asked(target: EncodeOptions) -> str:
        try:
            meet(target, lambda quality: bytes(smallest + quality), psnr, pixels, 10)
        except LcompError as error:
            return str(error)
        return ""

    for target, unit in ((EncodeOptions(size=smallest - 1), " bpp"), (EncodeOptions(psnr=psnr_asked), " dB")):
        text = asked(target)
        if text:
            reachable = float(text.removesuffix(unit).rsplit(" ", 1)[1])
            assert not asked(EncodeOptions(bpp=reachable) if target.size else EncodeOptions(psnr=reachable))
    assert "10 of them header" not in asked(EncodeOptions(size=smallest - 1))


def test_bytes_that_do_not_depend_on_the_quality_do_not_blur_the_search() -> None:
    heavy = 10**6
    found = meet(EncodeOptions(size=heavy + 5000), lambda quality: bytes(heavy) + files(quality), psnr, 800, heavy)
    assert 0.99 * 5000 < len(found) - heavy <= 5000


def test_what_cannot_be_met_says_what_can() -> None:
    with pytest.raises(LcompError, match="q = 0 takes 500 bytes"):
        meet(EncodeOptions(size=499), files, psnr, 800, 10)
    assert meet(EncodeOptions(bpp=90.0), files, psnr, 800, 10) == files(HIGHEST)  # it needs less
    assert meet(EncodeOptions(psnr=42.0), files, psnr, 800, 10) is None


@dataclass(frozen=True)
class Made:
    """A file of a fake curve."""

    quality: int
    size: int
    level: float

    def __len__(self) -> int:
        return self.size


@dataclass
class Fake:
    """A curve through sizes and levels at the qualities 0 to 8, and the files that were made of it."""

    sizes: list[int]
    levels: list[float]
    tried: dict[int, Made] = field(default_factory=dict)

    def encode(self, quality: int) -> Made:
        places = range(0, HIGHEST + 1, 1000)
        size, level = (float(np.interp(quality, places, values)) for values in (self.sizes, self.levels))
        self.tried[quality] = Made(quality, round(size), level)
        return self.tried[quality]

    def meet(self, options: EncodeOptions) -> Made | None:
        return meet(options, self.encode, lambda made: made.level, 800, 10)


fakes = st.builds(
    Fake,
    st.lists(st.integers(20, 10**5), min_size=9, max_size=9),
    st.lists(st.integers(5, 60).map(float), min_size=9, max_size=9),
)
rising = fakes.map(lambda fake: Fake(sorted(fake.sizes), sorted(fake.levels)))


@given(fakes, st.integers(20, 10**5))
def test_a_size_is_never_exceeded_whatever_the_curve(fake: Fake, limit: int) -> None:
    found, message = None, ""
    try:
        found = fake.meet(EncodeOptions(size=limit))
    except LcompError as error:
        message = str(error)
    if found is None:
        smallest = min(fake.tried.values(), key=len)
        assert len(smallest) > limit
        assert f"q = {smallest.quality / 1000:g} takes {len(smallest)} bytes" in message
        return
    assert len(found) <= limit
    usual = [made for quality, made in sorted(fake.tried.items()) if quality >= 1000]
    if any(len(low) - len(high) > 16 + 0.02 * len(low) for low, high in pairwise(usual)):
        assert found.level == max(made.level for made in fake.tried.values() if len(made) <= limit)
        assert {1000 * whole for whole in range(1, 9)} <= set(fake.tried)


@given(fakes, st.integers(5, 60))
def test_a_floor_is_never_missed_whatever_the_curve(fake: Fake, least: int) -> None:
    found = fake.meet(EncodeOptions(psnr=least))
    if found is None:
        assert max(made.level for made in fake.tried.values()) < least
        return
    assert found.level >= least
    assert len(found) == min(len(made) for made in fake.tried.values() if made.level >= least + 0.01 or made == found)


@given(fakes, st.integers(10, 60))
def test_a_peak_between_the_ends_is_found_where_they_contradict_each_other(fake: Fake, least: int) -> None:
    fake.levels[1], fake.levels[8] = 9.0, 8.0
    found = fake.meet(EncodeOptions(psnr=least))
    assert (found is not None) == (max(fake.levels[1:]) >= least or (found is not None and found.quality < 1000))


@given(rising, st.integers(20, 10**5), st.integers(5, 60))
@example(Fake([20] * 9, [5.0, 5.0, 13.0, 29.0, 29.0, 29.0, 29.0, 29.0, 59.0]), 20, 21)
def test_a_curve_that_rises_takes_no_more_trials_than_its_bracket(fake: Fake, limit: int, least: int) -> None:
    def trials(value: Callable[[Made], float], goal: float, tolerance: float) -> int:
        counted = Fake(fake.sizes, fake.levels)
        bracket_all(cache(lambda quality: value(counted.encode(quality))), goal, tolerance)
        return len(counted.tried)

    with contextlib.suppress(LcompError):
        fake.meet(EncodeOptions(size=limit))
    assert len(fake.tried) <= trials(lambda made: coded_size(len(made), 10), coded_size(limit, 10), SIZE_TOLERANCE)
    fake.tried.clear()
    options = EncodeOptions(psnr=least)
    floor, found = floor_of(options), fake.meet(options)
    assert floor is not None
    # one more to see that there is no peak between the ends
    assert len(fake.tried) <= trials(lambda made: made.level, floor.goal, floor.tolerance) + (found is None)


def test_what_two_halftones_once_made_of_targets() -> None:
    """Bytes and PSNR of a model that fails on them, by quality from 0 to 8."""
    bayer = Fake(
        [183, 7839, 22584, 28488, 36788, 44580, 51308, 141672, 164988],
        [6.6, 9.0, 17.7, 18.7, 17.5, 16.9, 16.3, 15.9, 15.9],
    )
    found = bayer.meet(EncodeOptions(psnr=17.2))
    assert found is not None
    assert found.quality < 2000
    dither = Fake(
        [219, 23344, 26932, 33768, 108372, 131064, 51316, 58616, 68484],
        [6.7, 13.8, 17.2, 18.8, 24.0, 25.9, 28.3, 29.2, 29.2],
    )
    for options in (EncodeOptions(size=52000), EncodeOptions(psnr=25)):
        found = dither.meet(options)
        assert found is not None
        assert len(found) <= 52000
        assert found.level > 28


def test_flat_pictures_whose_files_hardly_differ_are_not_searched_twice() -> None:
    blank = Fake([60, 64, 61, 70, 62, 66, 60, 75, 66], [50.0, 60, 60, 60, 60, 60, 60, 60, 60])
    found = blank.meet(EncodeOptions(size=500))
    assert found is not None
    assert found.quality == HIGHEST
    assert len(blank.tried) == 2


@pytest.mark.slow
def test_real_pictures_meet_their_target(photo: Image.Image) -> None:
    for size in (2000, 3210, 4000):
        data = lcomp.encode(photo, model="hyperprior", size=size)
        assert 0.95 * size <= len(data) <= size
    data = lcomp.encode(photo, model="hyperprior", bpp=0.8)
    assert 0.98 * 0.8 <= 8 * len(data) / (200 * 136) <= 0.8
    data = lcomp.encode(photo, model="hyperprior", psnr=34.0)
    difference = np.asarray(lcomp.decode(data)).astype(float) - np.asarray(photo)
    assert 34 <= 10 * np.log10(255**2 / np.square(difference).mean()) <= 34.1


def test_a_grey_picture_is_judged_as_it_is_shown(photo: Image.Image) -> None:
    grey = photo.convert("L")
    data = lcomp.encode(grey, model="hyperprior", psnr=38.0)
    difference = np.asarray(lcomp.decode(data)).astype(float) - np.asarray(grey)
    assert 38 <= 10 * np.log10(255**2 / np.square(difference).mean()) <= 38.1


@pytest.mark.slow
def test_progress_never_falls(photo: Image.Image) -> None:
    codec = lcomp.Codec("hyperprior")
    last = EncodeOptions(4.0)
    for options in (EncodeOptions(psnr=34.0), EncodeOptions(size=2000, effort=2), EncodeOptions(0.5), last):
        seen: list[tuple[int, int]] = []
        codec.encode(photo, options, lambda done, total, seen=seen: seen.append((done, total)))
        assert seen == sorted(seen)
        assert {total for _, total in seen} == {200 * 136}
        assert (seen[-1][0] == 200 * 136) == (options == last)


def test_targets_on_the_command_line(photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "a.png")
    run = CliRunner()
    result = run.invoke(app, ["encode", str(tmp_path / "a.png"), "--size", "3kB"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a.lic").stat().st_size <= 3000
    assert "-q " in result.stderr
    assert run.invoke(app, ["encode", str(tmp_path / "a.png"), "-f", "-q", "3", "--bpp", "1"]).exit_code == 2
    assert run.invoke(app, ["encode", str(tmp_path / "a.png"), "-f", "--size", "5 apples"]).exit_code == 2
    result = run.invoke(app, ["encode", str(tmp_path / "a.png"), "-f", "--size", "50"])
    assert result.exit_code == 1
    assert "no quality tried fits into 50 bytes: q = 0 takes" in result.stderr
