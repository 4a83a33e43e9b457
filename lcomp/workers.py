"""Processes that work beside this one: the pool, and what commands at once must know of each other."""

import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def starting_workers() -> Iterator[None]:
    """Block interrupts in this thread, whose children inherit that: processes started meanwhile never get any.

    An interrupt from a terminal reaches every process of its group, and one that is still starting answers it with a
    traceback. This process gets its own as ever, afterwards at the latest.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    # started together with the first process otherwise, and some versions of it let interrupts through then
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def give_way() -> None:
    """Have threads of torch that wait for each other soon leave their processor to whatever else wants to run.

    Else two commands at once on two processors take nine times as long as one (`python benchmarks/together.py`). To be
    called before torch is imported; what the environment already says of it stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, which may have had no time to say so."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    parent.join()
    os._exit(1)


def set_up_worker(jobs: int) -> None:
    """In a worker: share the processors with `jobs - 1` others, and leave interrupts to the parent, who terminates."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):  # as when a terminal is closed
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    import torch

    torch.set_num_threads(max(1, processors() // jobs))


class Done(NamedTuple, Generic[Item, Result]):
    """What became of an item."""

    item: Item
    result: Result | None  # None where the process died over it


def serve(pipe: Connection, work: Callable[[Item], Result], jobs: int) -> None:
    """In a worker: do items from a pipe until it is closed."""
    Thread(target=end_with_parent, daemon=True).start()
    set_up_worker(jobs)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        # only an item has something to clean up
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        result = work(item)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            pipe.send(result)
        except BrokenPipeError:  # the parent was killed
            return


class Worker(Generic[Item, Result]):
    """A process that does one item at a time."""

    def __init__(self, work: Callable[[Item], Result], jobs: int) -> None:
        """`work` is sent to the process once; it shares the processors with `jobs - 1` others."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs, work, jobs), daemon=True)
        with starting_workers():
            self.process.start()
        theirs.close()
        self.item: Item | None = None

    def start(self, item: Item) -> None:
        """Begin an item."""
        self.item = item
        try:
            self.pipe.send(item)
        except BrokenPipeError:
            return  # noticed when the result is read

    def done(self) -> Done[Item, Result]:
        """The result of the item, once there is one."""
        assert self.item is not None
        item, self.item = self.item, None
        try:
            result: Result = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()  # its pipe may be closed before it is gone
            return Done(item, None)
        return Done(item, result)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Done[Item, Result]]:
    """Do items in as many processes as `jobs`; results come as they are ready, items are taken as they are needed.

    A process that dies over an item is replaced. `work` and the items can be pickled.
    """
    waiting = iter(items)
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
        for worker in workers:  # all of them, before one is waited for: there may be no time for that
            worker.process.terminate()
        for worker in workers:
            worker.close()
