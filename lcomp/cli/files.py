"""Files and pipes of the commands: reading inputs, naming and writing outputs, several inputs in a row."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import rich.progress
import typer
from PIL import Image
from rich.console import Console

from lcomp.errors import LcompError

STREAM = "-"
"""Stands for stdin or stdout."""

Progress = Callable[[int, int], None]
"""Told how many pixels of how many are done."""


class Messages(logging.Handler):
    """Prints to whatever stderr is at that moment, so that lines appear above a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        print(f"lcomp: {record.getMessage()}", file=sys.stderr)


def set_up_messages(verbose: bool, quiet: bool) -> None:
    """Send the library's messages to stderr: stages with `verbose`, notes by default, only errors with `quiet`."""
    # Pillow warns about pictures that it still reads: one line each, and never more pixels than our own limit
    Image.MAX_IMAGE_PIXELS = None
    warnings.showwarning = lambda message, *_: logger.warning("%s", message)
    logger = logging.getLogger("lcomp")
    logger.addHandler(Messages())
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)


def read_input(name: str) -> bytes:
    """All bytes of a file, or of stdin for '-'; raises LcompError where it cannot be read."""
    try:
        if name != STREAM:
            return Path(name).read_bytes()
        if sys.stdin is None:
            raise LcompError("stdin is closed")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise LcompError(f"{error.strerror}") from error


class Target:
    """Where one output goes. Constructing it refuses what may not be written, before any work is done."""

    def __init__(self, name: str, source: str, force: bool) -> None:
        self.name, self.source, self.force = name, source, force
        if name != STREAM:
            self.check()
        elif sys.stdout is None:
            raise LcompError("stdout is closed")
        elif sys.stdout.isatty():
            raise LcompError("refusing to write binary data to a terminal: use -o FILE or redirect stdout")

    def __str__(self) -> str:
        return "stdout" if self.name == STREAM else self.name

    def check(self) -> None:
        """Raise LcompError where the output exists and may not be replaced."""
        path, source = Path(self.name), Path(self.source)
        if path.is_dir():
            raise LcompError(f"output {self.name} is a directory")
        if self.source != STREAM and path.exists() and source.exists() and path.samefile(source):
            raise LcompError(f"output {self.name} is the input itself")
        if (path.is_file() or path.is_symlink()) and not self.force:
            raise LcompError(f"output {self.name} exists: use -f to overwrite it")

    def write(self, data: bytes) -> None:
        """Write everything: to stdout or a device directly, to a file by way of a temporary one beside it."""
        if self.name == STREAM:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        path = Path(self.name).resolve()
        try:
            if path.exists() and not path.is_file():
                path.write_bytes(data)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary_beside(path) as temporary:
                temporary.write_bytes(data)
                self.check()
                temporary.replace(path)
        except OSError as error:
            raise LcompError(f"cannot write {self.name}: {error.strerror}") from error


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A new empty file in the folder of `path`, gone at the end unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=".lcomp-", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(path.stat().st_mode if path.exists() else 0o666 & ~mask)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def target_name(source: str, output: str | None, suffix: str, several: bool) -> str:
    """Name of the output of one input: beside it, in the folder `output`, or `output` itself."""
    if output == STREAM or (output is None and source == STREAM):
        return STREAM
    name = f"stdin{suffix}" if source == STREAM else Path(source).with_suffix(suffix).name
    if output is None:
        return str(Path(source).with_suffix(suffix))
    if several or Path(output).is_dir() or output.endswith(("/", os.sep)):
        return str(Path(output) / name)
    return output


def target_names(inputs: list[str], output: str | None, suffix: str) -> list[str]:
    """Names of all outputs; usage errors for inputs and outputs that cannot go together."""
    if not all(name == STREAM or Path(name).name for name in inputs):
        raise typer.BadParameter("an input is not the name of a file")
    if inputs.count(STREAM) > 1:
        raise typer.BadParameter("stdin (-) can be given only once")
    if output == STREAM and len(inputs) > 1:
        raise typer.BadParameter("several inputs cannot share stdout")
    if output is not None and len(inputs) > 1 and Path(output).is_file():
        raise typer.BadParameter(f"{output} is a file: several inputs need a directory")
    outputs = [target_name(name, output, suffix, len(inputs) > 1) for name in inputs]
    name, count = Counter(outputs).most_common(1)[0]
    if count > 1:
        raise typer.BadParameter(f"several inputs would be written to {name}")
    return outputs


def progress_bar(console: Console, text: str) -> rich.progress.Progress:
    """A bar that is gone when the work is done."""
    columns = (
        rich.progress.SpinnerColumn(),
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    bar = rich.progress.Progress(*columns, console=console, transient=True)
    bar.add_task(text, total=None)
    return bar


def for_each(
    inputs: list[str], outputs: list[str], work: Callable[[str, str, Progress], str], verb: str, quiet: bool
) -> None:
    """Run `work` on every input and output, printing the line it returns; after an error the rest is still tried.

    Leaves with the error's exit code where all failures agree on it, else with 1.
    """
    console = Console(stderr=True)
    codes = []
    for number, (name, output) in enumerate(zip(inputs, outputs, strict=True), 1):
        shown = "stdin" if name == STREAM else name
        count = f" ({number} of {len(inputs)})" if len(inputs) > 1 else ""
        bar = progress_bar(console, f"{verb} {shown}{count}")

        def report(done: int, total: int, bar: rich.progress.Progress = bar) -> None:
            bar.update(bar.task_ids[0], completed=done, total=total)

        try:
            with bar if console.is_terminal and not quiet else contextlib.nullcontext():
                line = work(name, output, report)
            if not quiet:
                print(line, file=sys.stderr)
        except LcompError as error:
            print(f"lcomp: {shown}: {error}", file=sys.stderr)
            codes.append(error.exit_code)
        except BrokenPipeError:
            raise
        except OSError as error:
            print(f"lcomp: {shown}: {error.strerror}", file=sys.stderr)
            codes.append(1)
        except MemoryError:
            print(f"lcomp: {shown}: not enough memory", file=sys.stderr)
            codes.append(1)
    if len(inputs) > 1 and not quiet:
        print(f"{len(inputs) - len(codes)} of {len(inputs)} done, {len(codes)} failed", file=sys.stderr)
    if codes:
        raise typer.Exit(codes[0] if len(set(codes)) == 1 else 1)
