"""The one pool of processes, which leave Ctrl-C to their parent, end with it and share the processors."""

import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Generic, NamedTuple, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

GRACE = 1.0
"""Seconds that processes get to clean up before they are killed."""


@contextmanager
def starting_workers() -> Iterator[None]:
    """Block SIGINT in this thread while workers start: they inherit the signal mask, so Ctrl-C never reaches them.

    A terminal sends SIGINT to its whole foreground process group, and a Python process that is still starting answers
    with a traceback. For this process the signal stays pending until the mask is restored, at the latest.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    # otherwise started with the first worker, and some versions of Python unblock SIGINT as they start it
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def give_way() -> None:
    """Shorten the spin-wait of OpenMP, so that waiting threads of torch soon yield their processor.

    Otherwise two commands at once on two processors take nine times as long as one (`python benchmarks/together.py`).
    Call this before torch is imported; settings in the environment take precedence.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


@contextmanager
def giving_way() -> Iterator[None]:
    """Have torch give way, as `give_way` says, if it is imported meanwhile; the environment is then as it was.

    OpenMP reads its settings when it is loaded. Nothing is changed where torch is loaded already: it may be other
    people's.
    """
    before = dict(os.environ)
    if "torch" not in sys.modules:
        give_way()
    try:
        yield
    finally:
        if "GOMP_SPINCOUNT" not in before:
            os.environ.pop("GOMP_SPINCOUNT", None)


def processors() -> int:
    """Number of processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def end_with_parent() -> None:
    """Exit as soon as the parent is gone: if it was killed, it could not terminate its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    parent.join()
    os._exit(1)


def set_up_worker(jobs: int) -> None:
    """In a worker: take one of `jobs` shares of the processors, and ignore SIGINT: the parent terminates workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):  # sent when the terminal is closed
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    import torch

    torch.set_num_threads(max(1, processors() // jobs))


class Done(NamedTuple, Generic[Item, Result]):
    """An item and its result."""

    item: Item
    result: Result | None  # None where the worker died
    deaths: int = 0  # workers that died on the item, which was then given to another


class Engine(Protocol):
    """What items are worked on with, in several processes: `side_by_side` or the like."""

    def __call__(
        self, work: Callable[[Item], Result], items: Iterable[Item], jobs: int | None
    ) -> Generator[Done[Item, Result], None, None]:
        """Map `work` over items in `jobs` processes, by default as many as there are processors."""


def serve(pipe: Connection, work: Callable[[Item], Result], jobs: int) -> None:
    """Main loop of a worker: receive items and send their results until the pipe is closed."""
    Thread(target=end_with_parent, daemon=True).start()
    set_up_worker(jobs)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        # run clean-up handlers on SIGTERM only while there may be something to clean up
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        result = work(item)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            pipe.send(result)
        except BrokenPipeError:  # the parent was killed
            return


class Worker(Generic[Item, Result]):
    """A process that works on one item at a time."""

    def __init__(self, work: Callable[[Item], Result], jobs: int) -> None:
        """Start the process and send it `work`, once; `jobs` workers share the processors."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs, work, jobs), daemon=True)
        with starting_workers():
            self.process.start()
        theirs.close()
        self.item: Item | None = None

    def start(self, item: Item) -> None:
        """Send an item to the worker."""
        self.item = item
        try:
            self.pipe.send(item)
        except BrokenPipeError:
            return  # noticed when the result is read

    def done(self) -> Done[Item, Result]:
        """Wait for the result of the item."""
        assert self.item is not None
        item, self.item = self.item, None
        try:
            result: Result = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()  # the pipe may close before the process has exited
            return Done(item, None)
        return Done(item, result)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def end(workers: list[Worker[Item, Result]]) -> None:
    """End processes: let them clean up, but wait for none that is busy in a library, which may last minutes."""
    for worker in workers:  # signal all of them before waiting for any: there may be no time to wait
        worker.process.terminate()
    deadline = time.monotonic() + GRACE
    for worker in workers:
        worker.process.join(max(0, deadline - time.monotonic()))
        worker.close()


def side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int | None
) -> Generator[Done[Item, Result], None, None]:
    """Map `work` over items in `jobs` processes; results come as they are ready, items are drawn as they are needed.

    Without `jobs` there is one process for each processor. A worker that dies is replaced, and the result of its item
    is None. `work` and the items must be picklable. Where the results may not all be drawn, close the generator: that
    ends the processes.
    """
    waiting, jobs = iter(items), jobs or processors()
    workers: list[Worker[Item, Result]] = []
    try:
        for item in waiting:
            workers.append(Worker(work, jobs))
            workers[-1].start(item)
            if len(workers) == jobs:
                break
        while busy := {worker.pipe: worker for worker in workers if worker.item is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                done = worker.done()
                if not worker.process.is_alive():
                    worker.close()
                    workers.remove(worker)
                yield done
                for following in itertools.islice(waiting, 1):
                    if worker not in workers:
                        workers.append(worker := Worker(work, jobs))
                    worker.start(following)
    finally:
        end(workers)
