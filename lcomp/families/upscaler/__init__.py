"""The family of the upscaler, which codes nothing: its pictures are decoded ones at twice their size."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcomp.errors import ModelError
from lcomp.families.family import Family, PictureCodec
from lcomp.zoo.upscalers import UPSCALER, UpscalerInfo, described_upscaler

if TYPE_CHECKING:
    import torch


class UpscalerFamily(Family[UpscalerInfo]):
    """Trained and described as other models are, though no file is written with it."""

    tables = (UPSCALER,)
    description = UpscalerInfo

    def read(self, path: Path, table: dict[str, Any]) -> UpscalerInfo:
        """See `Family.read`."""
        return described_upscaler(path, table)

    def load(self, info: UpscalerInfo, device: "torch.device", precision: str) -> PictureCodec:
        """Raise ModelError: what uses it loads it by `lcomp.model.upscaling`."""
        raise ModelError(f"'{info.name}' codes no pictures")


FAMILY = UpscalerFamily()
