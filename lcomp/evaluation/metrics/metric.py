"""What the evaluation asks of a metric."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

from lcomp.pictures.hidden import over_grey
from lcomp.types import Pixels, Plane

EVERYWHERE = (-math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class Pair:
    """Decoded 8-bit RGB pixels [H, W, 3] and the original's; compared by identity, so that metrics may cache by it."""

    decoded: Pixels
    original: Pixels
    alpha: Plane | None = None  # how much each pixel counts; None where the picture is opaque

    @cached_property
    def after(self) -> Pixels:
        """Decoded pixels as they look, over grey where the picture is transparent."""
        return over_grey(self.decoded, self.alpha)

    @cached_property
    def before(self) -> Pixels:
        """The original's pixels as they look."""
        return over_grey(self.original, self.alpha)


class Metric(ABC):
    """A measure of the quality of a decoded picture."""

    name: str  # what `--metric` takes, and the field of rows
    title: str
    decimals: int
    axis: str  # of plots
    smallest_side: int = 1  # smaller pictures have none
    by_default: bool = False
    perceptual: bool = False  # measured with `--perceptual`
    within: tuple[float, float] = EVERYWHERE  # range of quality in BD-rates
    in_rates: bool = True  # has BD-rates and a plot
    needs: str = ""  # what is installed where it is not available

    @abstractmethod
    def measure(self, pair: Pair) -> float | None:
        """The value of a picture whose sides are at least `smallest_side`; None where it is not defined."""

    def quality(self, value: float) -> float:
        """A mean value on the scale of plots and BD-rates, on which more is better."""
        return value

    def available(self) -> bool:
        """Whether its library is installed."""
        return True


def decibels(similarity: float) -> float:
    """A similarity of at most 1 on a logarithmic scale; infinite for an exact copy."""
    return -10 * math.log10(1 - similarity) if similarity < 1 else math.inf
