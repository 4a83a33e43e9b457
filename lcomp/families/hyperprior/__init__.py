"""The hyperprior family: an adaptor over `lcomp.model`, `encoding` and `decoding`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcomp.families.family import Family
from lcomp.zoo.registry import TABLES, ModelInfo, described_model

if TYPE_CHECKING:
    import torch

    from lcomp.families.hyperprior.codec import HyperpriorCodec


class HyperpriorFamily(Family[ModelInfo]):
    """Transforms g_a and g_s, a hyperprior, and what is added to these: context models and decoders."""

    tables = TABLES
    description = ModelInfo

    def read(self, path: Path, table: dict[str, Any]) -> ModelInfo:
        """See `Family.read`."""
        return described_model(path, table)

    def load(self, info: ModelInfo, device: "torch.device", precision: str) -> "HyperpriorCodec":
        """See `Family.load`."""
        from lcomp.families.hyperprior.codec import HyperpriorCodec

        return HyperpriorCodec(info, device, precision)


FAMILY = HyperpriorFamily()
