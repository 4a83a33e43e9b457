"""The metrics, in the order of tables."""

from lcomp.errors import LcompError
from lcomp.evaluation.metrics.detail import Detail
from lcomp.evaluation.metrics.libvmaf import PsnrHvs, Vmaf
from lcomp.evaluation.metrics.metric import Metric
from lcomp.evaluation.metrics.ms_ssim import MultiScaleSsim
from lcomp.evaluation.metrics.piq_metrics import Gmsd, HaarPsi, Vif
from lcomp.evaluation.metrics.psnr import RgbPsnr, WsPsnr, YuvPsnr
from lcomp.evaluation.metrics.ssimulacra2 import Ssimulacra2

METRICS: tuple[Metric, ...] = (
    *(Ssimulacra2(), RgbPsnr(), YuvPsnr(), MultiScaleSsim()),
    *(HaarPsi(), Gmsd(), Vif(), Vmaf(), PsnrHvs(), Detail(), WsPsnr()),
)
"""Every metric."""


def metric_by_name(name: str) -> Metric:
    """The metric called so, with - or _; raises LcompError where there is none."""
    for metric in METRICS:
        if metric.name.replace("_", "-") == name.replace("_", "-"):
            return metric
    known = ", ".join(metric.name.replace("_", "-") for metric in METRICS)
    raise LcompError(f"unknown metric '{name}': use {known}")


def chosen_metrics(names: list[str], perceptual: bool) -> tuple[Metric, ...]:
    """Those that are measured by default, those named and, if asked for, those that need `lcomp[perceptual]`."""
    named = [metric_by_name(name) for name in names]
    return tuple(
        metric for metric in METRICS if metric.by_default or metric in named or (perceptual and metric.perceptual)
    )
