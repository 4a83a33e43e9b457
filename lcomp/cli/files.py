"""Input and output of the commands: messages, files and pipes."""

import contextlib
import errno
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from typing import TextIO

import typer
from PIL import Image

from lcomp.errors import LcompError, OutputExistsError
from lcomp.files import write_all
from lcomp.options import MAX_PIXELS
from lcomp.places.finding import place
from lcomp.places.streams import read_from
from lcomp.places.urls import without_secrets

STREAM = "-"
"""Stands for stdin or stdout."""

STDERR = 2
"""File descriptor of stderr, as libraries in C have it."""


def printable(text: str) -> str:
    """Escape control characters, line breaks included, which terminals obey, and leave secrets in URLs out."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda match: repr(match[0])[1:-1], without_secrets(text))


def shown(name: str) -> str:
    """Name of an input or output for people."""
    return "stdin" if name == STREAM else place(name).shown


def unexpected(error: Exception) -> str:
    """Message for an error that some library raised and nothing here expects."""
    return f"unexpected {type(error).__name__}: {error}"


def common_code(codes: list[int]) -> int:
    """The exit code of several failures: theirs where they agree on it, else 1."""
    return codes[0] if len(set(codes)) == 1 else 1


def give_up(stream: TextIO) -> None:
    """Redirect a broken stream to the null device, with what is left in its buffer.

    Otherwise the interpreter would flush it again at exit, print lines of its own and exit with 120.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def say(text: str) -> None:
    """Print a line on stderr; a broken stderr does not stop the work."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)


def require_stdout() -> None:
    """Raise LcompError where stdout is closed."""
    if sys.stdout is None:
        raise LcompError("stdout is closed")


def show(text: str) -> None:
    """Print on stdout; raises LcompError where that is closed or full."""
    require_stdout()
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise LcompError(f"cannot write stdout: {error.strerror}") from error


def shows_bars(quiet: bool) -> bool:
    """Whether progress is shown: on terminals that can go back in a line."""
    return not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class Messages(logging.Handler):
    """Looks `sys.stderr` up for every record: a progress bar replaces it, to print lines above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        say(f"lcomp: {record.getMessage()}")


def set_up_messages(verbose: bool, quiet: bool, handler: logging.Handler | None = None) -> None:
    """Send the library's messages to `handler`, by default to stderr.

    Stages with `verbose`, notes by default, only errors with `quiet`.
    """
    # Pillow warns about pictures that it still reads: one line each; the limit on pixels is our own (--max-pixels), but
    # a few plugins ask Pillow's. The library leaves it alone: this process is ours
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    warnings.showwarning = lambda message, *_: logger.warning("%s", message)
    logger = logging.getLogger("lcomp")
    for earlier in [known for known in logger.handlers if isinstance(known, Messages)]:
        logger.removeHandler(earlier)  # of a command that ran in this process before: nothing is said twice
    logger.addHandler(handler or Messages())
    logger.propagate = False
    logger.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING)


@contextlib.contextmanager
def messages_about(name: str) -> Iterator[list[str]]:
    """Prefix warnings and errors with the name of the input they are about; stages are shown without.

    Yields a list in which the errors are kept: what was lost of an input that did not fail.
    """
    errors: list[str] = []

    def prefix(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            errors.append(record.getMessage())
        if record.levelno >= logging.WARNING:
            record.msg, record.args = f"{name}: {record.getMessage()}", ()
        return True

    logger = logging.getLogger("lcomp")
    logger.addFilter(prefix)
    try:
        yield errors
    finally:
        logger.removeFilter(prefix)


@contextlib.contextmanager
def libraries_muted() -> Iterator[None]:
    """Drop what libraries in C print on stderr; our messages wait for the end.

    For damaged pictures libtiff prints a line for each of their rows. This concerns the whole process, so it is for
    commands only, and for no longer than a picture is read: what kills a process should still be seen.
    """
    held: list[logging.LogRecord] = []

    def hold(record: logging.LogRecord) -> bool:
        held.append(record)
        return False

    try:
        kept = os.dup(STDERR)
    except OSError:  # closed
        yield
        return
    handlers = logging.getLogger("lcomp").handlers[:]
    for handler in handlers:
        handler.addFilter(hold)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDERR)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)
        for handler in handlers:
            handler.removeFilter(hold)
            for record in held:
                handler.handle(record)


class KeptMessages(logging.Handler):
    """Collects messages for another process to print."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.lines.append(record.getMessage())


def read_input(name: str, max_pixels: int, start: bytes = b"") -> bytes:
    """All bytes of a file, or of stdin for '-'; raises LcompError where it cannot be read.

    Reading is bounded, because a pipe or device may never end and a sparse file may be huge: it stops where the data
    does not begin with `start`, and beyond what `max_pixels` pixels can take at 16 bits, metadata included. Regular
    files are read whole where `start` is empty: the picture may be one page of many.
    """
    most = 8 * max_pixels + 2**28
    try:
        if name != STREAM:
            return place(name).read(start, most)
        if sys.stdin is None:
            raise LcompError("stdin is closed")
        if sys.stdin.isatty():
            raise LcompError("refusing to read binary data from a terminal: name a file or redirect stdin")
        return read_from(sys.stdin.buffer, start, most)
    except OSError as error:
        raise LcompError(f"{error.strerror}") from error


class Destination:
    """Where one output goes. Constructing it refuses what may not be written, before any work is done."""

    def __init__(self, name: str, source: str, force: bool) -> None:
        self.name, self.force = name, force
        self.place = None if name == STREAM else place(name)
        self.source = None if source == STREAM else place(source)
        if name != STREAM:
            self.check()
            return
        require_stdout()
        if sys.stdout.isatty():
            raise LcompError("refusing to write binary data to a terminal: use -o FILE or redirect stdout")

    def __str__(self) -> str:
        return "stdout" if self.place is None else self.place.shown

    def check(self) -> None:
        """Raise OutputExistsError where a file may not be replaced, LcompError where it cannot be written."""
        assert self.place is not None
        try:
            self.place.refuse_output(self.source)
            # a symbolic link may dangle, or lead to a pipe like /dev/stdout
            if not self.force and self.place.is_taken() and not self.place.is_special():
                kind = OutputExistsError if self.place.is_file() else LcompError
                raise kind(f"output {self} exists: {self.way_out()}")
        except RuntimeError as error:  # Python before 3.13 raises this for symbolic links in a circle
            raise LcompError(f"cannot write {self}: {os.strerror(errno.ELOOP)}") from error
        except OSError as error:
            raise LcompError(f"cannot write {self}: {error.strerror}") from error

    def way_out(self) -> str:
        """What to do about an output that exists. One not newer than the source may be what that was made from."""
        assert self.place is not None
        if self.source is not None and self.place.is_file():
            step = max(self.place.time_step, self.source.time_step)
            if not self.source.status().is_older_than(self.place.status(), step):
                return f"{self.source.shown} may have been made from it; name another with -o"
        return "name another with -o, or use -f to overwrite it"

    def write(self, data: bytes) -> None:
        """Write everything: directly to stdout or a device, else a file that appears when it is complete."""
        try:
            if self.place is None:
                write_all(sys.stdout.buffer, data)
            else:  # checked again: another process may have made the output meanwhile
                self.place.write(data, self.check, self.force)
        except OSError as error:
            if isinstance(error, BrokenPipeError) and self.place is None:
                raise  # whoever reads stdout has seen enough; a pipe with a name fails alone
            if isinstance(error, FileExistsError) and self.place is not None and self.place.is_file():
                raise OutputExistsError(f"output {self} exists: {self.way_out()}") from error
            raise LcompError(f"cannot write {self}: {error.strerror}") from error
