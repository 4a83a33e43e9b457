"""Many inputs in a row or side by side: one bar, one line each, a summary and an exit code."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
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
    show,
    shown,
    shows_bars,
    unexpected,
)
from lcomp.cli.inputs import Job, counted
from lcomp.cli.placing import is_current
from lcomp.cli.reports import InputReport, WrittenReport, share
from lcomp.errors import FormatError, LcompError, OutputExistsError
from lcomp.types import Progress
from lcomp.workers import Done, Engine, give_way, side_by_side

Work = Callable[[str, str, Progress], InputReport]
"""Turns an input into an output and reports on it; must be picklable."""

READ, LOADED, CODED = 0.03, 0.08, 0.92
"""Shares of an input's progress: when it is read, when torch is loaded, and when nothing is left but to write."""

Advance = Callable[[float], None]
"""Callback with the number of inputs done, fractions included."""


LOOKS = 16
"""How many outputs are looked for at once."""


@dataclass(frozen=True)
class Manner:
    """How a batch is run."""

    verb: str
    verbose: bool
    quiet: bool
    jobs: int | None = 1  # processes; None: as many as the engine has
    skip_existing: bool = False  # whether to skip inputs whose output exists
    as_json: bool = False  # whether to print reports as JSON, one line each, instead of lines for people
    engine: Engine = side_by_side  # what runs several processes

    def several(self, count: int) -> bool:
        """Whether `count` inputs are worked on in other processes than this one."""
        return count > 0 and (self.engine is not side_by_side or (self.jobs != 1 and count > 1))


class Outcome(NamedTuple):
    """The outcome of one input."""

    job: Job
    line: str
    code: int = 0  # exit code of a failure
    messages: tuple[str, ...] = ()  # logged in a worker, for this process to print
    report: InputReport | None = None  # of a success
    damaged: bool = False  # a success with losses, which were logged
    exists: bool = False  # failed because the output exists, which another run may have made meanwhile


def attempt(work: Work, job: Job, progress: Progress) -> Outcome:
    """Run one job; every error becomes an outcome."""
    try:
        if job.problem:
            raise LcompError(job.problem)
        with messages_about(shown(job.source)) as errors:
            report = work(job.source, job.output, progress)
        return Outcome(job, report.line, report=report, damaged=bool(errors))
    except LcompError as error:
        return Outcome(job, str(error), error.exit_code, exists=isinstance(error, OutputExistsError))
    except BrokenPipeError:
        raise
    except OSError as error:
        return Outcome(job, str(error.strerror or error), 1)
    except MemoryError:
        return Outcome(job, "not enough memory", 1)
    except Exception as error:  # whatever a library may raise must not stop the other pictures
        return Outcome(job, unexpected(error), 1)


def tell(progress: Progress, share: float) -> None:
    """Tell which share of an input is done."""
    progress(round(1000 * share), 1000)


def coding(progress: Progress, end: float = 1.0) -> Progress:
    """The progress of coding, which starts when torch is loaded, and ends at a share of the input's.

    >>> coding(lambda done, total: print(done, total))(50, 100)
    54 100
    """
    return lambda done, total: progress(round(LOADED * total + (end - LOADED) * done), total)


def is_done(job: Job) -> bool:
    """Whether the output of a job exists already, and is up to date."""
    return job.is_output or (not job.problem and is_current(job.source, job.output))


def left_to_do(jobs: list[Job]) -> list[Job]:
    """The jobs that are not done, asked for side by side: a server takes its time to answer."""
    with ThreadPoolExecutor(LOOKS) as pool:
        return [job for job, done in zip(jobs, pool.map(is_done, jobs), strict=True) if not done]


def in_a_row(work: Work, jobs: list[Job], advance: Advance) -> Iterator[Outcome]:
    """Run the jobs one after the other in this process."""
    for number, job in enumerate(jobs):

        def progress(done: int, total: int, number: int = number) -> None:
            advance(number + done / total)

        yield attempt(work, job, progress)
        advance(number + 1)


@dataclass
class KeptAttempt:
    """Runs jobs in a worker process and returns their log messages with the outcome."""

    work: Work
    manner: Manner
    messages: KeptMessages | None = None

    def __call__(self, job: Job) -> Outcome:
        """The outcome of a job."""
        if self.messages is None:
            self.messages = KeptMessages()
            set_up_messages(self.manner.verbose, self.manner.quiet, self.messages)
        outcome = attempt(self.work, job, lambda done, total: None)
        lines = tuple(self.messages.lines)
        self.messages.lines.clear()
        return outcome._replace(messages=lines)


def outcome_of(done: Done[Job, Outcome]) -> Outcome:
    """The outcome of a job in another process, where one may have died between writing the output and saying so."""
    if done.result is None:
        return Outcome(done.item, "its process died (out of memory?): use fewer --jobs", 1)
    if done.deaths and done.result.exists and is_done(done.item):
        report = WrittenReport.of(done.item.source, done.item.output)
        return Outcome(done.item, report.line, report=report)
    return done.result


def in_processes(work: Work, jobs: list[Job], manner: Manner, advance: Advance) -> Iterator[Outcome]:
    """Run the jobs in several processes; outcomes come as they are ready."""
    processes = manner.jobs and min(manner.jobs, len(jobs))
    with closing(manner.engine(KeptAttempt(work, manner), jobs, processes)) as results:
        for count, done in enumerate(results, 1):
            yield outcome_of(done)
            advance(count)


def totals(reports: list[InputReport]) -> str:
    """Bytes of all inputs and outputs, where there are several."""
    read, written = sum(report.input_bytes for report in reports), sum(report.output_bytes for report in reports)
    return f": {share(written, read)}" if len(reports) > 1 and written else ""


def run(work: Work, jobs: list[Job], manner: Manner, left_out: int = 0) -> None:
    """Run all jobs, printing a line for each; an error does not stop the rest. The summary counts what was left out.

    Exits with the exit code of the failures where they agree on it, else with 1; losses count as damaged files.
    """
    give_way()
    pending = left_to_do(jobs) if manner.skip_existing else jobs
    skipped = len(jobs) - len(pending)
    failures: list[int] = []
    reports: list[InputReport] = []
    damaged = 0
    bar = None
    if shows_bars(manner.quiet):
        from lcomp.cli.bars import batch_bar

        bar = batch_bar(manner.verb)

    def advance(done: float) -> None:
        if bar is None:
            return
        current = min(int(done), len(pending) - 1)
        count = f" ({current + 1} of {len(pending)})" if len(pending) > 1 else ""
        name = f" {printable(shown(pending[current].source))}" if manner.jobs == 1 else ""
        text = f"{manner.verb}{name}{count}"
        bar.update(bar.task_ids[0], description=text, completed=done, total=len(pending))

    with bar or nullcontext():
        # a worker cannot read our stdin
        if manner.several(len(pending)) and all(job.source != STREAM for job in pending):
            outcomes = in_processes(work, pending, manner, advance)
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
                    say(f"{shown(outcome.job.source)}: skipped, output {outcome.job.output} exists")
            elif outcome.code:
                failures.append(outcome.code)
                say(f"lcomp: {shown(outcome.job.source)}: {outcome.line}")
            else:
                assert outcome.report is not None
                reports.append(outcome.report)
                damaged += outcome.damaged
                if manner.as_json:
                    show(json.dumps(asdict(outcome.report)))  # type: ignore[call-overload]
                elif not manner.quiet:
                    say(outcome.line)
    if (len(jobs) > 1 or skipped or left_out) and not manner.quiet:
        done = len(jobs) - skipped - len(failures)
        rest = f", {skipped} skipped" if skipped else ""
        rest += f", {counted(left_out)} left out" if left_out else ""
        say(f"{done} of {len(jobs)} done, {len(failures)} failed{rest}{totals(reports)}")
    if failures or damaged:
        raise typer.Exit(common_code(failures + [FormatError.exit_code] * damaged))
