"""Rate control: search for the quality that meets a target, a size not exceeded or a PSNR or score not missed."""

import math
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Generic, TypeVar

from lcomp.errors import LcompError
from lcomp.options import EncodeOptions
from lcomp.types import QUALITY_STEPS

File = TypeVar("File", bound=Sized)
"""A file whose length is its size in bytes."""

LOWEST, USUAL, HIGHEST = 0, QUALITY_STEPS, 8 * QUALITY_STEPS
"""Qualities in thousandths; below the usual ones encoding takes several attempts (`lcomp.encoding.half_size`)."""

MIDDLE = (USUAL + HIGHEST) // 2
"""Where a search whose ends do not reach a goal asks whether there is more between them."""

SIZE_TOLERANCE = 0.005
"""Share of the bytes left to the picture that may stay unused; the search stops there."""

SIZE_WOBBLE, FEW_BYTES, WOBBLE = 0.02, 16, 10.0
"""What may be lost from one quality to a higher one: a share of the bytes, a number of them, tolerances of a floor."""


@dataclass(frozen=True)
class Floor:
    """A PSNR or score that is not to be missed."""

    least: float
    tolerance: float  # by which it may be exceeded, on top of `spare`
    spare: float  # margin for what another machine's decoder may lose: bf16 costs less

    @property
    def goal(self) -> float:
        """The most that is searched for."""
        return self.least + self.spare + self.tolerance

    @property
    def levels(self) -> tuple[float, float]:
        """The levels to accept in this order: with the margin, without it."""
        return self.least + self.spare, self.least


def floor_of(options: EncodeOptions) -> Floor | None:
    """The quality that options ask for at least, None where they limit the size."""
    if options.psnr is not None:
        return Floor(options.psnr, 0.03, 0.01)
    if options.ssimulacra2 is not None:
        return Floor(options.ssimulacra2, 0.1, 0.05)
    return None


CORRECTIONS = 3
"""Attempts to correct the offset between guesses and real files before the search goes on without guesses."""


@dataclass(frozen=True)
class Trial:
    """One quality that was tried."""

    quality: int  # thousandths
    value: float  # of the function searched; rises with the quality


def between(low: Trial, high: Trial, goal: float) -> int:
    """Regula falsi: the quality strictly between two trials where their secant meets the goal, kept off either end."""
    share = (goal - low.value) / max(high.value - low.value, 1e-9)
    share = min(max(share, 0.1), 0.9)
    return min(max(round(low.quality + share * (high.quality - low.quality)), low.quality + 1), high.quality - 1)


def bracket(
    value: Callable[[int], float], goal: float, tolerance: float, lowest: int, highest: int
) -> tuple[Trial | None, Trial | None]:
    """The best trials below and above a goal: the highest that does not exceed it and the lowest that does.

    `value` rises with the quality in thousandths, from the lowest to the highest, all but monotonically. Ends when a
    value lies in (goal - tolerance, goal] or no quality is left in between. None stands for a side that does not exist.
    """
    low = Trial(lowest, value(lowest))
    if low.value > goal:
        return None, low
    high = Trial(highest, value(highest))
    if high.value <= goal:
        return high, None
    while goal - low.value >= tolerance and high.quality - low.quality > 1:
        quality = between(low, high, goal)
        trial = Trial(quality, value(quality))
        if trial.value <= goal:
            low = trial
        else:
            high = trial
    return low, high


def bracket_all(value: Callable[[int], float], goal: float, tolerance: float) -> tuple[Trial | None, Trial | None]:
    """As `bracket`, over all qualities, those below the usual ones only where it takes them."""
    low, high = bracket(value, goal, tolerance, USUAL, HIGHEST)
    return (low, high) if low else bracket(value, goal, tolerance, LOWEST, USUAL)


def corrected(
    value: Callable[[int], float], guess: Callable[[int], float], goal: float, tolerance: float
) -> Trial | None:
    """A trial in (goal - tolerance, goal] found by few calls of `value`, None where that does not lead there.

    `guess` stands in for `value`, up to an offset that changes little from one quality to the next.
    """
    offset = 0.0
    for _ in range(CORRECTIONS):
        low, _ = bracket_all(guess, goal - offset - tolerance / 4, tolerance / 2)
        if low is None:
            return None
        trial = Trial(low.quality, value(low.quality))
        if goal - tolerance < trial.value <= goal:
            return trial
        offset = trial.value - low.value
    return None


def floored(value: float, places: int) -> float:
    """A value for a message, rounded down, because what is said to be reachable must be."""
    return math.floor(value * 10**places) / 10**places


def bytes_within(bpp: float, pixels: int) -> int:
    """Whole bytes within a rate in bits per pixel; rounded first, so that float error cannot cost a byte."""
    return math.floor(round(bpp * pixels / 8, 6))


def coded_size(size: int, fixed: int) -> float:
    """Logarithm of the bytes that depend on the quality: all but `fixed` ones."""
    return math.log(max(size - fixed, 0.5))


def size_limit(options: EncodeOptions, pixels: int) -> int | None:
    """The bytes that options allow for a picture of so many pixels, None where they ask for a quality."""
    if options.size is not None:
        return options.size
    return None if options.bpp is None else bytes_within(options.bpp, pixels)


class Trials(Generic[File]):
    """Files over the quality, as far as they were tried, and a value of each: both should rise with it."""

    def __init__(
        self, encode: Callable[[int], File], valued: Callable[[File], float], wobble: float, fixed: int
    ) -> None:
        """Values may fall by `wobble` from one quality to the next; `fixed` bytes do not depend on it."""
        self.encode, self.valued, self.wobble, self.fixed = encode, valued, wobble, fixed
        self.files: dict[int, File] = {}
        self.values: dict[int, float] = {}

    def value(self, quality: int) -> float:
        """The value of the file of a quality in thousandths, which is made at most once."""
        if quality not in self.files:
            self.files[quality] = self.encode(quality)
            self.values[quality] = self.valued(self.files[quality])
        return self.values[quality]

    @property
    def rises(self) -> bool:
        """Whether bytes and values rise with the quality among those tried.

        Models may fail on pictures that are like nothing they were trained on. Below the usual qualities files of half
        the size stand beside others, and nothing is expected of their order.
        """
        tried = sorted(quality for quality in self.files if quality >= USUAL)
        coded = {quality: len(file) - self.fixed for quality, file in self.files.items()}
        return all(
            self.values[high] >= self.values[low] - self.wobble
            and coded[high] >= (1 - SIZE_WOBBLE) * coded[low] - FEW_BYTES
            for low, high in pairwise(tried)
        )

    def scan(self) -> None:
        """Try all whole qualities."""
        for quality in range(USUAL, HIGHEST + 1, QUALITY_STEPS):
            self.value(quality)

    def within(self, limit: int) -> list[int]:
        """The qualities tried whose files take no more than `limit` bytes, the lowest first."""
        return sorted(quality for quality, file in self.files.items() if len(file) <= limit)

    def smallest(self, floor: Floor) -> int | None:
        """The quality of the smallest file tried that reaches a floor, with its margin if any does."""
        for least in floor.levels:
            reaching = [quality for quality, value in self.values.items() if value >= least]
            if reaching:
                return min(reaching, key=lambda quality: (len(self.files[quality]), -self.values[quality]))
        return None


def meet(
    target: EncodeOptions,
    encode: Callable[[int], File],
    measure: Callable[[File], float],
    pixels: int,
    fixed: int,
    guess: Callable[[int], File] | None = None,
) -> File | None:
    """The file of the highest quality within a size or rate, or the smallest one that reaches a PSNR or score.

    `encode` makes the file of a quality in thousandths, of which `fixed` bytes (header, metadata, alpha) do not depend
    on it; `measure` decodes one and says how good it is. `guess` makes similar files in less time. Where bytes or
    values do not rise with the quality, more is tried, and the best of that taken.

    None where nothing that was tried reaches a PSNR or score. Raises LcompError where nothing fits into a size, with
    what is the smallest.
    """
    floor, limit = floor_of(target), size_limit(target, pixels)
    if floor:
        goal, tolerance, wobble, valued = floor.goal, floor.tolerance, WOBBLE * floor.tolerance, measure
    else:
        assert limit is not None
        goal, tolerance, wobble = coded_size(limit, fixed), SIZE_TOLERANCE, math.inf  # bytes are compared anyway

        def valued(file: File) -> float:
            return coded_size(len(file), fixed)

    trials = Trials(encode, valued, wobble, fixed)
    if guess is not None:
        quick = Trials(guess, valued, wobble, fixed)
        met = corrected(trials.value, quick.value, goal, tolerance)
        if met is not None and quick.rises:
            return trials.files[met.quality]
    bracket_all(trials.value, goal, tolerance)
    if limit is not None:
        return fitting(trials, limit, goal, measure, pixels)
    assert floor is not None
    return reaching(trials, floor)


def reaching(trials: Trials[File], floor: Floor) -> File | None:
    """The smallest file tried that reaches a floor, after trying more where that is in doubt; None where none does."""
    found = trials.smallest(floor)
    if found is None:
        trials.value(MIDDLE)
    if not trials.rises:
        trials.scan()
        found = trials.smallest(floor)
        if found is not None:
            bracket(trials.value, floor.goal, floor.tolerance, max(found - QUALITY_STEPS, LOWEST), found)
    found = trials.smallest(floor)
    return None if found is None else trials.files[found]


def fitting(trials: Trials[File], limit: int, goal: float, measure: Callable[[File], float], pixels: int) -> File:
    """The file of the highest quality within a limit in bytes, or the best measured one where that is in doubt.

    Raises LcompError where there is none.
    """
    if not trials.rises:
        trials.scan()
        measured = cache(lambda quality: measure(trials.files[quality]))
        if fits := trials.within(limit):
            best = max(fits, key=measured)
            bracket(trials.value, goal, SIZE_TOLERANCE, best, min(best + QUALITY_STEPS, HIGHEST))
            return trials.files[max(trials.within(limit), key=measured)]
    if fits := trials.within(limit):
        return trials.files[fits[-1]]
    least = min(trials.files, key=lambda quality: len(trials.files[quality]))
    smallest, fixed = len(trials.files[least]), trials.fixed
    taken = f"q = {least / QUALITY_STEPS:g} takes {smallest} bytes"
    if 2 * fixed > smallest:
        taken += f", {fixed} of them header, metadata and alpha"
    raise LcompError(f"no quality tried fits into {limit} bytes: {taken}, {-floored(-8 * smallest / pixels, 3)} bpp")
