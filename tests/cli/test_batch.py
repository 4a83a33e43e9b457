"""Folders and many files: what is worked on, what becomes of it, interruptions."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import typer

from helpers.command import PROGRAM, lcomp, one_line
from helpers.pictures import noise_image
from lcomp.cli import inputs as planning
from lcomp.cli.batch import KeptAttempt, Manner, run
from lcomp.cli.inputs import Job
from lcomp.cli.reports import RehearsalReport
from lcomp.errors import FormatError, LcompError, OutputExistsError
from lcomp.format.container import MAGIC
from lcomp.types import Progress
from lcomp.workers import Worker

PNG = frozenset({".png"})


def plan(
    inputs: list[str], output: str | None, suffix: str, kinds: frozenset[str], recursive: bool = False
) -> list[Job]:
    return planning.plan(inputs, output, suffix, kinds, recursive).jobs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """photos/a.png, photos/sub/b.PNG, photos/sub/deep/c.png and files that are no pictures."""
    for name in ("a.png", "sub/b.PNG", "sub/deep/c.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_image(40, 30).save(path)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / ".lcomp-1.part").write_bytes(b"left over")
    return tmp_path


def test_folders_are_mirrored(tree: Path) -> None:
    jobs = plan([str(tree / "photos")], str(tree / "out"), ".lic", PNG, recursive=True)
    places = {Path(job.source).relative_to(tree): Path(job.output).relative_to(tree) for job in jobs}
    assert places == {
        Path("photos/a.png"): Path("out/a.lic"),
        Path("photos/sub/b.PNG"): Path("out/sub/b.lic"),
        Path("photos/sub/deep/c.png"): Path("out/sub/deep/c.lic"),
    }
    beside = plan([str(tree / "photos")], None, ".lic", PNG, recursive=True)
    assert Path(beside[0].output) == tree / "photos" / "a.lic"


def test_folders_need_recursive_and_something_in_them(tree: Path) -> None:
    with pytest.raises(typer.BadParameter, match="--recursive"):
        plan([str(tree / "photos")], None, ".lic", PNG)
    with pytest.raises(LcompError, match="nothing to work on"):
        plan([str(tree / "photos")], None, ".lic", frozenset({".gif"}), recursive=True)
    with pytest.raises(typer.BadParameter, match="stdout"):
        plan([str(tree / "photos")], "-", ".lic", PNG, recursive=True)


def test_files_that_share_an_output(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise_image(40, 30).save(tree / "photos" / "a.gif")
    kinds = PNG | {".gif"}
    jobs = plan([str(tree / "photos")], str(tree / "out"), ".lic", kinds, recursive=True)
    assert [Path(job.output).name for job in jobs] == ["a.gif.lic", "a.png.lic", "b.lic", "c.lic"]
    assert not any(job.problem for job in jobs)
    named = [str(tree / "photos" / name) for name in ("a.gif", "a.png")]
    assert [job.output for job in plan(named, None, ".lic", kinds)] == [f"{name}.lic" for name in named]
    # the same name in two folders, of which one was named
    jobs = plan([named[1], str(tree / "photos")], str(tree / "out"), ".lic", PNG, recursive=True)
    assert [Path(job.output).name for job in jobs] == ["a.lic", "b.lic", "c.lic"]
    noise_image(40, 30).save(tree / "a.png")
    jobs = plan([str(tree / "a.png"), str(tree / "photos")], str(tree / "out"), ".lic", PNG, recursive=True)
    assert [bool(job.problem) for job in jobs] == [False, True, False, False]
    assert str(tree / "a.png") in jobs[1].problem
    assert [Path(job.output).name for job in jobs] == ["a.lic", "a.lic", "b.lic", "c.lic"]
    # by whatever name
    monkeypatch.chdir(tree / "photos")
    assert [job.output for job in plan(["a.png", named[0]], None, ".lic", kinds)] == ["a.png.lic", f"{named[0]}.lic"]
    # of files that were named one by one it is an error
    with pytest.raises(typer.BadParameter, match="several"):
        plan([named[1], str(tree / "a.png")], str(tree), ".lic", PNG)


def test_what_is_reached_twice_is_done_once(tree: Path) -> None:
    photos = str(tree / "photos")
    for again in (photos, f"{photos}/sub", f"{photos}/sub/../sub/b.PNG", f"{photos}/."):
        assert len(plan([photos, again], None, ".lic", PNG, recursive=True)) == 3
    assert len(plan([photos, photos], str(tree / "out"), ".lic", PNG, recursive=True)) == 3
    # what was made before is among all files of a folder
    (tree / "photos" / "a.lic").write_bytes(MAGIC + b"made before")
    jobs = plan([f"{photos}/a.lic", f"{photos}/a.png"], None, ".lic", PNG)
    assert [Path(job.output).name for job in jobs] == ["a.lic", "a.lic"]
    assert jobs[0].problem == "is a .lic file already"
    assert not jobs[1].problem
    # another place in the output is another file
    assert len(plan([photos, f"{photos}/sub"], str(tree / "out"), ".lic", PNG, recursive=True)) == 5


def test_folders_that_cannot_be_read_are_failures(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir, locked = os.scandir, tree / "photos" / "sub"

    def guarded(path: str) -> object:
        if Path(path) == locked:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    jobs = plan([str(tree / "photos")], str(tree / "out"), ".lic", PNG, recursive=True)
    assert [(Path(job.source).name, job.problem) for job in jobs] == [("a.png", ""), ("sub", "Permission denied")]
    told = lcomp("info", "-r", tree / "photos")
    assert (told.returncode, one_line(told)) == (1, f"lcomp: {locked}: Permission denied\n")


def test_files_that_cannot_be_looked_at_are_left_to_the_attempt(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = Path.stat

    def guarded(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.parent.name == "deep":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", guarded)
    jobs = plan([str(tree / "photos")], str(tree / "out"), ".lic", PNG, recursive=True)
    assert [Path(job.source).name for job in jobs] == ["a.png", "b.PNG", "c.png"]
    assert len(plan([jobs[2].source, jobs[0].source], str(tree / "out"), ".lic", PNG)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no links without privileges here")
def test_links_to_folders_are_not_followed(tree: Path) -> None:
    (tree / "photos" / "again").symlink_to(tree / "photos")
    (tree / "photos" / "z.png").symlink_to(tree / "photos" / "a.png")
    jobs = plan([str(tree / "photos")], None, ".lic", PNG, recursive=True)
    assert [Path(job.source).name for job in jobs] == ["a.png", "b.PNG", "c.png", "z.png"]


@dataclass(frozen=True)
class Copy:
    """Work that copies text and does what the text says."""

    def __call__(self, source: str, output: str, progress: Progress) -> RehearsalReport:
        text = Path(source).read_text()
        if text == "bad":
            raise FormatError("bad data")
        if text == "die":
            os._exit(9)
        if text == "late":
            raise OutputExistsError("output exists")
        if text == "odd":
            raise AttributeError("of some library")
        Path(output).write_text(text)
        progress(1, 1)
        return RehearsalReport("copied", text)


def jobs_of(folder: Path, *texts: str) -> list[Job]:
    jobs = []
    for number, text in enumerate(texts):
        (folder / f"{number}.in").write_text(text)
        jobs.append(Job(str(folder / f"{number}.in"), str(folder / f"{number}.out")))
    return jobs


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_errors_do_not_stop_the_rest(processes: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = jobs_of(tmp_path, "one", "bad", "two", "three")
    jobs.append(Job(str(tmp_path / "missing.in"), str(tmp_path / "missing.out")))
    with pytest.raises(typer.Exit) as left:
        run(Copy(), jobs, Manner("copying", verbose=False, quiet=False, jobs=processes))
    assert left.value.exit_code == 1
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines[:-1]) == sorted(
        [
            "copied -> one",
            "copied -> two",
            "copied -> three",
            f"lcomp: {jobs[1].source}: bad data",
            f"lcomp: {jobs[4].source}: No such file or directory",
        ]
    )
    assert lines[-1] == "3 of 5 done, 2 failed"
    (tmp_path / "1.in").write_text("good")
    (tmp_path / "0.out").write_text("kept")
    run(Copy(), jobs[:4], Manner("copying", verbose=False, quiet=False, jobs=processes, skip_existing=True))
    assert capfd.readouterr().err.splitlines() == ["copied -> good", "1 of 4 done, 0 failed, 3 skipped"]
    assert (tmp_path / "0.out").read_text() == "kept"


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_another_run_has_made_meanwhile_is_skipped(
    processes: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    jobs = jobs_of(tmp_path, "one", "late", "late")
    manner = Manner("copying", verbose=False, quiet=False, jobs=processes, skip_existing=True)
    run(Copy(), jobs, manner)
    lines = capfd.readouterr().err.splitlines()
    skipped = [f"{job.source}: skipped, output {job.output} exists" for job in jobs[1:]]
    assert sorted(lines[:-1]) == sorted(["copied -> one", *skipped])
    assert lines[-1] == "1 of 3 done, 0 failed, 2 skipped"
    with pytest.raises(typer.Exit):
        run(Copy(), jobs, replace(manner, skip_existing=False))
    assert capfd.readouterr().err.splitlines()[-1] == "1 of 3 done, 2 failed"


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_whatever_is_raised_fails_one_picture(
    processes: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    jobs = jobs_of(tmp_path, "odd", "one", "two")
    with pytest.raises(typer.Exit) as left:
        run(Copy(), jobs, Manner("copying", verbose=False, quiet=False, jobs=processes))
    assert left.value.exit_code == 1
    errors = capfd.readouterr().err
    assert f"lcomp: {jobs[0].source}: unexpected AttributeError: of some library\n" in errors
    assert "2 of 3 done, 1 failed" in errors


def test_a_mac_tells_no_cases_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [str(tmp_path / name) for name in ("one/caf\u00e9.png", "two/Cafe\u0301.png")]
    monkeypatch.setattr(sys, "platform", "linux")
    assert len({job.output for job in plan(inputs, str(tmp_path), ".lic", frozenset({".png"}))}) == 2
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(typer.BadParameter, match="several inputs would be written to"):
        plan(inputs, str(tmp_path), ".lic", frozenset({".png"}))
    # what differs in its suffix too keeps that
    jobs = plan([inputs[0], inputs[1].replace(".png", ".jpg")], str(tmp_path), ".lic", frozenset())
    assert [Path(job.output).name for job in jobs] == ["caf\u00e9.png.lic", "Cafe\u0301.jpg.lic"]


def test_a_mac_leaves_files_that_are_no_pictures(tmp_path: Path) -> None:
    for name in ("a.png", "._a.png"):
        (tmp_path / name).touch()
    [job] = plan([str(tmp_path)], None, ".lic", frozenset({".png"}), recursive=True)
    assert Path(job.source).name == "a.png"


def test_problems_are_not_skipped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first, second = jobs_of(tmp_path, "one", "two")
    second = second._replace(output=first.output, problem="would be written to the same file")
    (tmp_path / "folder").mkdir()
    third = jobs_of(tmp_path, "three")[0]._replace(output=str(tmp_path / "folder"))
    Path(first.output).write_text("one")
    with pytest.raises(typer.Exit):
        run(Copy(), [first, second, third], Manner("copying", verbose=False, quiet=False, skip_existing=True))
    errors = capfd.readouterr().err
    assert "would be written to the same file" in errors
    assert os.strerror(errno.EACCES if sys.platform == "win32" else errno.EISDIR) in errors
    assert "0 of 3 done, 2 failed, 1 skipped" in errors


def test_failures_that_agree_keep_their_code(tmp_path: Path) -> None:
    with pytest.raises(typer.Exit) as left:
        run(Copy(), jobs_of(tmp_path, "bad", "one", "bad"), Manner("copying", verbose=False, quiet=True))
    assert left.value.exit_code == FormatError.exit_code


@pytest.mark.slow
def test_a_process_that_dies_fails_its_picture_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = jobs_of(tmp_path, "die", "one", "two", "three")
    with pytest.raises(typer.Exit) as left:
        run(Copy(), jobs, Manner("copying", verbose=False, quiet=False, jobs=2))
    assert left.value.exit_code == 1
    errors = capfd.readouterr().err
    assert f"{jobs[0].source}: its process died" in errors
    assert "3 of 4 done, 1 failed" in errors


@pytest.mark.slow
@pytest.mark.parametrize("unread", [False, True])
def test_a_worker_whose_parent_is_gone_ends_without_a_word(
    unread: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    worker = Worker(KeptAttempt(Copy(), Manner("copying", verbose=False, quiet=False, jobs=2)), 2)
    worker.start(jobs_of(tmp_path, "one")[0])
    if unread:
        assert worker.pipe.poll(60)
    worker.pipe.close()
    worker.process.join(60)
    assert worker.process.exitcode == 0
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_folder_on_the_command_line(tree: Path) -> None:
    photos, out = tree / "photos", tree / "out"
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    result = lcomp("encode", photos, "-o", out, "--recursive", "--jobs", "2", "-q", "2")
    assert result.returncode == 3
    assert b"3 of 4 done, 1 failed" in result.stderr
    assert sorted(path.relative_to(out) for path in out.rglob("*.lic")) == [
        Path("a.lic"),
        Path("sub/b.lic"),
        Path("sub/deep/c.lic"),
    ]
    again = lcomp("decode", "-r", out, "-o", tree / "back", "--skip-existing")
    assert again.returncode == 0
    assert len(list((tree / "back").rglob("*.png"))) == 3
    assert lcomp("encode", photos, "-r", "-f", "--skip-existing").returncode == 2


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process here")
def test_interrupted_folders_go_on(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(6):
        noise_image(800, 600, number).save(photos / f"{number}.ppm")
    arguments = [*PROGRAM, "encode", str(photos), "-r", "-o", str(out), "--jobs", "2"]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    limit = time.monotonic() + 60
    while not list(out.glob("*.lic")) and time.monotonic() < limit:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT  # shells show it as 130, and end their loops
    assert errors.endswith(b"lcomp: interrupted\n")
    assert b"Traceback" not in errors
    done = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert 0 < len(done) < 6
    assert all(name.endswith(".lic") for name in done)
    assert subprocess.run([*arguments, "--skip-existing", "--quiet"], check=False).returncode == 0
    assert len(list(out.iterdir())) == 6
    assert {name: (out / name).stat().st_mtime_ns for name in done} == done
