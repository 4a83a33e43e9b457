"""What each actor of a cluster gets, without any cluster; tests/cli/test_ray.py has one."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lcomp.cluster.crew import PATIENCE, Crew, Share
from lcomp.cluster.engine import RayActors
from lcomp.cluster.joining import check_reachable, reason
from lcomp.errors import LcompError


@pytest.mark.parametrize(
    ("cores", "threads", "jobs", "items", "expected"),
    [
        ([4, 4], None, None, None, Share(1, 0, 8)),
        ([4, 4], None, None, 3, Share(2, 0, 3)),
        ([4, 4], None, 2, None, Share(4, 0, 2)),
        ([8, 2], None, 2, None, Share(4, 0, 2)),
        # more than there is room for wait for nodes to join
        ([4, 4], None, 20, 100, Share(1, 0, 20)),
        ([4, 3], 2, None, 100, Share(2, 0, 3)),
        ([0, 4], None, None, None, Share(1, 0, 4)),
    ],
)
def test_actors_share_cores(
    cores: list[int], threads: int | None, jobs: int | None, items: int | None, expected: Share
) -> None:
    nodes = [{"CPU": float(count), "memory": 1e9} for count in cores]
    assert RayActors(None, "auto", threads).share(nodes, jobs, items) == expected


@pytest.mark.parametrize(
    ("device", "jobs", "items", "expected"),
    [
        ("auto", None, None, Share(1, 1, 4)),
        ("cuda", None, 2, Share(1, 1, 2)),
        ("auto", 6, None, Share(1, 0.5, 6)),
        ("cpu", None, None, Share(1, 0, 48)),
    ],
)
def test_actors_share_gpus(device: str, jobs: int | None, items: int | None, expected: Share) -> None:
    nodes = [{"CPU": 16.0, "GPU": 4.0}, {"CPU": 32.0}]
    assert RayActors(None, device).share(nodes, jobs, items) == expected


def test_a_cluster_without_what_is_needed() -> None:
    with pytest.raises(LcompError, match="no GPU"):
        RayActors(None, "cuda").share([{"CPU": 4.0}], None, None)
    with pytest.raises(LcompError, match="no node of the cluster has 8 cores"):
        RayActors(None, "cpu", 8).share([{"CPU": 4.0}, {"CPU": 4.0}], None, None)


def test_nothing_is_awaited_where_nobody_listens() -> None:
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(ConnectionRefusedError):
            check_reachable(address)
    check_reachable("auto")


def test_reasons_are_one_line() -> None:
    assert reason("Traceback ...\n  File\nlcomp.errors.LcompError: a node has lcomp 2\n") == "a node has lcomp 2"
    assert reason(ValueError()) == "ValueError"


class LostError(Exception):
    """What Ray raises of an actor that died."""


def test_it_is_said_when_all_nodes_are_lost(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The first actor starts and dies, and its successor starts when a node has joined."""
    happens: list[list[Any]] = [["start 0"], ["item 0"], [], ["start 1"], ["item 1"]]
    patience, actors = [], iter(range(2))

    def make(*setting: object) -> SimpleNamespace:
        number = next(actors)
        does = {"take": f"start {number}", "run": f"item {number}"}
        return SimpleNamespace(**{name: SimpleNamespace(remote=lambda _, ref=ref: ref) for name, ref in does.items()})

    def wait(refs: list[str], timeout: float | None) -> tuple[list[str], list[str]]:
        patience.append(timeout)
        ready = happens.pop(0)
        assert set(ready) <= set(refs)
        return ready, []

    def get(ref: str) -> str:
        if ref == "item 0":
            raise LostError
        return f"result of {ref}"

    ray = SimpleNamespace(
        remote=lambda **_: lambda _: SimpleNamespace(remote=make),
        wait=wait,
        get=get,
        kill=lambda _: None,
        exceptions=SimpleNamespace(RayError=LostError),
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    (done,) = Crew(str, ["a"], Share(1, 0, 1)).results(1)
    assert (done.item, done.result, done.deaths) == ("a", "result of item 1", 1)
    assert patience == [PATIENCE, None, PATIENCE, PATIENCE, None]
    assert [record.getMessage() for record in caplog.records].count(
        "nothing runs on the cluster: it may have no room, or have lost its nodes"
    ) == 1
