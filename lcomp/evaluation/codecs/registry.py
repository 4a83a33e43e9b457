"""The codecs by the names that `--codecs` takes: `NAME`, or `NAME@LEVEL` for another speed, effort or preset."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from lcomp.errors import LcompError
from lcomp.evaluation.codecs import avif, jpeg_xl, video, webp
from lcomp.evaluation.codecs.adapter import Adapter
from lcomp.evaluation.codecs.avif import Avif
from lcomp.evaluation.codecs.heic import Heic
from lcomp.evaluation.codecs.jpeg import Jpeg, Jpegli, MozJpeg
from lcomp.evaluation.codecs.jpeg2000 import Jpeg2000
from lcomp.evaluation.codecs.jpeg_xl import JpegXl
from lcomp.evaluation.codecs.lcomp_models import LcompLossless, LcompModel
from lcomp.evaluation.codecs.lossless import ImagecodecsLossless, LosslessJpegXl, PillowLossless
from lcomp.evaluation.codecs.video import VideoCodec
from lcomp.evaluation.codecs.webp import SharpWebp, Webp

QUALITIES = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Qualities of lcomp's models that are measured by default."""


@dataclass(frozen=True)
class Listing:
    """A codec that can be measured."""

    open: Callable[[str], Adapter]  # takes a level; raises MissingLibraryError
    usual: bool = False  # whether it is measured by default
    levels: tuple[str, ...] = ("",)  # speeds, efforts or presets, the default first
    lossless: bool = False


def numbers(default: int, first: int, last: int) -> tuple[str, ...]:
    """Levels that are numbers, the default first."""
    return (str(default), *(str(level) for level in range(first, last + 1) if level != default))


def avif_listing(tune: str, usual: bool) -> Listing:
    """AVIF by libaom with a tuning."""
    return Listing(lambda speed: Avif.open(tune, int(speed)), usual, numbers(avif.DEFAULT_SPEED, 0, 10))


def x265_presets() -> tuple[str, ...]:
    """Presets of x265, the default first."""
    presets = "placebo", "slower", "slow", "medium", "fast", "faster", "veryfast", "superfast", "ultrafast"
    return video.DEFAULT_PRESETS["hevc"], *presets


BASELINES: dict[str, Listing] = {
    "jpeg": Listing(lambda _: Jpeg.open("jpeg", "4:2:0"), True),
    "jpeg444": Listing(lambda _: Jpeg.open("jpeg444", "4:4:4")),
    "mozjpeg": Listing(lambda _: MozJpeg.open(), True),
    "jpegli": Listing(lambda _: Jpegli.open(), True),
    "webp": Listing(lambda method: Webp.open(int(method)), True, numbers(webp.DEFAULT_METHOD, 0, 6)),
    "webp-sharp": Listing(lambda _: SharpWebp.open(), True),
    "avif": avif_listing("iq", True),
    "avif-psnr": avif_listing("psnr", True),
    "avif-ssim": avif_listing("ssim", False),
    "avif-ssimulacra2": avif_listing("ssimulacra2", True),
    "svt-av1": Listing(lambda preset: VideoCodec.svt_av1(preset), False, numbers(2, 0, 8)),
    "jpeg2000": Listing(lambda _: Jpeg2000.open()),
    "jxl": Listing(lambda effort: JpegXl.open(int(effort)), True, numbers(jpeg_xl.DEFAULT_EFFORT, 1, 9)),
    "heic": Listing(lambda _: Heic.open("ssim"), True),
    "heic-psnr": Listing(lambda _: Heic.open("psnr"), True),
    "hevc": Listing(lambda preset: VideoCodec.hevc("hevc", "yuv444p10le", preset), False, x265_presets()),
    "hevc420": Listing(lambda preset: VideoCodec.hevc("hevc420", "yuv420p10le", preset), False, x265_presets()),
    "vvc": Listing(lambda preset: VideoCodec.vvc(preset), False, ("medium", "faster", "fast", "slow", "slower")),
}
"""The codecs to compare with."""

LOSSLESS_CODECS: dict[str, Listing] = {
    "png": Listing(lambda _: PillowLossless.open("PNG"), lossless=True),
    "webp-lossless": Listing(lambda _: PillowLossless.open("WEBP"), lossless=True),
    "jxl-lossless": Listing(
        lambda effort: LosslessJpegXl.open(int(effort)), levels=("7", "1", "3", "9"), lossless=True
    ),
    "jpeg-ls": Listing(lambda _: ImagecodecsLossless.open("jpeg-ls", "JPEG-LS", "jpegls"), lossless=True),
    "jpeg2000-lossless": Listing(
        lambda _: ImagecodecsLossless.open("jpeg2000-lossless", "JPEG 2000 reversible", "jpeg2k"), lossless=True
    ),
    "qoi": Listing(lambda _: ImagecodecsLossless.open("qoi", "QOI", "qoi"), lossless=True),
}
"""The codecs that `--lossless` adds besides lcomp's own."""

LCOMP_LOSSLESS = "lcomp-lossless"
IN_LOSSLESS = (
    *(LCOMP_LOSSLESS, "jxl-lossless@9", "jxl-lossless@7", "jxl-lossless@3", "webp-lossless", "jpeg2000-lossless"),
    *("jpeg-ls", "qoi", "png"),
)
"""What `--lossless` measures."""

GROUPS = {
    "usual": tuple(name for name, listing in BASELINES.items() if listing.usual),
    "all": tuple(BASELINES),
}
"""Names that stand for several codecs."""

USUAL_MODELS = ("visual", "autoregressive")
"""The models measured by default: the one for what people see, and the one for PSNR."""


def expanded(names: list[str]) -> list[str]:
    """Names of single codecs; raises LcompError for unknown ones."""
    found: list[str] = []
    for name in names:
        for each in GROUPS.get(name, (name,)):
            listing_of(each)
            found.append(each)
    return list(dict.fromkeys(found))


def listing_of(name: str) -> Listing:
    """The codec called `NAME` or `NAME@LEVEL`; raises LcompError where there is none."""
    known = BASELINES | LOSSLESS_CODECS
    base, _, level = name.partition("@")
    if base not in known:
        raise LcompError(f"unknown codec '{name}': use {', '.join((*BASELINES, *GROUPS))}")
    if level and level not in known[base].levels:
        raise LcompError(
            f"unknown codec '{name}': {base}@ takes {', '.join(filter(None, known[base].levels)) or 'none'}"
        )
    return known[base]


@lru_cache
def open_adapter(name: str, qualities: tuple[float, ...], device: str, threads: int | None = None) -> Adapter:
    """The baseline or model called `name`, a model with so many threads; raises MissingLibraryError or ModelError."""
    if name == LCOMP_LOSSLESS:
        return LcompLossless.open(device, threads)
    base, _, level = name.partition("@")
    if base in BASELINES or base in LOSSLESS_CODECS:
        listing = listing_of(name)
        return listing.open(level or listing.levels[0])
    return LcompModel.open(name, qualities, device, threads)
