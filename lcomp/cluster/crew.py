"""The actors that share the work: one loaded model each, and one item at a time."""

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple

from lcomp import __version__
from lcomp.cluster.joining import reason
from lcomp.errors import LcompError
from lcomp.log import log
from lcomp.workers import GRACE, Done, Item, Result, give_way

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

ATTEMPTS = 3
"""Actors that an item is tried on before it counts as what kills them, and that may fail to start in a row."""

PATIENCE = 120.0
"""Seconds after which it is said that no actor runs: other work may fill the cluster, or nodes may be lost."""


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
            ready, _ = self.ray.wait([*self.starting, *self.busy], timeout=None if self.busy else PATIENCE)
            if not ready:
                log.warning("nothing runs on the cluster: it may have no room, or have lost its nodes")
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
