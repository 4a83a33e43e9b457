"""The results of an evaluation: rows, means and BD-rates, as JSON and CSV."""

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from lcomp.errors import LcompError
from lcomp.evaluation.bdrate import Curve, clipped
from lcomp.evaluation.metrics import decibels

FEATURES = "features"
"""Field of a row that is kept in the journal alone."""


class Metric(Enum):
    """A measure of quality that codecs are compared in; the value is its name in tables."""

    SSIMULACRA2 = "SSIMULACRA2"
    PSNR = "PSNR"
    MS_SSIM = "MS-SSIM"
    HAARPSI = "HaarPSI"
    VMAF = "VMAF"
    PSNR_HVS = "PSNR-HVS"


SCORES = (30.0, 90.0)
"""Range of SSIMULACRA2 scores in BD-rates: from low quality to visually lossless."""


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
    sha256: str  # of the picture's file
    codec: str = ""
    version: str = ""
    setting: float | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    bpp: float | None = None
    psnr: float | None = None  # dB
    ms_ssim: float | None = None  # none for pictures under 161 pixels high or wide
    ssimulacra2: float | None = None
    haarpsi: float | None = None
    gmsd: float | None = None
    vif: float | None = None
    vmaf: float | None = None
    psnr_hvs: float | None = None  # dB
    detail: float | None = None  # energy of the finest band relative to the original's
    features: str | None = None  # of patches, see `features.packed`; not part of results
    encode_seconds: float | None = None  # none where several processes measured
    decode_seconds: float | None = None
    error: str = ""

    @property
    def key(self) -> Key:
        """Identity across runs."""
        return Key(self.codec, self.version, self.setting or 0.0, self.sha256)


@dataclass(frozen=True)
class Mean:
    """One codec at one setting, over the pictures that all codecs measured."""

    codec: str
    setting: float
    bpp: float
    psnr: float
    ms_ssim: float | None  # over the pictures large enough for it
    ms_ssim_bpp: float | None  # rate of the same pictures
    ssimulacra2: float | None
    haarpsi: float | None
    gmsd: float | None
    vif: float | None
    vmaf: float | None
    psnr_hvs: float | None
    detail: float | None  # energy of the finest band relative to the original's
    frechet: float | None  # Frechet distance of the encoder's features on patches
    encode_mp_s: float | None  # megapixels per second
    decode_mp_s: float | None


@dataclass(frozen=True)
class CodecSummary:
    """A codec that was measured."""

    name: str
    title: str
    version: str
    learned: bool
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
    """BD-rates of a codec against an anchor in percent; none where their curves overlap too little."""

    codec: str
    anchor: str
    published: bool  # whether the anchor is a published curve
    psnr: float | None
    ms_ssim: float | None  # at equal MS-SSIM in dB
    ssimulacra2: float | None = None  # at equal scores of 30 to 90; none for published curves
    haarpsi: float | None = None  # at equal HaarPSI in dB; none for published curves, as are the following
    vmaf: float | None = None
    psnr_hvs: float | None = None

    def at_equal(self, metric: Metric) -> float | None:
        """The BD-rate in one metric."""
        return {
            Metric.SSIMULACRA2: self.ssimulacra2,
            Metric.PSNR: self.psnr,
            Metric.MS_SSIM: self.ms_ssim,
            Metric.HAARPSI: self.haarpsi,
            Metric.VMAF: self.vmaf,
            Metric.PSNR_HVS: self.psnr_hvs,
        }[metric]


@dataclass(frozen=True)
class Results:
    """A whole evaluation."""

    lcomp: str  # version
    date: str
    machine: str
    dataset: str
    pictures: int
    common: int  # pictures that all codecs measured at all settings: what means and BD-rates are over
    codecs: tuple[CodecSummary, ...]
    skipped: tuple[Skipped, ...]
    means: tuple[Mean, ...]
    rates: tuple[Rate, ...]
    rows: tuple[Row, ...]

    def means_of(self, name: str) -> list[Mean]:
        """The means of a codec, by setting."""
        return [mean for mean in self.means if mean.codec == name]

    def rate(self, name: str, anchor: str, published: bool) -> Rate | None:
        """The BD-rates of a codec against an anchor, if they were computed."""
        wanted = (name, anchor, published)
        return next((rate for rate in self.rates if (rate.codec, rate.anchor, rate.published) == wanted), None)


def psnr_curve(means: list[Mean]) -> Curve:
    """Rate and PSNR of a codec."""
    return Curve(tuple(mean.bpp for mean in means), tuple(mean.psnr for mean in means))


def ms_ssim_curve(means: list[Mean]) -> Curve:
    """Rate and MS-SSIM in dB of a codec, over the pictures large enough for it; may be empty."""
    points = [
        (mean.ms_ssim_bpp, decibels(mean.ms_ssim))
        for mean in means
        if mean.ms_ssim is not None and mean.ms_ssim_bpp is not None
    ]
    return Curve(tuple(bpp for bpp, _ in points), tuple(value for _, value in points))


def ssimulacra2_curve(means: list[Mean]) -> Curve:
    """Rate and SSIMULACRA2 of a codec, clipped to the range of SCORES; may be empty."""
    points = [(mean.bpp, mean.ssimulacra2) for mean in means if mean.ssimulacra2 is not None]
    return clipped(Curve(tuple(bpp for bpp, _ in points), tuple(value for _, value in points)), *SCORES)


def haarpsi_curve(means: list[Mean]) -> Curve:
    """Rate and HaarPSI in dB of a codec; may be empty."""
    points = [(mean.bpp, decibels(mean.haarpsi)) for mean in means if mean.haarpsi is not None]
    return Curve(tuple(bpp for bpp, _ in points), tuple(value for _, value in points))


def vmaf_curve(means: list[Mean]) -> Curve:
    """Rate and VMAF of a codec; may be empty."""
    points = [(mean.bpp, mean.vmaf) for mean in means if mean.vmaf is not None]
    return Curve(tuple(bpp for bpp, _ in points), tuple(value for _, value in points))


def psnr_hvs_curve(means: list[Mean]) -> Curve:
    """Rate and PSNR-HVS of a codec; may be empty."""
    points = [(mean.bpp, mean.psnr_hvs) for mean in means if mean.psnr_hvs is not None]
    return Curve(tuple(bpp for bpp, _ in points), tuple(value for _, value in points))


def curve_of(means: list[Mean], metric: Metric) -> Curve:
    """Rate and quality of a codec in one metric; may be empty."""
    curves = {
        Metric.SSIMULACRA2: ssimulacra2_curve,
        Metric.PSNR: psnr_curve,
        Metric.MS_SSIM: ms_ssim_curve,
        Metric.HAARPSI: haarpsi_curve,
        Metric.VMAF: vmaf_curve,
        Metric.PSNR_HVS: psnr_hvs_curve,
    }
    return curves[metric](means)


def to_json(results: Results) -> str:
    """Everything as a JSON document."""
    document = asdict(results)
    for row in document["rows"]:
        del row[FEATURES]
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def to_csv(results: Results) -> str:
    """The rows as CSV, errors included."""
    stream = io.StringIO()
    names = [field.name for field in fields(Row) if field.name != FEATURES]
    writer = csv.DictWriter(stream, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in results.rows)
    return stream.getvalue()


def read_results(path: Path) -> Results:
    """Results from the JSON of `to_json`; raises LcompError where it is not one."""
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        codecs = (CodecSummary(**{**codec, "settings": tuple(codec["settings"])}) for codec in table.pop("codecs"))
        return Results(
            codecs=tuple(codecs),
            skipped=tuple(Skipped(**skipped) for skipped in table.pop("skipped")),
            means=tuple(Mean(**mean) for mean in table.pop("means")),
            rates=tuple(Rate(**rate) for rate in table.pop("rates")),
            rows=tuple(Row(**row) for row in table.pop("rows")),
            **table,
        )
    except OSError as error:
        raise LcompError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LcompError(f"{path} does not hold the results of an evaluation: {error}") from error
