"""How the upscaler is trained: an adaptor over `lcomp.training`."""

from collections.abc import Callable
from pathlib import Path

from lcomp.families.upscaler import FAMILY
from lcomp.model.upscaling import read_upscaler
from lcomp.training.export import export_upscaler
from lcomp.training.recipe import read_recipe
from lcomp.training.run import Setting
from lcomp.training.trainer import Trainer
from lcomp.training.upscaler import CPU, UpscalerRecipe, UpscalerRun, UpscalerTask
from lcomp.zoo.description import read_table
from lcomp.zoo.upscalers import UpscalerInfo


def read_info(path: Path) -> UpscalerInfo:
    """Parse the TOML of an upscaler; raises ModelError where it is missing, malformed or incomplete."""
    return FAMILY.read(path, read_table(path))


class UpscalerTrainer(Trainer[UpscalerTask, UpscalerRun]):
    """Trains the upscaler on pictures that installed models have coded."""

    def task(self, path: Path) -> UpscalerTask:
        """See `Trainer.task`."""
        return UpscalerTask(read_info(path), read_recipe(path, UpscalerRecipe))

    def start(self, task: UpscalerTask, setting: Setting, start: Path | None) -> UpscalerRun:
        """See `Trainer.start`; it starts only from an installed upscaler's TOML."""
        return UpscalerRun(task.info, setting, read_upscaler(read_info(start), CPU) if start else None)

    def export(
        self, task: UpscalerTask, run: UpscalerRun, stage: Path, training: dict[str, str], status: Callable[[str], None]
    ) -> None:
        """See `Trainer.export`."""
        export_upscaler(run.average, read_info(stage / task.info.source.name), training)


TRAINER = UpscalerTrainer()
