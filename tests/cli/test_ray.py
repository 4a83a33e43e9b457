"""`--engine ray`: on a cluster of two nodes, and on one started from nothing, as on this machine alone."""

import json
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from helpers.cluster import TwoNodes
from helpers.command import PROGRAM, lcomp_process, one_line
from helpers.paths import ROOT
from helpers.pictures import noise_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.process,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'lcomp[ray]'"),
]

COUNT = 8
"""Pictures."""


@pytest.fixture(scope="module", autouse=True)
def _private_cluster() -> Iterator[None]:
    """Clusters that nobody else may join, whose files are gone afterwards."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="lcomp-") as folder:
        for name, value in {
            "RAY_TMPDIR": folder,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        }.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        yield


@pytest.fixture(scope="module")
def cluster(_private_cluster: None) -> Iterator[TwoNodes]:
    cluster = TwoNodes()
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and what is none."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(COUNT):
        noise_image(200, 140, number).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return folder


@pytest.fixture(scope="module")
def local(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What this machine alone makes of the pictures."""
    out = tmp_path_factory.mktemp("local")
    assert lcomp_process("encode", "-r", photos, "-o", out, "--jobs", "2", "-e", "2").returncode == 3
    return contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, leftovers included."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(text: str) -> list[str]:
    """The lines of a run in order of their names, without times."""
    return sorted(re.sub(r"[\d.]+ s$", "", line) for line in text.splitlines())


def encoding(photos: Path, out: Path, *more: str) -> "subprocess.Popen[str]":
    """A command on a cluster, under way."""
    arguments = [*PROGRAM, "encode", "-r", str(photos), "-o", str(out), "-e", "2", "--engine", "ray", *more]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_files(out: Path, process: "subprocess.Popen[str]") -> None:
    while not list(out.glob("*.lic")) and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()


@pytest.mark.parametrize("what", ["actor", "node"])
def test_what_dies_loses_no_picture(
    what: str, cluster: TwoNodes, photos: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    process = encoding(photos, tmp_path / "out", "--address", cluster.address)
    wait_for_files(tmp_path / "out", process)
    cluster.kill(what)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 3
    told = [line for line in errors.splitlines() if " -> " in line and not line.startswith(f"{COUNT} of")]
    assert sorted(Path(line.partition(" -> ")[0]).name for line in told) == [f"{number}.png" for number in range(COUNT)]
    assert errors.splitlines()[-1].startswith(f"{COUNT} of {COUNT + 1} done, 1 failed: ")
    assert len(errors.splitlines()) == COUNT + 2
    assert output == ""
    made = contents(tmp_path / "out")
    # what was being written when a node died is left under another name
    assert {name: data for name, data in made.items() if name.endswith(".lic")} == local


def test_an_item_that_kills_its_actors_fails(cluster: TwoNodes, tmp_path: Path) -> None:
    texts = {"a": "one", "b": "die", "c": "die once", "d": "die late", "e": "two"}
    for name, text in texts.items():
        (tmp_path / f"{name}.in").write_text(text)
    command = [sys.executable, "-m", "helpers.mortal", cluster.address, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 1
    assert result.stdout == ""
    assert sorted(result.stderr.splitlines()[:-1]) == sorted(
        [
            "a.in -> one",
            f"lcomp: {tmp_path}/b.in: its process died (out of memory?): use fewer --jobs",
            "c.in -> die once",
            f"{tmp_path}/d.in -> {tmp_path}/d.out: 8 -> 8 bytes (100 %), its process died since",
            "e.in -> two",
        ]
    )
    assert result.stderr.splitlines()[-1].startswith("4 of 5 done, 1 failed")
    assert {path.name[0]: len(path.read_text()) for path in tmp_path.glob("*.tries")} == {
        **dict.fromkeys("ae", 1),
        "b": 3,
        **dict.fromkeys("cd", 2),
    }


def test_a_cluster_decodes_and_measures(
    cluster: TwoNodes, photos: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "lic").mkdir()
    for name in ("0.lic", "1.lic"):
        (tmp_path / "lic" / name).write_bytes(local[name])
    run = ["decode", "-r", "lic", "--json", "-o"]
    here = lcomp_process(*run, "here", "--jobs", "2", cwd=tmp_path)
    there = lcomp_process(*run, "there", "--engine", "ray", "--address", cluster.address, cwd=tmp_path)
    assert here.returncode == there.returncode == 0
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert len(there.stdout.splitlines()) == 2
    (tmp_path / "two").mkdir()
    for number in range(2):
        noise_image(96, 64, number).save(tmp_path / "two" / f"{number}.png")
    run = [
        "eval",
        "--dataset",
        str(tmp_path / "two"),
        "--models",
        "hyperprior",
        "-q",
        "2",
        "--codecs",
        "jpeg",
        "--json",
    ]
    here = lcomp_process(*run, "--jobs", "2")
    there = lcomp_process(*run, "--engine", "ray", "--address", cluster.address)
    assert here.returncode == there.returncode == 0, there.stderr
    assert json.loads(here.stdout)["rows"] == json.loads(there.stdout)["rows"]


def test_from_nothing(photos: Path, local: dict[str, bytes], tmp_path: Path) -> None:
    process = encoding(photos, tmp_path / "out", "--jobs", "2")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 3
    assert contents(tmp_path / "out") == local
    again = lcomp_process("encode", "-r", photos, "-o", tmp_path / "again", "--jobs", "2", "-e", "2")
    assert lines(again.stderr.decode().replace("again", "out")) == lines(errors)


def test_interrupted(cluster: TwoNodes, photos: Path, local: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = encoding(photos, out, "--address", cluster.address)
    wait_for_files(out, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.endswith("lcomp: interrupted\n")
    assert all(" -> " in line for line in errors.splitlines()[:-1] if "broken.png" not in line)
    made = contents(out)
    assert 0 < len(made) < COUNT
    assert all(local[name] == data for name, data in made.items())


def test_what_listens_may_be_no_cluster(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_gcs_rpc_server_connect_timeout_s", "1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        command = [*PROGRAM, "encode", photos / "0.png", "-o", tmp_path / "a.lic", "--engine", "ray"]
        result = subprocess.run([*command, "--address", address], capture_output=True, check=False, timeout=120)
    assert result.returncode == 1
    assert f"the Ray cluster at {address} cannot be reached" in one_line(result)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_a_cluster_that_is_not_there(address: str, photos: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    picture = photos / "0.png"
    result = lcomp_process("encode", picture, "-o", tmp_path / "a.lic", "--engine", "ray", "--address", address)
    assert result.returncode == 1
    assert "cannot be reached" in one_line(result)
    assert time.monotonic() - started < 60
