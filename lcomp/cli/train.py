"""`lcomp train`."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcomp.cli.files import say
from lcomp.cli.options import Device
from lcomp.errors import LcompError

if TYPE_CHECKING:
    from lcomp.entropy.tables import Table


def train(
    model: Annotated[Path, typer.Argument(metavar="MODEL.toml", help="Model description.", show_default=False)],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder of training pictures.")],
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="Folder of the checkpoint.", show_default="runs/MODEL"),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR|TOML",
            help="Start from another run's models, or from installed ones (the backbone's TOML, or that of a decoder "
            "that invents detail); they may be smaller.",
        ),
    ] = None,
    device: Device = "auto",
    every: Annotated[float, typer.Option("--every", help="Minutes between checkpoints.")] = 5.0,
    compiled: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Compile the training step (needs a C++ compiler).")
    ] = True,
    export_only: Annotated[
        bool, typer.Option("--export-only", help="Export the checkpoint as it stands, without training.")
    ] = False,
) -> None:
    """Train a model and export its weights.

    An interrupted run goes on from its checkpoint. At the end the averaged weights are written to the weights/ folder
    beside the model's TOML, whose digest is updated; so are those of what was trained beside a backbone.
    """
    try:
        from lcomp.training.backbone import BackboneRun, trained_family
        from lcomp.training.context import ContextRun
        from lcomp.training.decoder import DecoderRun
        from lcomp.training.export import export, export_context, export_decoder
        from lcomp.training.gan import GanRun
        from lcomp.training.restore import installed_family, installed_texture
        from lcomp.training.run import Report, Setting, checkpoint_file
        from lcomp.training.tables import export_fitted
    except ModuleNotFoundError as error:
        say(f"lcomp: {error.name} is not installed: pip install 'lcomp[train]'")
        raise typer.Exit(1) from error
    from rich.console import Console

    from lcomp.cli.bars import training_bar
    from lcomp.loading import choose_device
    from lcomp.training.recipe import read_recipe
    from lcomp.zoo import read_model

    info, recipe = read_model(model), read_recipe(model)
    folder = run or Path("runs") / info.name
    if export_only and not checkpoint_file(folder).is_file():
        raise LcompError(f"{folder} holds no checkpoint")
    beside = read_model(model.with_name(f"{recipe.context}.toml")) if recipe.context else None
    viewer = read_model(model.with_name(f"{recipe.decoder}.toml")) if recipe.decoder else None
    if viewer and viewer.inventive:
        raise LcompError(f"'{viewer.name}' cannot be trained beside its backbone")
    small = texture = None
    if info.inventive and start:
        texture = installed_texture(start)
    elif start:
        small = installed_family(start) if start.suffix == ".toml" else trained_family(start)
    if small and info.decoder and not small.enhancer:
        raise LcompError(f"{start} has no decoder of its own")
    if small and info.context and not info.decoder and not small.context:
        raise LcompError(f"{start} has no context model")
    console = Console(stderr=True)
    setting = Setting(recipe, data, folder, choose_device(device), compiled)
    trainer: BackboneRun | ContextRun | DecoderRun | GanRun
    with console.status("reading the training pictures"):
        if info.inventive:
            trainer = GanRun(info, setting, texture)
        elif info.decoder:
            trainer = DecoderRun(info, setting, small.enhancer if small else None)
        elif info.context:
            trainer = ContextRun(info, setting, small.context if small else None)
        else:
            sizes = info.architecture, beside.context if beside else None, viewer.decoder if viewer else None
            trainer = BackboneRun(*sizes, info.metric, setting, small)

    if trainer.step:
        say(f"going on from {checkpoint_file(folder)}: {trainer.minutes:.1f} of {recipe.minutes:g} minutes")
    with training_bar(console) as bar:
        task = bar.add_task(info.name, total=recipe.minutes)
        bar.update(task, completed=trainer.minutes)

        def report(at: Report) -> None:
            line = (
                f"step {at.step}, {at.minutes:.1f} min: train {at.train_cost:.4f}, validation {at.validation_cost:.4f}"
                f"{at.notes}"
            )
            bar.update(task, completed=at.minutes, description=f"{info.name} {at.validation_cost:.4f}")
            say(line)
            with (folder / "log.txt").open("a") as log:
                log.write(line + "\n")

        if not export_only:
            try:
                trainer.run(report, every)
            except (KeyboardInterrupt, SystemExit):
                trainer.save()
                raise
    training = {
        "steps": str(trainer.step),
        "minutes": f"{trainer.minutes:.1f}",
        "validation_cost": f"{trainer.validate():.4f}",
    }

    def fit(write: "Callable[[tuple[Table, ...]], Path]", source: Path) -> Path:
        with console.status(f"fitting the frequency tables of {source.stem}"):
            return export_fitted(write, source, trainer.pool, recipe, setting.device)

    if isinstance(trainer, DecoderRun | GanRun):
        network = trainer.shown() if isinstance(trainer, GanRun) else trainer.average
        weights = [export_decoder(network.g_s, info, training)]
    elif isinstance(trainer, ContextRun):
        weights = [fit(functools.partial(export_context, trainer.average, info, training), model)]
    else:
        family = trainer.average
        weights = [fit(functools.partial(export, family.backbone, info, training), model)]
        # described again: the backbone's digest is a new one
        if beside and family.context:
            described = read_model(beside.source)
            weights.append(fit(functools.partial(export_context, family.context, described, training), beside.source))
        if viewer and family.enhancer:
            weights.append(export_decoder(family.enhancer, read_model(viewer.source), training))
    for path in weights:
        say(f"{path}: {path.stat().st_size} bytes")
