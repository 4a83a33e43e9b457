"""What `workers` does on one machine, on the actors of a Ray cluster: one loaded model each, items one at a time."""

import ctypes
import math
import os
import re
import signal
import socket
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple

from lcomp import __version__
from lcomp.errors import LcompError
from lcomp.workers import GRACE, Done, Item, Result, give_way, processors

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

HERE = "local"
"""The address of a cluster that is started on this machine and ends with the work."""

ATTEMPTS = 3
"""Actors that an item is tried on before it counts as what kills them, and that may fail to start in a row."""

TIMEOUT = 10.0
"""Seconds that a cluster has to answer."""

SETTINGS = ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "RAY_worker_niceness")
"""Variables of Ray to be 0: no report to its makers, no warning about a default of theirs, and actors of a cluster that
is started here have as much of its processors as other processes of a command."""

STDERR = 2
"""File descriptor of stderr."""

STORE = 2**27
"""Bytes of the object store of a cluster that is started here: results are small."""


def reason(error: object) -> str:
    """What went wrong, in a line: Ray puts tracebacks before it, and the name of the exception."""
    last = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    return re.sub(r"^[\w.]+: ", "", last)


class Share(NamedTuple):
    """What each actor has of a node, and how many there are."""

    cpus: int  # cores, with a thread for each
    gpus: float
    actors: int


class CodecActor(Generic[Item, Result]):
    """Runs in a process of the cluster, with `work` and the models that this loads."""

    def __init__(self, threads: int, folder: str, version: str) -> None:
        """Set the process up; raises LcompError where another version of lcomp is installed."""
        if version != __version__:
            raise LcompError(f"a node has lcomp {__version__}, this machine {version}")
        give_way()
        with suppress(OSError):  # where nodes share no files: names that are URLs do not need it
            os.chdir(folder)
        self.threads = threads
        self.thread = 0

    def take(self, work: Callable[[Item], Result]) -> None:
        """Take the work, once."""
        import torch

        torch.set_num_threads(self.threads)
        self.work = work

    def run(self, item: Item) -> Result:
        """The result of one item."""
        self.thread = threading.get_ident()
        return self.work(item)

    def stop(self) -> None:
        """Raise SystemExit in the thread that runs an item, so that no partial file stays; called beside `run`."""
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), ctypes.py_object(SystemExit))


class Tried(NamedTuple, Generic[Item]):
    """An item, and how many actors died on it."""

    item: Item
    deaths: int = 0


class Running(NamedTuple, Generic[Item]):
    """An item on its actor."""

    actor: "ActorHandle"
    tried: Tried[Item]


class Crew(Generic[Item, Result]):
    """The actors of one run; one that dies is replaced, and its item done again."""

    def __init__(self, work: Callable[[Item], Result], items: Iterable[Item], share: Share) -> None:
        import ray

        self.ray, self.work, self.waiting = ray, work, iter(items)
        self.again: deque[Tried[Item]] = deque()
        self.starting: dict[ObjectRef, ActorHandle] = {}
        self.busy: dict[ObjectRef, Running[Item]] = {}
        self.idle: list[ActorHandle] = []
        self.failed = 0  # starts in a row
        placed = ray.remote(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            scheduling_strategy="SPREAD",
            concurrency_groups={"beside": 1},
            max_restarts=0,
        )
        self.make = placed(CodecActor).remote
        self.setting = (share.cpus, str(Path.cwd()), __version__)

    def start(self) -> None:
        """Start an actor. One that no node has room for yet starts when there is some."""
        actor = self.make(*self.setting)
        self.starting[actor.take.remote(self.work)] = actor

    def following(self) -> Tried[Item] | None:
        """The next item, those of dead actors first."""
        if self.again:
            return self.again.popleft()
        return next((Tried(item) for item in self.waiting), None)

    def unfinished(self) -> bool:
        """Whether there is an item that has no result yet; where all actors died, it waits for those that start."""
        if not (self.again or self.busy) and (tried := self.following()):
            self.again.append(tried)
        return bool(self.again or self.busy)

    def employ(self) -> None:
        """Give idle actors an item each, as long as there are any."""
        while self.idle and (tried := self.following()):
            actor = self.idle.pop()
            self.busy[actor.run.remote(tried.item)] = Running(actor, tried)

    def started(self, ref: "ObjectRef") -> None:
        """Take in an actor that has started or failed to; raises LcompError where none can."""
        actor = self.starting.pop(ref)
        try:
            self.ray.get(ref)
        except self.ray.exceptions.RayError as error:
            self.failed += 1
            if self.failed < ATTEMPTS:
                self.start()
            elif not (self.starting or self.busy or self.idle):
                raise LcompError(f"no process of the cluster can start: {reason(error)}") from error
        else:
            self.failed = 0
            self.idle.append(actor)

    def finished(self, ref: "ObjectRef") -> Done[Item, Result] | None:
        """The result of an item; None where its actor died and another is to do it."""
        actor, tried = self.busy.pop(ref)
        try:
            result: Result = self.ray.get(ref)
        except self.ray.exceptions.RayError:
            with suppress(self.ray.exceptions.RayError):
                self.ray.kill(actor)
            deaths = tried.deaths + 1
            if deaths < ATTEMPTS:
                self.again.append(Tried(tried.item, deaths))
            if not self.idle:
                self.start()
            return Done(tried.item, None, deaths) if deaths == ATTEMPTS else None
        self.idle.append(actor)
        return Done(tried.item, result, tried.deaths)

    def results(self, count: int) -> Iterator[Done[Item, Result]]:
        """All results as they are ready, of `count` actors at most."""
        for item in islice(self.waiting, count):
            self.again.append(Tried(item))
            self.start()
        while self.unfinished():
            ready, _ = self.ray.wait([*self.starting, *self.busy])
            for ref in ready:
                if ref in self.starting:
                    self.started(ref)
                elif done := self.finished(ref):
                    yield done
            self.employ()

    def end(self) -> None:
        """End all actors: let them clean up, but wait for none that is busy in a library."""
        with suppress(self.ray.exceptions.RayError):
            for actor, _ in self.busy.values():
                actor.stop.options(concurrency_group="beside").remote()
            if self.busy:
                self.ray.wait(list(self.busy), num_returns=len(self.busy), timeout=GRACE)
            for actor in (*self.starting.values(), *self.idle, *(running.actor for running in self.busy.values())):
                self.ray.kill(actor)


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
    import ray

    where = "on this machine" if address in (HERE, "auto") else f"at {address}"
    own = {"num_cpus": processors(), "include_dashboard": False, "object_store_memory": STORE}
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        check_reachable(address)
        with muted():
            ray.init(address, log_to_driver=False, logging_level="CRITICAL", **(own if address == HERE else {}))
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


@dataclass(frozen=True)
class RayActors:
    """An engine: as many actors as the cores or GPUs of a cluster hold."""

    address: str | None  # None: what $RAY_ADDRESS says, else a cluster of this machine alone
    device: str  # auto: GPUs, if the cluster has any
    threads: int | None = None  # of each actor, which takes as many cores

    def share(self, nodes: list[dict[str, float]], jobs: int | None, items: int | None) -> Share:
        """What each of `jobs` actors gets of nodes with these resources; raises LcompError where there is nothing.

        No more than there are `items`, where that is known.
        """
        cores = [int(node.get("CPU", 0)) for node in nodes]
        gpus = sum(int(node.get("GPU", 0)) for node in nodes) if self.device != "cpu" else 0
        if self.device == "cuda" and not gpus:
            raise LcompError("the cluster has no GPU")
        each = self.threads or 1
        count = jobs or gpus or sum(most // each for most in cores)
        if not count:
            raise LcompError(f"no node of the cluster has {each} cores")
        count = min(count, items or count)
        if gpus:
            return Share(each, 1 / math.ceil(count / gpus), count)
        while not self.threads and sum(most // (each + 1) for most in cores) >= count:
            each += 1
        return Share(each, 0, count)

    def __call__(
        self, work: Callable[[Item], Result], items: Iterable[Item], jobs: int | None
    ) -> Generator[Done[Item, Result], None, None]:
        """Map `work` over items as `side_by_side` does; `jobs` actors, by default as many as there is room for.

        An actor that dies is replaced, and its item done by another; the result of one on which several died is None.
        """
        address = self.address or os.environ.get("RAY_ADDRESS") or HERE
        with connected(address):
            import ray

            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            share = self.share(nodes, jobs, len(items) if isinstance(items, Sized) else None)
            crew = Crew(work, items, share)
            try:
                yield from crew.results(share.actors)
            finally:
                crew.end()
