"""A fuzzer of the decoder: `python tests/robustness/fuzz.py --count 1000000 --seed 0`.

Most of its files are valid ones with bytes changed, which checksums should catch. The others are taken apart, changed
and put together with right checksums, so that the code behind them is reached. They are read in all the ways that there
are (`ways.py`). What ends neither in a picture nor in one of our errors is a crasher, and so is what takes too long or
too much memory: it is saved in attacks/crashers/ beside it, where the tests find it, and the exit code is 1. Files, and
how they are read, depend on the seed and their number alone.
"""

import argparse
import contextlib
import ctypes
import logging
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import NamedTuple

import torch

sys.path.append(str(Path(__file__).parents[1]))  # of the helpers, where it runs as a command

import lcomp
from attacks.mutations import LARGEST, mutated, valid_files
from attacks.ways import WAYS, Way, way_of
from lcomp.errors import LcompError

CRASHERS = Path(__file__).parent / "attacks" / "crashers"
SECONDS = 5.0
"""Processor time of a file; what takes longer is a crasher."""

PATIENCE = 120.0
"""A process is ended where it stays at one file for so many seconds."""

MEBIBYTES = 768
"""What decoding may add to the memory of a process in which all valid files have been decoded."""


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


def attempt(data: bytes, way: Way) -> Outcome:
    """Read a file in some way, and ask for its header."""
    started = time.process_time()  # a busy machine is no crasher
    outcome = Outcome("decoded")
    for action in (lcomp.info, way):
        try:
            action(data)
        except LcompError as error:
            outcome = Outcome(type(error).__name__)
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


def serve(pipe: Connection, shared: Shared, seed: int, first: int, count: int, skipped: frozenset[int]) -> None:
    """Try the files from `first` on, until memory has grown too much."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lcomp").setLevel(logging.CRITICAL)
    for data in valid_files():
        for way in WAYS.values():
            attempt(data, way)
    allowed = peak() + MEBIBYTES
    counts: Counter[str] = Counter()
    reported = time.monotonic()
    for number in range(first, count):
        if number in skipped:
            continue
        data = mutated(seed, number)
        shared.put(number, data)
        outcome = attempt(data, WAYS[way_of(number)])
        grown = peak() > allowed
        if grown and not outcome.problem:
            outcome = Outcome("memory", f"memory: over {MEBIBYTES} MiB")
        counts[outcome.kind] += 1
        if outcome.problem or number + 1 == count or time.monotonic() > reported + 1:
            pipe.send(Message(number + 1, counts, outcome.problem, data))
            counts, reported = Counter(), time.monotonic()
        if grown:
            return


@dataclass
class Report:
    """What is known so far."""

    seed: int
    count: int
    done: int = 0
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
        """A line every ten seconds."""
        now = time.monotonic()
        if now >= self.shown + 10:
            speed = self.done / (now - self.started)
            crashers = sum(self.problems.values())
            print(f"{self.done} of {self.count} files, {speed:.0f} per second, {crashers} crashers", flush=True)
            self.shown = now

    def summary(self) -> None:
        """All counts."""
        print(f"{self.done} files with seed {self.seed} in {time.monotonic() - self.started:.0f} s")
        for counts in (self.counts, self.problems):
            for name, number in counts.most_common():
                print(f"{number:10} {name}")


def fuzz(count: int, seed: int) -> bool:
    """Try so many files; whether there was no crasher."""
    context = get_context("spawn")
    shared = Shared(context.RawArray(ctypes.c_longlong, 2), context.RawArray(ctypes.c_char, LARGEST))
    report, skipped = Report(seed, count), frozenset[int]()
    while report.done < count:
        ours, theirs = context.Pipe()
        shared.put(-1, b"")
        process = context.Process(target=serve, args=(theirs, shared, seed, report.done, count, skipped), daemon=True)
        process.start()
        theirs.close()
        at, since = -1, time.monotonic()
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
    report.summary()
    return not report.problems


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Look for files that make the decoder crash.")
    parser.add_argument("--count", type=int, default=1_000_000, help="files to try")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other files")
    arguments = parser.parse_args()
    sys.exit(0 if fuzz(arguments.count, arguments.seed) else 1)


if __name__ == "__main__":
    main()
