"""From a task to its training run, and from the run to exported weights, whatever the family."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lcomp.errors import LcompError
from lcomp.model.devices import choose_device, memory_errors
from lcomp.training.export import replace_files
from lcomp.training.processes import ALONE, Processes
from lcomp.training.recipe import Task
from lcomp.training.run import Setting, TrainingRun
from lcomp.training.trainer import trainer_of
from lcomp.zoo.description import Description


def read_task(path: Path) -> Task:
    """The task of a model's TOML; raises ModelError where that or one beside it is missing or malformed."""
    task: Task = trainer_of(path).task(path)
    return task


def setting_of(
    task: Task,
    data: Path,
    folder: Path,
    device: str,
    compiled: bool,
    memory: int,
    processes: Processes = ALONE,
    threads: int | None = None,
) -> Setting:
    """The setting of a task's run in one of its processes; raises LcompError for a device that cannot be used.

    Raises LcompError too for batches that cannot be divided among the processes.
    """
    recipe, chosen = task.recipe.divided(processes.count), choose_device(processes.device(device))
    return Setting(recipe, data, folder, chosen, compiled, processes, memory, threads)


@memory_errors("training")
def make_run(task: Task, setting: Setting, start: Path | None) -> TrainingRun[Any]:
    """The run of a task; raises as `Trainer.start` does."""
    run: TrainingRun[Any] = trainer_of(task.info.source).start(task, setting, start)
    return run


@contextmanager
def all_or_nothing(models: tuple[Description, ...]) -> Iterator[Path]:
    """A folder with copies of the TOMLs of models and of what they add to, their weights in `weights/` beside it.

    What was changed there replaces the originals at the end, if nothing was raised: models whose weights do not go
    together are of no use. Raises LcompError where an original was changed meanwhile.
    """
    # where files are mapped into memory, Windows does not let them be removed
    with tempfile.TemporaryDirectory(prefix="lcomp-export-", ignore_cleanup_errors=True) as folder:
        stage = Path(folder) / "models"
        stage.mkdir()
        (Path(folder) / "weights").mkdir()
        copies = {}
        for model in (each for one in models for each in one.lineage):
            copies[stage / model.source.name] = model.source
            copies[stage.parent / "weights" / model.weights] = model.export_path
        for copy, original in copies.items():
            if original.exists():
                shutil.copyfile(original, copy)
        before = {copy: copy.read_bytes() for copy in copies if copy.exists()}
        yield stage
        changed = [copy for copy in copies if copy.exists() and copy.read_bytes() != before.get(copy)]
        for original, known in ((copies[copy], before.get(copy)) for copy in changed):
            if (original.read_bytes() if original.exists() else None) != known:
                raise LcompError(f"{original} was changed meanwhile: --export-only exports again")
        replace_files({copies[copy]: copy.read_bytes() for copy in changed})


@memory_errors("training")
def export_trained(task: Task, run: TrainingRun[Any], status: Callable[[str], None]) -> list[Path]:
    """Write the averaged weights of all models of a task, and return their files; `status` is told what is done."""
    training = {
        "steps": str(run.step),
        "minutes": f"{run.minutes:.1f}",
        "validation_cost": f"{run.validate():.4f}",
    }
    with all_or_nothing(task.models) as stage:
        trainer_of(task.info.source).export(task, run, stage, training, status)
    return [model.export_path for model in task.models]
