"""Published Kodak curves of other codecs and models, shipped with their sources."""

import json
from dataclasses import dataclass
from pathlib import Path

from lcomp.evaluation.bdrate import Curve
from lcomp.evaluation.metrics.metric import Metric

VTM = "vtm"

IN_PLOTS = {
    VTM: "VTM",
    "bpg444": "BPG 4:4:4",
    "compressai-mbt2018-mean_mse": "mbt2018-mean",
    "elic_official": "ELIC",
}
"""Names of the few that plots show; tables show all, the others by the names of their sources."""


@dataclass(frozen=True)
class Published:
    """A published curve: means over the 24 pictures, in RGB."""

    name: str
    source: str
    bpp: tuple[float, ...]
    psnr: tuple[float, ...] | None
    ms_ssim: tuple[float, ...] | None

    @property
    def title(self) -> str:
        """The name in tables and plots."""
        return IN_PLOTS.get(self.name, self.name)

    def curve(self, metric: Metric) -> Curve | None:
        """Rate and quality, if published in that metric."""
        values = {"psnr": self.psnr, "ms_ssim": self.ms_ssim}.get(metric.name)
        return Curve(self.bpp, tuple(metric.quality(value) for value in values)) if values else None


def published_kodak() -> tuple[Published, ...]:
    """Every published curve that is shipped."""
    table = json.loads(Path(__file__).with_name("published_kodak.json").read_text(encoding="utf-8"))

    def values(curve: dict[str, list[float]], key: str) -> tuple[float, ...] | None:
        return tuple(curve[key]) if key in curve else None

    return tuple(
        Published(name, curve["source"], tuple(curve["bpp"]), values(curve, "psnr_rgb_db"), values(curve, "ms_ssim"))
        for name, curve in table["curves"].items()
    )
