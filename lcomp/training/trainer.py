"""How the models of a family are trained: what its package's submodule `training` exposes as `TRAINER`."""

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from lcomp.errors import ModelError
from lcomp.families.family import Family
from lcomp.families.registry import told_family
from lcomp.training.recipe import Task
from lcomp.training.run import Setting, TrainingRun
from lcomp.zoo.description import read_table

Work = TypeVar("Work", bound=Task)
Run = TypeVar("Run", bound=TrainingRun[Any])


class Trainer(ABC, Generic[Work, Run]):
    """Trains and exports the models of a family."""

    @abstractmethod
    def task(self, path: Path) -> Work:
        """The task of a model's TOML; raises ModelError where that is malformed or incomplete."""

    @abstractmethod
    def start(self, task: Work, setting: Setting, start: Path | None) -> Run:
        """The run of a task: from its checkpoint, from another run's folder or an installed model's TOML, or anew.

        Raises LcompError where `start` is of another kind.
        """

    @abstractmethod
    def export(
        self, task: Work, run: Run, stage: Path, training: dict[str, str], status: Callable[[str], None]
    ) -> None:
        """Write the averaged weights of all models of a task, whose TOMLs have copies in the folder `stage`.

        `training` goes into their metadata; `status` is told what is done.
        """


def trainer_of(path: Path) -> Trainer[Any, Any]:
    """The trainer of a TOML's family; raises ModelError where there is none."""
    family: Family[Any] = told_family(path, read_table(path))
    name = f"{type(family).__module__}.training"
    if importlib.util.find_spec(name) is None:
        raise ModelError(f"{path}: models of its family are not trained by lcomp train")
    trainer: Trainer[Any, Any] = importlib.import_module(name).TRAINER
    return trainer
