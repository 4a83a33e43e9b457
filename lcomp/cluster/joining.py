"""Joining a Ray cluster, or starting one on this machine, without a word of its own."""

import logging
import os
import re
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lcomp.errors import LcompError
from lcomp.workers import processors

HERE = "local"
"""The address of a cluster that is started on this machine and ends with the work."""

TIMEOUT = 10.0
"""Seconds that a cluster has to answer."""

STORE = 2**27
"""Bytes of the object store of a cluster that is started here: results are small."""

SETTINGS = ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "RAY_worker_niceness")
"""Variables of Ray to be 0: no report to its makers, no warning about a default of theirs, and actors of a cluster that
is started here have as much of its processors as other processes of a command."""

TRIES = "RAY_NUM_REDIS_GET_RETRIES"
"""Variable of Ray: how often it tries to join a cluster, for most of a minute each where what listens is no Ray."""

STDERR = 2
"""File descriptor of stderr."""


def reason(error: object) -> str:
    """What went wrong, in a line: Ray puts tracebacks before it, and the name of the exception."""
    last = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    return re.sub(r"^[\w.]+: ", "", last)


def check_reachable(address: str) -> None:
    """Raise OSError where nothing answers at HOST:PORT; Ray itself tries for minutes, and says so again and again."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), TIMEOUT).close()


@contextmanager
def muted() -> Iterator[None]:
    """Drop what is written to stderr, by libraries in C as well, and warnings."""
    kept, nowhere = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Join a cluster without any of its messages; raises LcompError where it cannot be reached."""
    for name in SETTINGS:
        os.environ.setdefault(name, "0")
    if address != HERE:  # one that is started here takes a few
        os.environ.setdefault(TRIES, "1")
    import ray

    where = "on this machine" if address in (HERE, "auto") else f"at {address}"
    own = {"num_cpus": processors(), "include_dashboard": False, "object_store_memory": STORE}
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        check_reachable(address)
        with muted():
            ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **(own if address == HERE else {}))
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else reason(error)
        raise LcompError(f"the Ray cluster {where} cannot be reached: {why}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, terminate)  # Ray sets its own, with an exit code of its own
    # what dies is told by whoever waits for it; Ray would print its own account on stdout
    ray._private.worker._worker_logs_enabled = False
    try:
        yield
    finally:
        ray.shutdown()
