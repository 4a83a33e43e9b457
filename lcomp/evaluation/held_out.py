"""The metrics that no model is trained on, and those of texture: what `--perceptual` measures besides."""

from dataclasses import dataclass

from lcomp.evaluation import ffmpeg, metrics
from lcomp.evaluation.features import features, packed
from lcomp.types import Pixels


@dataclass(frozen=True)
class HeldOut:
    """Fields of a row; none where a metric is not defined or its library is missing."""

    haarpsi: float | None = None
    gmsd: float | None = None
    vif: float | None = None
    vmaf: float | None = None
    psnr_hvs: float | None = None
    detail: float | None = None
    features: str | None = None


def held_out(after: Pixels, before: Pixels) -> HeldOut:
    """Measure decoded pixels against the original's; raises LcompError where ffmpeg fails."""
    libvmaf = ffmpeg.scores(after, before)
    return HeldOut(
        haarpsi=metrics.haarpsi(after, before),
        gmsd=metrics.gmsd(after, before),
        vif=metrics.vif(after, before),
        vmaf=libvmaf.vmaf if libvmaf else None,
        psnr_hvs=libvmaf.psnr_hvs if libvmaf else None,
        detail=metrics.detail(after, before),
        features=packed(features(after)),
    )
