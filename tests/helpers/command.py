"""The command line: within this process, which takes milliseconds, or in one of its own, which takes seconds.

Its own process is for what belongs to one: start-up, signals, terminals, streams that are closed or full.
"""

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from lcomp.cli.app import main

PROGRAM = [sys.executable, "-m", "lcomp"]
Result = subprocess.CompletedProcess[bytes]


def lcomp_process(
    *arguments: str | Path,
    data: bytes | None = None,
    cwd: Path | None = None,
    stdout: int | BinaryIO = subprocess.PIPE,
) -> Result:
    """Run a command in a process of its own."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        cwd=cwd,
    )


@contextlib.contextmanager
def left_as_it_was() -> Iterator[None]:
    """Undo what a command does to its process: signals, log, warnings, environment."""
    log, handled = logging.getLogger("lcomp"), (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
    signals = {number: signal.getsignal(number) for number in handled}
    environment, pixels = dict(os.environ), Image.MAX_IMAGE_PIXELS
    handlers, propagate, level = log.handlers[:], log.propagate, log.level
    try:
        with warnings.catch_warnings():
            warnings.resetwarnings()
            yield
    finally:
        log.handlers[:], log.propagate = handlers, propagate
        log.setLevel(level)
        Image.MAX_IMAGE_PIXELS = pixels
        os.environ.clear()
        os.environ.update(environment)
        for number, handler in signals.items():
            signal.signal(number, handler)


class Stream(io.TextIOWrapper):
    """A stream of text above bytes that can be read when the command has ended."""

    def __init__(self, data: bytes = b"") -> None:
        self.bytes = io.BytesIO(data)
        super().__init__(self.bytes, encoding="utf-8", write_through=True)


def lcomp(*arguments: str | Path, data: bytes = b"", cwd: Path | None = None) -> Result:
    """Run a command within this process, from `sys.argv` to the exit code; `data` comes from stdin."""
    stdin, stdout, stderr = Stream(data), Stream(), Stream()
    before = sys.argv, sys.stdin, sys.stdout, sys.stderr
    command = ["lcomp", *map(str, arguments)]
    with left_as_it_was(), contextlib.chdir(cwd or Path.cwd()):
        sys.argv, sys.stdin, sys.stdout, sys.stderr = command, stdin, stdout, stderr
        try:
            code = main()
        finally:
            sys.argv, sys.stdin, sys.stdout, sys.stderr = before
    assert code is None or isinstance(code, int)
    return subprocess.CompletedProcess(command, code or 0, stdout.bytes.getvalue(), stderr.bytes.getvalue())


def one_line(result: Result) -> str:
    """The single line of an error message."""
    text = result.stderr.decode()
    assert len(text.splitlines()) == 1, text
    return text
