"""`lcomp train`."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcomp.cli.files import say, set_up_messages
from lcomp.cli.options import Device, Threads, a_number
from lcomp.errors import LcompError
from lcomp.parsing import parse_size
from lcomp.workers import give_way

if TYPE_CHECKING:
    from rich.console import Console

    from lcomp.training.run import Report, TrainingRun


def watch(trainer: "TrainingRun[Any]", name: str, every: float, console: "Console") -> None:
    """Train to the end, with a bar and reports on stderr and in the run's log; an interrupt saves a checkpoint."""
    from lcomp.cli.bars import training_bar
    from lcomp.training.processes import LostProcessError

    with training_bar(console) as bar:
        task = bar.add_task(name, total=trainer.recipe.minutes)
        bar.update(task, completed=trainer.minutes)

        def report(at: "Report") -> None:
            line = (
                f"step {at.step}, {at.minutes:.1f} min: train {at.train_cost:.4f}, validation {at.validation_cost:.4f}"
                f"{at.notes}"
            )
            bar.update(task, completed=at.minutes, description=f"{name} {at.validation_cost:.4f}")
            say(line)
            with (trainer.folder / "log.txt").open("a") as log:
                log.write(line + "\n")

        try:
            trainer.run(report, every)
        except (KeyboardInterrupt, SystemExit, LostProcessError):
            if trainer.processes.leads:
                # torchrun sends every process a second signal
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                trainer.save()
            raise


def train(
    model: Annotated[Path, typer.Argument(metavar="MODEL.toml", help="Model description.", show_default=False)],
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder of training pictures, or of tar files of them.")
    ],
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="Folder of the checkpoint.", show_default="runs/MODEL"),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR|TOML",
            help="Start from an installed model of the same kind and size (sr: from its backbone), or from the run "
            "of a backbone.",
        ),
    ] = None,
    memory: Annotated[
        str, typer.Option("--memory", metavar="SIZE", help="Of the pictures in tar files, hold so many bytes at once.")
    ] = "4GB",
    device: Device = "auto",
    threads: Threads = None,
    every: Annotated[
        float, typer.Option("--every", min=0, callback=a_number, help="Minutes between checkpoints.")
    ] = 5.0,
    compiled: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Compile the training step (needs a C++ compiler).")
    ] = True,
    export_only: Annotated[
        bool, typer.Option("--export-only", help="Export the checkpoint as it stands, without training.")
    ] = False,
) -> None:
    """Train a model and export its weights.

    An interrupted run resumes from its checkpoint.
    Under torchrun its processes share the pictures and every batch.
    At the end the averaged weights go to the weights/ folder beside that of the TOML, whose digest is updated.
    So do the weights of models trained jointly with a backbone.
    """
    set_up_messages(verbose=False, quiet=False)
    give_way()
    try:
        from lcomp.training.processes import joined_processes
        from lcomp.training.run import checkpoint_file
        from lcomp.training.task import export_trained, make_run, read_task, setting_of
    except ModuleNotFoundError as error:
        say(f"lcomp: {error.name} is not installed: pip install 'lcomp[train]'")
        raise typer.Exit(1) from error
    from rich.console import Console

    task = read_task(model)
    folder = run or Path("runs") / task.info.name
    if export_only and not checkpoint_file(folder).is_file():
        raise LcompError(f"{folder} holds no checkpoint")
    with joined_processes() as processes:
        console = Console(stderr=True, quiet=not processes.leads)
        with console.status("reading the training pictures"):
            trainer = make_run(
                task, setting_of(task, data, folder, device, compiled, parse_size(memory), processes, threads), start
            )
        if trainer.step and processes.leads:
            spent = f"{trainer.minutes:.1f} of {task.recipe.minutes:g} minutes"
            say(f"going on from {checkpoint_file(folder)}: {spent}")
        if not export_only:
            watch(trainer, task.info.name, every, console)
    if not processes.leads:
        return
    with console.status("exporting") as status:
        weights = export_trained(task, trainer, status.update)
    for path in weights:
        say(f"{path}: {path.stat().st_size} bytes")
