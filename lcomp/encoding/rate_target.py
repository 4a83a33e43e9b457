"""Rate control: search for the quality that meets a target, a size not exceeded or a PSNR or score not missed."""

import math
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from lcomp.errors import LcompError
from lcomp.options import EncodeOptions
from lcomp.types import QUALITY_STEPS

File = TypeVar("File", bound=Sized)
"""A file whose length is its size in bytes."""

LOWEST, USUAL, HIGHEST = 0, QUALITY_STEPS, 8 * QUALITY_STEPS
"""Qualities in thousandths; below the usual ones encoding takes several attempts (`lcomp.encoding.half_size`)."""

SIZE_TOLERANCE = 0.005
"""Share of the bytes left to the picture that may stay unused; the search stops there."""


@dataclass(frozen=True)
class Floor:
    """A PSNR or score that is not to be missed."""

    least: float
    tolerance: float  # by which it may be exceeded, on top of `spare`
    spare: float  # margin for what another machine's decoder may lose: bf16 costs less

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


def meet(
    target: EncodeOptions,
    encode: Callable[[int], File],
    measure: Callable[[File], float],
    pixels: int,
    fixed: int,
    guess: Callable[[int], File] | None = None,
) -> File | None:
    """The file of the highest quality within a size or rate, or of the lowest one that reaches a PSNR or score.

    None where no quality reaches the latter.

    `encode` makes the file of a quality in thousandths, of which `fixed` bytes (header, metadata, alpha) do not depend
    on it; `measure` decodes one and says its PSNR or score. `guess` makes similar files in less time.
    Raises LcompError where no quality fits into a size, with what does.
    """
    file, floor = cache(encode), floor_of(target)
    if floor:
        goal, tolerance, measured = floor.levels[0] + floor.tolerance, floor.tolerance, measure
    else:
        limit = size_limit(target, pixels)
        assert limit is not None
        goal, tolerance = coded_size(limit, fixed), SIZE_TOLERANCE

        def measured(made: File) -> float:
            return coded_size(len(made), fixed)

    def valued(make: Callable[[int], File]) -> Callable[[int], float]:
        return cache(lambda quality: measured(make(quality)))

    value = valued(file)
    if guess is not None:
        met = corrected(value, valued(guess), goal, tolerance)
        if met is not None:
            return file(met.quality)
    low, high = bracket_all(value, goal, tolerance)
    if floor:
        for least in floor.levels:
            for trial in (low, high):
                if trial and trial.value >= least:
                    return file(trial.quality)
        return None
    if low is None:
        smallest = len(file(LOWEST))
        rate = -floored(-8 * smallest / pixels, 3)
        kept = f", {fixed} of them header, metadata and alpha" if 2 * fixed > smallest else ""
        raise LcompError(f"no quality fits into {limit} bytes: q = 0 takes {smallest} bytes{kept}, {rate} bpp")
    return file(low.quality)
