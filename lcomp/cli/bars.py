"""Progress bars on stderr; imported lazily, because importing rich takes as long as all of our own code."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def batch_bar(verb: str) -> Progress:
    """A transient bar with one task; stdout is left to the payload."""
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn()
    console = Console(stderr=True, soft_wrap=True)  # soft wrap, so that messages can be copied as one line
    # estimate the speed over the whole run, because one round of a search may take minutes
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False, speed_estimate_period=86400)
    bar.add_task(verb, total=None)
    return bar


def counting_bar(quiet: bool) -> Progress:
    """A bar that counts what is done, shown on terminals only."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=quiet or not console.is_terminal)


def training_bar(console: Console) -> Progress:
    """A bar of the minutes trained, shown on terminals only."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)
