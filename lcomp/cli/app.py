"""The Typer application and its entry point. Commands import torch only when they run a network."""

import io
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from lcomp import __version__
from lcomp.cli import decode, encode, info, models, train
from lcomp.cli.eval import evaluate
from lcomp.errors import InterruptError, LcompError

EPILOG = (
    "Exit codes: 0 ok, 1 failure, 2 wrong usage, 3 bad, damaged or unsupported file, "
    "4 model or weights missing or not matching, 130 interrupted."
)

app = typer.Typer(
    name="lcomp",
    help="Learned image compression: small files that decode the same everywhere.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("encode", epilog=EPILOG)(encode.encode)
app.command("decode", epilog=EPILOG)(decode.decode)
app.command("info", epilog=EPILOG)(info.info)
app.command("models", epilog=EPILOG)(models.models)
app.command("eval", epilog=EPILOG)(evaluate)
app.command("train", epilog=EPILOG)(train.train)


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        typer.echo(f"lcomp {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Learned image compression: small files that decode the same everywhere."""


def terminate(signum: int, frame: FrameType | None) -> NoReturn:
    """Leave on SIGTERM by way of the clean-up handlers, so that no partial file stays."""
    sys.exit(128 + signum)


def finish_stdout() -> None:
    """Write what stdout still holds; raises OSError where that fails, and gives it up.

    Else the interpreter would try once more when it ends, complain in lines of its own and leave with 120.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise


def run() -> str | int | None:
    """Run a command and return its exit code; every error becomes one line on stderr."""
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        if end.code == InterruptError.exit_code:  # what Typer makes of an interrupt
            print("lcomp: interrupted", file=sys.stderr)
        return end.code
    except LcompError as error:
        print(f"lcomp: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"lcomp: {error.filename or 'error'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, terminate)
    if sys.stderr is None:  # closed: messages go nowhere, least of all to stdout, which print would take instead
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    # names of files need not be text
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = run()
    try:
        finish_stdout()
    except OSError as error:
        if not code:
            print(f"lcomp: stdout: {error.strerror}", file=sys.stderr)
            code = 1
    sys.exit(code)
