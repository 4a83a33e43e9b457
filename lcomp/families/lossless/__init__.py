"""The lossless family: a pyramid of lazy wavelets, least-squares prediction, small integer networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcomp.families.family import Family
from lcomp.families.lossless.description import LosslessInfo
from lcomp.options import LOSSLESS
from lcomp.zoo.description import model_errors, read_description

if TYPE_CHECKING:
    import torch

    from lcomp.families.lossless.files import LosslessFiles


class LosslessFamily(Family[LosslessInfo]):
    """Every sample exactly."""

    tables = (LOSSLESS,)
    description = LosslessInfo

    def read(self, path: Path, table: dict[str, Any]) -> LosslessInfo:
        """See `Family.read`."""
        with model_errors(path):
            hidden = int(table[LOSSLESS]["hidden"])
            if hidden < 1:
                raise ValueError("hidden is 1 or more")
            return LosslessInfo(**vars(read_description(path, table)), hidden=hidden)

    def load(self, info: LosslessInfo, device: "torch.device", precision: str) -> "LosslessFiles":
        """See `Family.load`; the networks are integers, whatever the precision."""
        from lcomp.families.lossless.files import LosslessFiles
        from lcomp.families.lossless.loading import load_lossless

        return LosslessFiles(info, load_lossless(info, device))


FAMILY = LosslessFamily()
