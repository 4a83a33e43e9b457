"""What the recipe of a lossless model says beside that of others."""

from dataclasses import dataclass
from pathlib import Path

from lcomp.families.lossless import FAMILY
from lcomp.families.lossless.description import LosslessInfo
from lcomp.training.recipe import Recipe, Task
from lcomp.zoo.description import read_table


@dataclass(frozen=True)
class LosslessSamples:
    """What the lossless family is trained on (`[training.samples]`): stages say how many of them are in a batch."""

    pictures: int  # of the training pictures
    share: float  # of the samples of each

    def __post_init__(self) -> None:
        if self.pictures < 1 or not 0 < self.share <= 1:
            raise ValueError("samples are of 1 picture or more, and a share of them")


@dataclass(frozen=True)
class LosslessRecipe(Recipe):
    """The recipe of a lossless model."""

    samples: LosslessSamples | None = None


@dataclass(frozen=True)
class LosslessTask(Task):
    """A lossless model to train."""

    info: LosslessInfo


def read_lossless(path: Path) -> LosslessInfo:
    """Parse the TOML of a lossless model; raises ModelError where it is missing, malformed or incomplete."""
    return FAMILY.read(path, read_table(path))
