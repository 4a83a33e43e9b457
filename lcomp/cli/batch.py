"""Many inputs in a row or side by side: one bar, one line each, a summary and an exit code."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import typer

from lcomp.cli.files import (
    STREAM,
    KeptMessages,
    common_code,
    messages_about,
    printable,
    say,
    set_up_messages,
    unexpected,
)
from lcomp.cli.inputs import Job, is_file
from lcomp.errors import LcompError, OutputExistsError
from lcomp.types import Progress
from lcomp.workers import give_way, set_up_worker, starting_workers

Work = Callable[[str, str, Progress], str]
"""Turns an input into an output and returns the line to show; can be pickled."""

Advance = Callable[[float], None]
"""Told how many inputs are done, fractions included."""


@dataclass(frozen=True)
class Manner:
    """How a batch is run."""

    verb: str
    verbose: bool
    quiet: bool
    jobs: int = 1  # processes
    skip_existing: bool = False  # whether inputs are left out whose output exists


class Outcome(NamedTuple):
    """What became of one input."""

    job: Job
    line: str
    code: int = 0  # exit code of a failure
    messages: tuple[str, ...] = ()  # of a process of its own
    exists: bool = False  # that is the failure: another run may have made the output meanwhile


def shown(job: Job) -> str:
    """Name of an input for people."""
    return "stdin" if job.source == STREAM else job.source


def attempt(work: Work, job: Job, progress: Progress) -> Outcome:
    """TrainingRun one job; every error is an outcome."""
    try:
        if job.problem:
            raise LcompError(job.problem)
        with messages_about(shown(job)):
            return Outcome(job, work(job.source, job.output, progress))
    except LcompError as error:
        return Outcome(job, str(error), error.exit_code, exists=isinstance(error, OutputExistsError))
    except BrokenPipeError:
        raise
    except OSError as error:
        return Outcome(job, str(error.strerror or error), 1)
    except MemoryError:
        return Outcome(job, "not enough memory", 1)
    except Exception as error:  # whatever a library may raise: the other pictures are not its business
        return Outcome(job, unexpected(error), 1)


def is_done(job: Job) -> bool:
    """Whether the output of a job is there."""
    return (job.is_output or not job.problem) and job.output != STREAM and is_file(Path(job.output))


def in_a_row(work: Work, jobs: list[Job], advance: Advance) -> Iterator[Outcome]:
    """TrainingRun the jobs one after the other in this process."""
    for number, job in enumerate(jobs):

        def progress(done: int, total: int, number: int = number) -> None:
            advance(number + done / total)

        yield attempt(work, job, progress)
        advance(number + 1)


def serve(pipe: Connection, work: Work, manner: Manner) -> None:
    """TrainingRun jobs from a pipe until it is closed; interrupts are left to the parent, which terminates."""
    set_up_worker(manner.jobs)
    messages = KeptMessages()
    set_up_messages(manner.verbose, manner.quiet, messages)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        # only a job has something to clean up
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        outcome = attempt(work, job, lambda done, total: None)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            pipe.send(outcome._replace(messages=tuple(messages.lines)))
        except BrokenPipeError:  # the parent was killed
            return
        messages.lines.clear()


class Worker:
    """A process that runs one job at a time."""

    def __init__(self, work: Work, manner: Manner) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs, work, manner), daemon=True)
        with starting_workers():
            self.process.start()
        theirs.close()
        self.job: Job | None = None

    def start(self, job: Job) -> None:
        """Begin a job."""
        self.job = job
        try:
            self.pipe.send(job)
        except BrokenPipeError:
            return  # noticed when the outcome is read

    def outcome(self) -> Outcome:
        """The outcome of the job, once there is one; a process that died is a failure."""
        assert self.job is not None
        try:
            result: Outcome = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()  # its pipe may be closed before it is gone
            return Outcome(self.job, "its process died (out of memory?): use fewer --jobs", 1)
        finally:
            self.job = None
        return result

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def side_by_side(work: Work, jobs: list[Job], manner: Manner, advance: Advance) -> Iterator[Outcome]:
    """TrainingRun the jobs in several processes; outcomes come as they are ready."""
    manner = replace(manner, jobs=min(manner.jobs, len(jobs)))
    workers = [Worker(work, manner) for _ in range(manner.jobs)]
    try:
        waiting = list(reversed(jobs))
        done = 0
        for worker in workers:
            worker.start(waiting.pop())
        while busy := {worker.pipe: worker for worker in workers if worker.job}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                yield worker.outcome()
                done += 1
                advance(done)
                if not worker.process.is_alive():
                    worker.close()
                    workers.remove(worker)
                    if waiting:
                        workers.append(worker := Worker(work, manner))
                if waiting:
                    worker.start(waiting.pop())
    finally:
        for worker in workers:  # all of them, before one is waited for: there may be no time for that
            worker.process.terminate()
        for worker in workers:
            worker.close()


def run(work: Work, jobs: list[Job], manner: Manner) -> None:
    """TrainingRun all jobs, printing the line of each; after an error the rest is still tried.

    Leaves with the exit code of the failures where they agree on it, else with 1.
    """
    give_way()
    pending = [job for job in jobs if not (manner.skip_existing and is_done(job))]
    skipped = len(jobs) - len(pending)
    failures = []
    bar = None
    if sys.stderr.isatty() and not manner.quiet and os.environ.get("TERM") != "dumb":
        from lcomp.cli.bars import batch_bar

        bar = batch_bar(manner.verb)

    def advance(done: float) -> None:
        if bar is None:
            return
        current = min(int(done), len(pending) - 1)
        count = f" ({current + 1} of {len(pending)})" if len(pending) > 1 else ""
        name = f" {printable(shown(pending[current]))}" if manner.jobs == 1 else ""
        text = f"{manner.verb}{name}{count}"
        bar.update(bar.task_ids[0], description=text, completed=done, total=len(pending))

    with bar or nullcontext():
        # another process has no stdin of ours
        if manner.jobs > 1 and len(pending) > 1 and all(job.source != STREAM for job in pending):
            outcomes = side_by_side(work, pending, manner, advance)
        else:
            outcomes = in_a_row(work, pending, advance)
        if pending:
            advance(0)
        for outcome in outcomes:
            for message in outcome.messages:
                say(f"lcomp: {message}")
            if outcome.exists and manner.skip_existing:
                skipped += 1
                if not manner.quiet:
                    say(f"{shown(outcome.job)}: skipped, output {outcome.job.output} exists")
            elif outcome.code:
                failures.append(outcome.code)
                say(f"lcomp: {shown(outcome.job)}: {outcome.line}")
            elif not manner.quiet:
                say(outcome.line)
    if (len(jobs) > 1 or skipped) and not manner.quiet:
        done = len(jobs) - skipped - len(failures)
        say(f"{done} of {len(jobs)} done, {len(failures)} failed" + (f", {skipped} skipped" if skipped else ""))
    if failures:
        raise typer.Exit(common_code(failures))
