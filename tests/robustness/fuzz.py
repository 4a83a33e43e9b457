"""A fuzzer of the decoder: `PYTHONPATH=tests python tests/robustness/fuzz.py --count 1000000 --seed 0`.

Most of its files are valid ones with bytes changed, which checksums should catch. Three in ten are taken apart, changed
and put together with right checksums, so that the code behind them is reached. Each is read in one of the ways that
there are (`ways.py`). What ends neither in a picture nor in one line of our errors is a crasher, and so is a warning
and what takes too long or too much memory: it is saved in attacks/crashers/ beside it, where the tests find it, and the
exit code is 1. Files, and how they are read, depend on the seed and their number alone, so that a run which was stopped
(SIGINT, SIGTERM) goes on with `--first`.
"""

import argparse
import contextlib
import ctypes
import logging
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import NamedTuple

import torch

import lcomp
from attacks.mutations import LARGEST, mutated
from attacks.valid import valid_files
from attacks.ways import LENIENT, OFTEN, WAYS, Way, way_of
from lcomp.errors import LcompError

CRASHERS = Path(__file__).parent / "attacks" / "crashers"
SECONDS = 5.0
"""Processor time of a file; what takes longer is a crasher."""

MOST_SECONDS = 60
"""Processor time of a file after which its process ends."""

PATIENCE = 1800.0
"""A process is ended where it stays at one file for so many seconds, as one that waits does, or a very busy machine."""

MEBIBYTES = 768
"""What decoding may add to the memory of a process in which all valid files have been decoded."""


def file_of(seed: int, number: int) -> bytes:
    """The file of a number, which is read in the way of that number."""
    return mutated(seed, number, decoded=way_of(number) in LENIENT)


# what becomes of a file


class Outcome(NamedTuple):
    """What became of a file."""

    kind: str  # decoded, or the class of the error
    problem: str = ""  # why it is a crasher


def place_of(error: Exception) -> str:
    """Where in lcomp an error comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(Path(lcomp.__file__).parent)]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"


class Formatted(logging.Handler):
    """What is logged is put together and forgotten; raises where that cannot be done."""

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record."""
        record.getMessage()


@contextlib.contextmanager
def strictly() -> Iterator[None]:
    """Warnings are errors, but for those of Pillow about what it reads all the same; the log is formatted."""
    handler, log = Formatted(logging.WARNING), logging.getLogger("lcomp")
    log.addHandler(handler)
    with warnings.catch_warnings(action="error"):
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
        try:
            yield
        finally:
            log.removeHandler(handler)


def attempt(data: bytes, way: Way) -> Outcome:
    """Read a file in some way, and ask for its header."""
    started = time.process_time()  # a busy machine is no crasher
    outcome = Outcome("decoded")
    for action in (lcomp.info, way):
        try:
            with strictly():
                action(data)
        except LcompError as error:
            outcome = Outcome(type(error).__name__)
            if not str(error) or not str(error).isprintable():
                return Outcome("crash", f"lines of {type(error).__name__} at {place_of(error)}")
        except Exception as error:
            return Outcome("crash", f"{type(error).__name__} at {place_of(error)}")
    if time.process_time() - started > SECONDS:
        return Outcome("slow", f"slow: over {SECONDS:.0f} s")
    return outcome


# the fuzzer


def peak() -> int:
    """The most memory that this process has ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)


class Message(NamedTuple):
    """What a process reports."""

    done: int  # number of the next file
    counts: Counter[str]  # kinds of outcomes since the last message
    problem: str  # of the file before `done`, where it is a crasher
    data: bytes


class Shared(NamedTuple):
    """The file that a process is at, for when it dies."""

    state: "RawArray[ctypes.c_longlong]"  # number, length
    data: "RawArray[ctypes.c_char]"

    def put(self, number: int, data: bytes) -> None:
        """Begin a file."""
        self.state[0], self.state[1] = number, len(data)
        ctypes.memmove(self.data, data, len(data))

    def get(self) -> bytes:
        """The bytes of the file."""
        return ctypes.string_at(self.data, self.state[1])


def serve(pipe: Connection, shared: Shared, seed: int, first: int, end: int, skipped: frozenset[int]) -> None:
    """Try the files from `first` to `end`, until memory has grown too much."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one
    for number, data in enumerate(valid_files()):
        shared.put(-1 - number, data)  # nobody's file yet
        for name in (OFTEN, "page"):  # by every decoder
            attempt(data, WAYS[name])
    allowed = peak() + MEBIBYTES
    counts: Counter[str] = Counter()
    reported = time.monotonic()
    for number in range(first, end):
        if number in skipped:
            continue
        data = file_of(seed, number)
        shared.put(number, data)
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        outcome = attempt(data, WAYS[way_of(number)])
        grown = peak() > allowed
        if grown and not outcome.problem:
            outcome = Outcome("memory", f"memory: over {MEBIBYTES} MiB")
        counts[outcome.kind] += 1
        if outcome.problem or number + 1 == end or time.monotonic() > reported + 1:
            pipe.send(Message(number + 1, counts, outcome.problem, data))
            counts, reported = Counter(), time.monotonic()
        if grown:
            return


@dataclass
class Report:
    """What is known so far."""

    seed: int
    first: int
    end: int
    done: int  # number of the next file
    counts: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    shown: float = field(default_factory=time.monotonic)

    def crash(self, problem: str, number: int, data: bytes) -> None:
        """Count a crasher; the first of its kind is saved."""
        self.problems[problem] += 1
        if self.problems[problem] > 1:
            return
        CRASHERS.mkdir(parents=True, exist_ok=True)
        path = CRASHERS / f"{problem.split()[0].strip(':').lower()}-{self.seed}-{number}.lic"
        path.write_bytes(data)
        print(f"{path}: {problem}, {way_of(number)}", file=sys.stderr, flush=True)

    def take(self, message: Message) -> None:
        """Add what a process reports."""
        self.done = message.done
        self.counts += message.counts
        if message.problem:
            self.crash(message.problem, message.done - 1, message.data)

    def progress(self) -> None:
        """A line every minute."""
        now = time.monotonic()
        if now >= self.shown + 60:
            speed = (self.done - self.first) / (now - self.started)
            crashers = sum(self.problems.values())
            print(f"{self.done} of {self.end} files, {speed:.0f} per second, {crashers} crashers", flush=True)
            self.shown = now

    def summary(self) -> None:
        """All counts."""
        seconds = time.monotonic() - self.started
        print(f"files {self.first} to {self.done - 1} with seed {self.seed} in {seconds:.0f} s")
        for counts in (self.counts, self.problems):
            for name, number in counts.most_common():
                print(f"{number:10} {name}")
        if self.done < self.end:
            print(f"to go on: --seed {self.seed} --first {self.done} --count {self.end - self.done}")


def work(report: Report) -> None:
    """Try the files of a report, in another process, and in a new one where that ends early."""
    context = get_context("spawn")
    shared = Shared(context.RawArray(ctypes.c_longlong, 2), context.RawArray(ctypes.c_char, LARGEST))
    skipped = frozenset[int]()
    while report.done < report.end:
        ours, theirs = context.Pipe()
        shared.put(-1, b"")
        told = (theirs, shared, report.seed, report.done, report.end, skipped)
        process = context.Process(target=serve, args=told, daemon=True)
        process.start()
        theirs.close()
        at, since = shared.state[0], time.monotonic()
        with contextlib.suppress(EOFError):
            while True:
                if ours.poll(1):
                    report.take(ours.recv())
                report.progress()
                if shared.state[0] != at:
                    at, since = shared.state[0], time.monotonic()
                elif time.monotonic() > since + PATIENCE:
                    process.kill()
        process.join()
        if process.exitcode and shared.state[0] < 0:
            sys.exit("the fuzzer does not start")
        if process.exitcode:
            # the files since the last message are tried again, without this one
            number = shared.state[0]
            report.crash(f"died with {process.exitcode}", number, shared.get())
            skipped |= {number}


def fuzz(first: int, count: int, seed: int) -> bool:
    """Try so many files, or as many as there is time for; whether there was no crasher."""
    report = Report(seed, first, first + count, first)
    with contextlib.suppress(KeyboardInterrupt):
        work(report)
    report.summary()
    return not report.problems


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Look for files that make the decoder crash.")
    parser.add_argument("--count", type=int, default=1_000_000, help="files to try")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other files")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell has its background ignore the first
        signal.signal(number, signal.default_int_handler)
    sys.exit(0 if fuzz(arguments.first, arguments.count, arguments.seed) else 1)


if __name__ == "__main__":
    main()
