"""What the TOML of a lossless model says."""

from dataclasses import dataclass
from typing import ClassVar

from lcomp.zoo.description import Description


@dataclass(frozen=True)
class LosslessInfo(Description):
    """A model of the lossless family."""

    lossless: ClassVar[bool] = True

    hidden: int  # width of its networks
