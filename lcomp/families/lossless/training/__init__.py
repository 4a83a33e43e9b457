"""How the lossless family is trained."""

from collections.abc import Callable
from pathlib import Path

from lcomp.families.lossless.training.export import export_lossless, installed_networks
from lcomp.families.lossless.training.recipe import LosslessRecipe, LosslessTask, read_lossless
from lcomp.families.lossless.training.run import LosslessRun
from lcomp.training.recipe import read_recipe
from lcomp.training.run import Setting
from lcomp.training.trainer import Trainer


class LosslessTrainer(Trainer[LosslessTask, LosslessRun]):
    """Trains the networks of all bands and planes."""

    def task(self, path: Path) -> LosslessTask:
        """See `Trainer.task`."""
        return LosslessTask(read_lossless(path), read_recipe(path, LosslessRecipe))

    def start(self, task: LosslessTask, setting: Setting, start: Path | None) -> LosslessRun:
        """See `Trainer.start`; networks start only from an installed model's TOML."""
        return LosslessRun(task.info, setting, installed_networks(start, task.info.hidden) if start else None)

    def export(
        self, task: LosslessTask, run: LosslessRun, stage: Path, training: dict[str, str], status: Callable[[str], None]
    ) -> None:
        """See `Trainer.export`."""
        export_lossless(run.average, run.gathered, stage / task.info.source.name, training)


TRAINER = LosslessTrainer()
