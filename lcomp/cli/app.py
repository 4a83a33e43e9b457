"""The Typer application and its entry point. Commands import torch only when they run a network."""

import io
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

import lcomp
from lcomp import __version__
from lcomp.cli import decode, encode, info, integrate, models, thumbnail, train, view
from lcomp.cli.eval import evaluate
from lcomp.cli.files import give_up, say, unexpected
from lcomp.errors import InterruptError, LcompError
from lcomp.format.container import FORMAT_VERSION

EPILOG = (
    "Exit codes: 0 ok, 1 failure, 2 wrong usage, 3 bad, damaged or unsupported file, "
    "4 model or weights missing or not matching, 130 interrupted, 143 terminated, 129 hung up."
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
app.command("view", epilog=EPILOG)(view.view)
app.command("info", epilog=EPILOG)(info.info)
app.command("models", epilog=EPILOG)(models.models)
app.command("eval", epilog=EPILOG)(evaluate)
app.command("train", epilog=EPILOG)(train.train)
app.command("thumbnail", epilog=EPILOG)(thumbnail.thumbnail)
app.command("integrate", epilog=EPILOG)(integrate.integrate)


def show_version(wanted: bool) -> None:
    """Print the versions of lcomp, of the format and of the installed models, and exit."""
    if wanted:
        typer.echo(f"lcomp {__version__}\nformat {FORMAT_VERSION}")
        for model in lcomp.models():
            marks = f"number {model.number}, fingerprint {model.fingerprint:08x}, weights {model.sha256[:8] or '-'}"
            typer.echo(f"{model.name}: {marks}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show all versions and exit.")
    ] = False,
) -> None:
    """Learned image compression: small files that decode the same everywhere."""


def terminate(signum: int, frame: FrameType | None) -> NoReturn:
    """Turn a signal into SystemExit, so that clean-up handlers run and no partial file stays."""
    sys.exit(128 + signum)


def finish_stdout() -> None:
    """Flush stdout; where that fails, gives it up and raises OSError."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        give_up(sys.stdout)
        raise


def run() -> str | int | None:
    """Run a command and return its exit code; every error becomes one line on stderr."""
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        if end.code == InterruptError.exit_code:  # Typer turns Ctrl-C into this
            say("lcomp: interrupted")
        return end.code
    except LcompError as error:
        say(f"lcomp: {error}")
        return error.exit_code
    except MemoryError:
        say("lcomp: not enough memory")
        return 1
    except OSError as error:
        say(f"lcomp: {error.filename2 or error.filename or 'error'}: {error.strerror or error}")
        return 1
    except Exception as error:  # whatever a library may raise
        say(f"lcomp: {unexpected(error)}")
        return 1
    return 0


def main() -> str | int | None:
    """Run the command line and return its exit code."""
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):  # SIGBREAK is Windows' own, which lacks SIGHUP
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, terminate)
    if sys.stderr is None:  # closed: drop messages, which print would write to stdout instead
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    # file names need not be valid Unicode
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = run()
    try:
        finish_stdout()
    except OSError as error:
        if not code:
            say(f"lcomp: stdout: {error.strerror}")
            code = 1
    return code
