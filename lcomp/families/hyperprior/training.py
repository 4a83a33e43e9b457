"""How the hyperprior family is trained: an adaptor over `lcomp.training`."""

import functools
from collections.abc import Callable
from pathlib import Path

from lcomp.entropy.tables import Table
from lcomp.errors import LcompError
from lcomp.training.backbone import BackboneRun, trained_backbone
from lcomp.training.decoder import DecoderRun
from lcomp.training.export import export, export_context, export_decoder
from lcomp.training.gan import GanRun
from lcomp.training.light import LightRun
from lcomp.training.recipe import JointTask, read_joint_task
from lcomp.training.restore import installed_backbone, installed_light, installed_texture
from lcomp.training.run import Setting
from lcomp.training.tables import export_fitted
from lcomp.training.trainer import Trainer
from lcomp.zoo.registry import ModelInfo, read_model

HyperpriorRun = BackboneRun | DecoderRun | GanRun | LightRun


class HyperpriorTrainer(Trainer[JointTask, HyperpriorRun]):
    """Trains backbones with what their recipes name beside them, and decoders."""

    def task(self, path: Path) -> JointTask:
        """See `Trainer.task`; raises ModelError too where one beside the model is missing or malformed."""
        return read_joint_task(path)

    def start(self, task: JointTask, setting: Setting, start: Path | None) -> HyperpriorRun:
        """See `Trainer.start`.

        Raises LcompError too where a decoder beside a backbone invents detail, which is trained on its own.
        """
        info = task.info
        if info.inventive:
            return GanRun(info, setting, installed_texture(start) if start else None)
        if info.light:
            return LightRun(info, setting, installed_light(start) if start else None)
        small = None
        if start:
            small = installed_backbone(start) if start.suffix == ".toml" else trained_backbone(start)
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

    def export(
        self,
        task: JointTask,
        run: HyperpriorRun,
        stage: Path,
        training: dict[str, str],
        status: Callable[[str], None],
    ) -> None:
        """See `Trainer.export`; raises LcompError where models that this one adds to were changed meanwhile."""
        info = task.info

        def described(model: ModelInfo) -> ModelInfo:
            return read_model(stage / model.source.name)

        def fit(write: Callable[[tuple[Table, ...]], Path], model: ModelInfo) -> None:
            status(f"fitting the frequency tables of {model.name}")
            export_fitted(write, stage / model.source.name, run.pool, task.recipe, run.device)

        added_to = [[model.sha256 for model in each.lineage[1:]] for each in (info, described(info))]
        if added_to[0] != added_to[1]:
            raise LcompError(f"the models that '{info.name}' adds to were changed during its training")
        if isinstance(run, DecoderRun | GanRun):
            export_decoder(run.average.g_s, described(info), training)
        elif isinstance(run, LightRun):
            export_decoder(run.average, described(info), training)
        else:
            models = run.average
            fit(functools.partial(export, models.backbone, described(info), training), info)
            # read only now, because the export has just changed the backbone's digest
            if task.beside and models.context:
                written = functools.partial(export_context, models.context, described(task.beside), training)
                fit(written, task.beside)
            if task.viewer and models.enhancer:
                export_decoder(models.enhancer, described(task.viewer), training)


TRAINER = HyperpriorTrainer()
