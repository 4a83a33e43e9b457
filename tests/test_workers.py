"""Processes beside this one: interrupts reach none of them, at whatever moment they come."""

import os
import signal
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pytest

from lcomp.workers import starting_workers

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
