"""Processes beside this one: interrupts reach none of them, at whatever moment they come."""

import contextlib
import os
import signal
import sys
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread

import pytest

from lcomp.workers import end_with_parent, give_way, giving_way, side_by_side, starting_workers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process here")


def answer(pipe: Connection) -> None:
    pipe.send("here")


def test_a_worker_that_is_starting_is_not_interrupted() -> None:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=answer, args=(theirs,))
    with starting_workers():
        process.start()
    theirs.close()
    assert process.pid
    os.kill(process.pid, signal.SIGINT)
    assert ours.recv() == "here"
    process.join(60)
    assert process.exitcode == 0


def interrupted_start() -> None:
    with starting_workers():
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_meanwhile_is_not_lost() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted_start()
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def last(pipe: Connection) -> None:
    Thread(target=end_with_parent, daemon=True).start()
    pipe.send("here")
    time.sleep(600)


def start_another(pipe: Connection) -> None:
    process = get_context("spawn").Process(target=last, args=(pipe,))
    process.start()
    pipe.close()
    process.join()


def test_a_worker_ends_with_a_parent_that_is_killed() -> None:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=start_another, args=(theirs,))
    process.start()
    theirs.close()
    assert ours.recv() == "here"
    process.kill()
    assert ours.poll(60)
    with pytest.raises(EOFError):
        ours.recv()
    process.join()


def busy(seconds: float) -> str:
    """Work that no signal ends, as a library in C does it; none at all for 0 seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(SystemExit):
            time.sleep(1)
    return "done"


@pytest.mark.slow
def test_workers_that_are_busy_in_a_library_are_not_waited_for() -> None:
    results = side_by_side(busy, [0.0, 600.0, 600.0], 2)
    assert next(results).result == "done"
    started = time.monotonic()
    results.close()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("chosen", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY", ""])
def test_threads_that_wait_give_way_unless_told_otherwise(chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {chosen: "7"} if chosen else {})
    before = os.environ.copy()
    for loaded in (True, False):
        if not loaded:
            monkeypatch.delitem(sys.modules, "torch", raising=False)
        with giving_way():
            assert ("1000" in os.environ.values()) == (not chosen and not loaded)
        assert os.environ == before
    give_way()
    assert os.environ == ({chosen: "7"} if chosen else {"GOMP_SPINCOUNT": "1000"})
