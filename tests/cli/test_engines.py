"""The choice of an engine, and what a batch makes of its results."""

import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

import pytest
import typer

from helpers.command import lcomp, one_line
from lcomp.cli import engines
from lcomp.cli.batch import Manner, Outcome, run
from lcomp.cli.inputs import Job
from lcomp.cli.reports import RehearsalReport
from lcomp.types import Progress
from lcomp.workers import Done, Item, Result


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["a.png", "--address", "auto"], "--address is for --engine ray"),
        (["-", "-o", "a.lic", "--engine", "ray"], "exclude each other"),
        (["a.png", "-o", "-", "--engine", "ray"], "exclude each other"),
        (["a.png", "--engine", "ray", "--device", "cuda:1"], "exclude each other"),
        (["a.png", "--engine", "spark"], "'local', 'ray'"),
    ],
)
def test_wrong_usage(
    options: list[str], message: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcomp.cli.options.version", lambda name: "2.13")  # a torch for GPUs
    (tmp_path / "a.png").write_bytes((folder / "photo.png").read_bytes())
    result = lcomp("encode", *options, cwd=tmp_path)
    assert result.returncode == 2
    assert message in " ".join(result.stderr.decode().replace("│", " ").split())


@pytest.mark.parametrize("command", ["encode", "decode", "eval"])
def test_without_ray(command: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    names = {"encode": ["photo.png", "-o", tmp_path / "a"], "decode": ["photo.lic", "-o", tmp_path / "a"], "eval": []}
    result = lcomp(command, *names[command], "--engine", "ray", cwd=folder)
    assert result.returncode == 3
    assert "pip install 'lcomp[ray]'" in one_line(result)


def test_nobody_else_waits_for_ray() -> None:
    loaded = "print(*{'ray', 'lcomp.cluster', 'lcomp.ray'} & set(sys.modules))"
    code = f"import sys, lcomp.cli.app, lcomp.many, lcomp.evaluation.measure; {loaded}"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.split() == []


def write(source: str, output: str, progress: Progress) -> RehearsalReport:
    raise AssertionError


def late(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int | None
) -> Generator[Done[Item, Result], None, None]:
    """An engine whose workers die of every item; where its output is not there before, just after they wrote it."""
    assert jobs is None
    for number, item in enumerate(items):
        assert isinstance(item, Job)
        outcome = Outcome(item, "output exists", 1, exists=True)
        yield Done(item, outcome, deaths=number)  # type: ignore[arg-type]


def test_what_was_written_by_a_process_that_died_is_done(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = []
    for number in range(3):
        (tmp_path / f"{number}.in").write_text("input")
        jobs.append(Job(str(tmp_path / f"{number}.in"), str(tmp_path / f"{number}.out")))
    for number in (0, 1):
        (tmp_path / f"{number}.out").write_text("out")
    with pytest.raises(typer.Exit) as end:
        run(write, jobs, Manner("copying", False, False, None, engine=late))
    assert end.value.exit_code == 1
    assert capfd.readouterr().err.splitlines() == [
        f"lcomp: {jobs[0].source}: output exists",
        f"{jobs[1].source} -> {jobs[1].output}: 5 -> 3 bytes (60 %), its process died since",
        f"lcomp: {jobs[2].source}: output exists",
        "1 of 3 done, 2 failed",
    ]


def test_no_engine_is_started_for_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def unreachable(
        work: Callable[[Item], Result], items: Iterable[Item], jobs: int | None
    ) -> Generator[Done[Item, Result], None, None]:
        raise AssertionError
        yield

    for name in ("a.in", "a.out"):
        (tmp_path / name).write_text("text")
    job = Job(str(tmp_path / "a.in"), str(tmp_path / "a.out"))
    run(write, [job], Manner("copying", False, False, None, skip_existing=True, engine=unreachable))
    assert capfd.readouterr().err == "0 of 1 done, 0 failed, 1 skipped\n"
