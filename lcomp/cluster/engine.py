"""The engine: how many actors a cluster holds, and what each of them has."""

import math
import os
from collections.abc import Callable, Generator, Iterable, Sized
from dataclasses import dataclass

from lcomp.cluster.crew import Crew, Share
from lcomp.cluster.joining import HERE, connected
from lcomp.errors import LcompError
from lcomp.workers import Done, Item, Result


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
