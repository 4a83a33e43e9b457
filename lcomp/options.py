"""Options of encoding and decoding: each defined once, with its range and the error beyond it.

Shared by the command line, `lcomp.Codec` and the functions of the package; needs neither torch nor Pillow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcomp.errors import LcompError, LimitError

MAX_PIXELS = 2**28
"""Default limit on width * height."""

LEAST_QUALITY, DEFAULT_QUALITY, MOST_QUALITY = 0.0, 4.0, 8.0

DEFAULT_EFFORT, MOST_EFFORT = 1, 9

MOST_SSIMULACRA2 = 100.0

DEFAULT_MODEL = "visual"

MOST_ERROR = 15
"""Largest error of a sample that near-lossless coding may be asked for."""

LOSSLESS = "lossless"
"""Name of the lossless model, and of the table in its TOML that tells its family."""

DEFAULT_STEPS = 2.5
"""Steps of quality by which a region of interest is better than the rest."""

PROTECTED = ("faces", "text")
"""Kinds of places that a detector can find."""

MSE = "mse"
"""Name of the decoder that is part of every backbone."""

FAST = "fast"
"""Name of the light decoders, one for each backbone that has one."""

SR = "sr"
"""Name of the decoder that shows pictures coded at half size by the upscaler, whatever model coded them."""

CODERS = ("constriction", "torchac")
"""Entropy coders by the names users give them."""

PRECISIONS = ("auto", "fp32", "bf16")
"""Precisions of the float networks' convolutions; `auto` is the fastest at no visible loss."""

AUTO = PRECISIONS[0]

EQUIRECT = "equirect"

PROJECTIONS = (AUTO, "flat", EQUIRECT)
"""Projections of pictures; `auto` is what their XMP says."""

ALWAYS = ("quality", "effort", "max_pixels", "max_error")
NUMBERS = (*ALWAYS, "size", "bpp", "psnr", "ssimulacra2", "frame")
"""Options of encoding that are numbers; the first of them always."""


class Region(NamedTuple):
    """A region of interest, in pixels of the picture as it is shown."""

    x: int
    y: int
    width: int
    height: int
    steps: float = DEFAULT_STEPS  # of quality by which it is better than the rest, or worse

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    def scaled(self, width: int, height: int, new_width: int, new_height: int) -> "Region":
        """The region in a picture that was resized; raises LcompError where it is not within the picture."""
        right, bottom = self.x + self.width, self.y + self.height
        if right > width or bottom > height:
            raise LcompError(f"region {self} is not within the picture of {width}x{height} pixels")
        x, y = self.x * new_width // width, self.y * new_height // height
        right, bottom = -(-right * new_width // width), -(-bottom * new_height // height)
        return Region(x, y, right - x, bottom - y, self.steps)


GivenRegion = Region | tuple[int, int, int, int] | tuple[int, int, int, int, float]
"""A region of interest, the steps of which may be left out."""


def check_importance(importance: NDArray[np.generic]) -> None:
    """Raise TypeError for what is no array, LcompError for an importance map of another shape or type."""
    if not isinstance(importance, np.ndarray):
        raise TypeError(f"importance is an array [H, W], not {type(importance).__name__}")
    if importance.ndim != 2 or not importance.size:
        raise LcompError(f"importance is an array [H, W], not {list(importance.shape)}")
    if importance.dtype != np.uint8 and not np.issubdtype(importance.dtype, np.floating):
        raise LcompError(f"importance is uint8, or floats that are steps of quality, not {importance.dtype}")
    if not np.isfinite(importance).all():
        raise LcompError("importance is not finite everywhere")


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise TypeError for a text, LcompError for a kind of places that is unknown."""
    if isinstance(kinds, str):
        raise TypeError("protect is a list of kinds, not str")
    for kind in kinds:
        if kind not in PROTECTED:
            raise LcompError(f"'{kind}' cannot be protected: use {' or '.join(PROTECTED)}")


@dataclass(frozen=True)
class EncodeOptions:
    """How one picture is encoded; raises LcompError for values out of range and for several rate targets.

    Raises TypeError for what is no number.

    >>> EncodeOptions(size=50_000, effort=3).has_target
    True
    """

    quality: float = DEFAULT_QUALITY  # ignored where there is a rate target
    effort: int = DEFAULT_EFFORT  # 0 .. 9: how long to search for better symbols; does not slow decoding down
    size: int | None = None  # rate target: largest file, in bytes
    bpp: float | None = None  # rate target: largest bits per pixel of the file
    psnr: float | None = None  # rate target: lowest PSNR, in dB
    ssimulacra2: float | None = None  # rate target: lowest SSIMULACRA2 score
    strip: bool = False  # drops EXIF and XMP; the ICC profile stays, because it decides the colours
    frame: int | None = None  # frame of an animation or page of a document, from 0
    max_pixels: int = MAX_PIXELS  # larger pictures are refused
    keep_hidden: bool = False  # codes the colours under transparent pixels as they are; by default they are filled in
    lossless: bool = False  # every pixel exactly, hidden ones too
    max_error: int = 0  # with `lossless`: samples may be off by so much, 0 .. 15; alpha stays exact
    resize: tuple[int, int] | None = None  # width and height to fit into, shape kept, never enlarged
    roi: Sequence[GivenRegion] = ()  # regions that are coded better; later ones cover earlier ones, and `importance`
    # of any size, scaled to the picture: uint8, 128 neutral, brighter is worth more; or floats in steps of quality
    importance: NDArray[np.generic] | None = field(default=None, compare=False)
    projection: str = AUTO  # one of PROJECTIONS: rows of an `equirect` panorama count by their area on the sphere
    protect: Sequence[str] = ()  # of PROTECTED: found by a detector and coded better, as regions of interest are

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "roi", tuple(Region(*region) for region in self.roi))
        except TypeError as error:
            raise TypeError("roi is a list of regions: (x, y, width, height), or with steps of quality") from error
        check_kinds(self.protect)
        object.__setattr__(self, "protect", tuple(self.protect))
        for name in NUMBERS:
            value = getattr(self, name)
            if not (isinstance(value, Real) or (value is None and name not in ALWAYS)):
                raise TypeError(f"{name} is a number, not {type(value).__name__}")
        if not LEAST_QUALITY <= self.quality <= MOST_QUALITY:
            raise LcompError(f"quality {self.quality} is out of range: use {LEAST_QUALITY:g} to {MOST_QUALITY:g}")
        if self.effort not in range(MOST_EFFORT + 1):
            raise LcompError(f"effort {self.effort} is out of range: use 0 to {MOST_EFFORT}")
        if sum(target is not None for target in self.targets) > 1:
            raise LcompError("give one of size, bpp, psnr and ssimulacra2 only")
        if not all(target is None or 0 < target < 2**63 for target in self.targets):
            raise LcompError("a size, bpp, psnr or ssimulacra2 is more than 0, and less than 2^63")
        if self.ssimulacra2 is not None and self.ssimulacra2 > MOST_SSIMULACRA2:
            raise LcompError(f"an SSIMULACRA2 of {self.ssimulacra2:g} is more than that of an exact copy, 100")
        if self.max_error not in range(MOST_ERROR + 1):
            raise LcompError(f"largest error {self.max_error} is out of range: use 0 to {MOST_ERROR}")
        if self.max_error and not self.lossless:
            raise LcompError("a largest error is that of near-lossless coding: give lossless too")
        if self.lossless and (self.has_target or self.quality != DEFAULT_QUALITY):
            raise LcompError("lossless excludes a quality, size, bpp, psnr and ssimulacra2")
        for region in self.regions:
            if min(region[:2]) < 0 or min(region[2:4]) < 1:
                raise LcompError(f"region {region}: x and y start at 0, width and height at 1")
            if not -MOST_QUALITY <= region.steps <= MOST_QUALITY:
                raise LcompError(f"region {region}: {region.steps:g} steps are out of range: use -8 to 8")
        if self.importance is not None:
            check_importance(self.importance)
        if self.projection not in PROJECTIONS:
            raise LcompError(f"unknown projection '{self.projection}': use {', '.join(PROJECTIONS)}")
        if self.lossless and self.regional:
            raise LcompError("lossless excludes regions of interest, importance maps and what to protect")
        if self.resize is not None and (len(self.resize) != 2 or min(self.resize) < 1):
            raise LcompError(f"resize {self.resize}: width and height start at 1")

    @property
    def regions(self) -> tuple[Region, ...]:
        """All of `roi`, with the steps that are not given."""
        return tuple(Region(*region) for region in self.roi)

    @property
    def regional(self) -> bool:
        """Whether some of the picture is to be better than the rest."""
        return bool(self.roi or self.protect) or self.importance is not None

    @property
    def has_target(self) -> bool:
        """Whether the quality is searched for, to meet a rate target."""
        return any(target is not None for target in self.targets)

    @property
    def targets(self) -> tuple[float | None, ...]:
        """All rate targets, of which at most one is given."""
        return self.size, self.bpp, self.psnr, self.ssimulacra2


SCALES = (1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16)
"""Sizes that a picture can be decoded at, relative to its own."""

UPSCALES = (1, 2)
"""How many times larger it can be shown, by the upscaler."""


@dataclass(frozen=True)
class DecodeOptions:
    """How one file is decoded; raises LcompError for values out of range."""

    decoder: str | None = None  # what makes the pixels; by default the one that the file was made for
    realism: float | None = None  # how much the `gan` decoder invents, 0 .. 1
    crop: tuple[int, int, int, int] | None = (
        None  # x, y, width, height: only its tiles are decoded; may cross a meridian
    )
    salvage: bool = False  # fills in damaged tiles instead of failing
    max_pixels: int = MAX_PIXELS  # larger pictures are refused
    scale: float = 1.0  # one of SCALES: size of the picture, without decoding it at full size first
    partial: bool = False  # shows what has arrived of a file whose end has not
    upscale: int = 1  # 2: twice the size, by a network; its detail is a guess

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise LcompError(f"scale {self.scale} is none of 1, 1/2, 1/4, 1/8 and 1/16")
        if self.upscale not in UPSCALES:
            raise LcompError(f"upscale {self.upscale} is neither 1 nor 2")
        if self.upscale > 1 and self.scale != 1:
            raise LcompError("upscale excludes a reduced scale")
        if self.realism is not None and not 0 <= self.realism <= 1:
            raise LcompError(f"realism {self.realism} is out of range: use 0 to 1")
        if self.crop is not None and (min(self.crop[:2]) < 0 or min(self.crop[2:]) < 1):
            raise LcompError(f"crop {self.crop}: x and y start at 0, width and height at 1")

    @property
    def factor(self) -> int:
        """How many times smaller the picture is to be."""
        return round(1 / self.scale)


def sufficient_scale(width: int, height: int, most_width: int, most_height: int) -> float:
    """The smallest scale at which a picture is no smaller than it is when it fits into a width and height.

    >>> sufficient_scale(4000, 3000, 256, 256)
    0.125
    """
    needed = min(most_width / width, most_height / height)
    return min((scale for scale in SCALES if scale >= needed), default=1.0)


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise LimitError for a picture of more than `max_pixels` pixels."""
    if width * height > max_pixels:
        raise LimitError(f"picture has {width}x{height} pixels (limit {max_pixels}, see --max-pixels)")
