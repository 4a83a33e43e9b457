"""Processes that work beside this one: what they all have in common."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


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
