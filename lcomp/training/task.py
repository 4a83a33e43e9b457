"""From a task to its training run, and from the run to exported weights."""

import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lcomp.entropy.tables import Table
from lcomp.errors import LcompError
from lcomp.families.lossless.training.run import LosslessRun
from lcomp.model.devices import choose_device, memory_errors
from lcomp.training.backbone import BackboneRun, trained_family
from lcomp.training.decoder import DecoderRun
from lcomp.training.export import export, export_context, export_decoder, export_lossless, replace_files
from lcomp.training.gan import GanRun
from lcomp.training.recipe import Task
from lcomp.training.restore import installed_family, installed_networks, installed_texture
from lcomp.training.run import Setting
from lcomp.training.tables import export_fitted
from lcomp.zoo.registry import LosslessInfo, ModelInfo, read_model

Trainer = BackboneRun | DecoderRun | GanRun | LosslessRun


def setting_of(task: Task, data: Path, folder: Path, device: str, compiled: bool) -> Setting:
    """The setting of a task's run; raises LcompError for a device that cannot be used."""
    return Setting(task.recipe, data, folder, choose_device(device), compiled)


@memory_errors("training")
def make_trainer(task: Task, setting: Setting, start: Path | None) -> Trainer:
    """The run of a task: from its checkpoint, from another run's folder or an installed model's TOML, or from scratch.

    Raises LcompError where `start` is of another kind, and where a decoder beside a backbone invents detail, which is
    trained on its own.
    """
    info = task.info
    if isinstance(info, LosslessInfo):
        return LosslessRun(info, setting, installed_networks(start, info.hidden) if start else None)
    if info.inventive:
        return GanRun(info, setting, installed_texture(start) if start else None)
    small = None
    if start:
        small = installed_family(start) if start.suffix == ".toml" else trained_family(start)
    if info.decoder:
        if small and not small.enhancer:
            raise LcompError(f"{start} has no decoder of its own")
        return DecoderRun(info, setting, small.enhancer if small else None)
    if info.backbone:
        raise LcompError(f"'{info.name}' is trained beside its backbone: train {info.backbone.source.name}")
    if task.viewer and task.viewer.inventive:
        raise LcompError(f"'{task.viewer.name}' cannot be trained beside its backbone")
    context = task.beside.context if task.beside else None
    decoder = task.viewer.decoder if task.viewer else None
    return BackboneRun(info.architecture, context, decoder, info.metric, setting, small)


@contextmanager
def all_or_nothing(models: tuple[ModelInfo | LosslessInfo, ...]) -> Iterator[Path]:
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
            copies[stage.parent / "weights" / model.weights] = model.weights_path
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
def export_trained(task: Task, trainer: Trainer, status: Callable[[str], None]) -> list[Path]:
    """Write the averaged weights of all models of a task, and return their files; `status` is told what is done."""
    training = {
        "steps": str(trainer.step),
        "minutes": f"{trainer.minutes:.1f}",
        "validation_cost": f"{trainer.validate():.4f}",
    }
    info = task.info

    with all_or_nothing(task.models) as stage:
        if isinstance(trainer, LosslessRun) or isinstance(info, LosslessInfo):
            assert isinstance(trainer, LosslessRun)
            export_lossless(trainer.average, trainer.gathered, stage / info.source.name, training)
            return [info.weights_path]

        def described(model: ModelInfo) -> ModelInfo:
            return read_model(stage / model.source.name)

        def fit(write: Callable[[tuple[Table, ...]], Path], model: ModelInfo) -> None:
            status(f"fitting the frequency tables of {model.name}")
            export_fitted(write, stage / model.source.name, trainer.pool, task.recipe, trainer.device)

        added_to = [[model.sha256 for model in each.lineage[1:]] for each in (info, described(info))]
        if added_to[0] != added_to[1]:
            raise LcompError(f"the models that '{info.name}' adds to were changed during its training")
        if isinstance(trainer, DecoderRun | GanRun):
            network = trainer.shown() if isinstance(trainer, GanRun) else trainer.average
            export_decoder(network.g_s, described(info), training)
        else:
            family = trainer.average
            fit(functools.partial(export, family.backbone, described(info), training), info)
            # read only now, because the export has just changed the backbone's digest
            if task.beside and family.context:
                written = functools.partial(export_context, family.context, described(task.beside), training)
                fit(written, task.beside)
            if task.viewer and family.enhancer:
                export_decoder(family.enhancer, described(task.viewer), training)
    return [model.weights_path for model in task.models]
