"""The results of an evaluation: rows, means and BD-rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lcomp.evaluation.bdrate import Curve
from lcomp.evaluation.metrics.metric import Metric


class Key(NamedTuple):
    """What identifies a measurement across runs."""

    codec: str
    version: str
    setting: float
    sha256: str


@dataclass(frozen=True)
class Row:
    """One codec at one setting on one picture; without a codec where the picture could not be read."""

    picture: str
    sha256: str  # of the picture's file; with `:` and the largest side where it was scaled down
    codec: str = ""
    version: str = ""
    setting: float | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    bpp: float | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)  # by metric; None where it is not defined
    features: Mapping[str, str] | None = None  # of patches, see `features.all_packed`; not part of results
    encode_seconds: float | None = None  # none where several processes measured
    decode_seconds: float | None = None
    error: str = ""

    @property
    def key(self) -> Key:
        """Identity across runs."""
        return Key(self.codec, self.version, self.setting or 0.0, self.sha256)

    @property
    def megapixels(self) -> float:
        """Size of the picture."""
        return (self.width or 0) * (self.height or 0) / 1e6


@dataclass(frozen=True)
class Mean:
    """One codec at one setting, over the pictures that all codecs measured."""

    codec: str
    setting: float
    bpp: float
    scores: Mapping[str, float]  # by metric, over the pictures for which it is defined
    rates: Mapping[str, float]  # bits per pixel of the same pictures
    frechet: Mapping[str, float]  # Frechet distances on patches, by the set of features
    encode_mp_s: float | None  # megapixels per second
    decode_mp_s: float | None


@dataclass(frozen=True)
class LosslessMean:
    """A lossless codec, over the pictures that all codecs measured."""

    codec: str
    bits_per_sample: float  # mean over pictures of bits per colour of a pixel
    encode_mp_s: float | None
    decode_mp_s: float | None


@dataclass(frozen=True)
class CodecSummary:
    """A codec that was measured."""

    name: str
    title: str
    family: str
    version: str
    learned: bool
    lossless: bool
    scale: str  # what its settings are called
    settings: tuple[float, ...]
    encode_mp_s: float | None  # over all settings
    decode_mp_s: float | None


@dataclass(frozen=True)
class Skipped:
    """A codec that could not be measured."""

    name: str
    reason: str


@dataclass(frozen=True)
class Rate:
    """BD-rate of a codec against an anchor in percent, in one metric, with its 95 % interval over pictures."""

    codec: str
    anchor: str
    metric: str
    percent: float
    low: float | None = None  # none for published anchors and too few pictures
    high: float | None = None
    published: bool = False  # whether the anchor is a published curve


@dataclass(frozen=True)
class Results:
    """A whole evaluation."""

    lcomp: str  # version
    date: str
    machine: str
    command: str  # that measured
    dataset: str
    pictures: int
    common: int  # pictures that all codecs measured at all settings: what means and BD-rates are over
    notes: tuple[str, ...]  # what was done to pictures before they were measured
    codecs: tuple[CodecSummary, ...]
    skipped: tuple[Skipped, ...]
    means: tuple[Mean, ...]
    lossless: tuple[LosslessMean, ...]
    rates: tuple[Rate, ...]
    rows: tuple[Row, ...]
    timed: int = 0  # pictures that speeds are over

    @property
    def lossy(self) -> tuple[CodecSummary, ...]:
        """The codecs that have curves."""
        return tuple(codec for codec in self.codecs if not codec.lossless)

    def codec(self, name: str) -> CodecSummary:
        """The codec called so."""
        return next(codec for codec in self.codecs if codec.name == name)

    def means_of(self, name: str) -> list[Mean]:
        """The means of a codec, by setting."""
        return [mean for mean in self.means if mean.codec == name]

    def measured(self, metric: Metric) -> bool:
        """Whether there is a mean in a metric."""
        return any(metric.name in mean.scores for mean in self.means)

    def rate(self, name: str, anchor: str, metric: str, published: bool = False) -> Rate | None:
        """The BD-rate of a codec against an anchor, if there is one."""
        wanted = (name, anchor, metric, published)
        found = (rate for rate in self.rates if (rate.codec, rate.anchor, rate.metric, rate.published) == wanted)
        return next(found, None)


def curve_of(means: list[Mean], metric: Metric) -> Curve:
    """Rate and quality of a codec in one metric; may be empty."""
    points = [
        (mean.rates[metric.name], metric.quality(mean.scores[metric.name]))
        for mean in means
        if metric.name in mean.scores
    ]
    return Curve(tuple(bpp for bpp, _ in points), tuple(value for _, value in points))
