"""Buckets as inputs and outputs, on a server that speaks as S3 does."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lcomp as library
from helpers.command import lcomp, lcomp_process, one_line
from helpers.pictures import flat_png
from helpers.s3 import Server, s3_server

pytest.importorskip("moto", reason="needs moto: pip install 'lcomp[test-cloud]'")
s3fs = pytest.importorskip("s3fs", reason="needs s3fs: pip install 'lcomp[cloud]'")

NAMES = ["a.png", "b/c.png", "b/d e.png"]
OUTPUTS = ["lic/a.lic", "lic/b/c.lic", "lic/b/d e.lic"]


@dataclass(frozen=True)
class Bucket:
    """The bucket `bucket`."""

    system: Any
    server: Server

    def keys(self, folder: str = "lic") -> list[str]:
        return [key.removeprefix("bucket/") for key in self.system.find(f"bucket/{folder}")]

    def read(self, key: str) -> bytes:
        return bytes(self.system.cat_file(f"bucket/{key}"))

    def write(self, key: str, data: bytes) -> None:
        self.system.pipe_file(f"bucket/{key}", data)

    def fail(self, method: str, key: str, times: int = 1000) -> None:
        self.server.faults.left[method, f"/bucket/{key}"] = times


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def bucket(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket with three pictures and a text below `photos`."""
    settings = {"ENDPOINT_URL": server.url, "DEFAULT_REGION": "us-east-1", "MAX_ATTEMPTS": "2"}
    for name, value in (settings | {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3fs.S3FileSystem.clear_instance_cache()
    made = Bucket(s3fs.S3FileSystem(use_listings_cache=False), server)
    made.system.mkdir("bucket")
    for number, name in enumerate(NAMES):
        made.write(f"photos/{name}", flat_png(50 * number))
    made.write("photos/read.me", b"text")
    yield made
    server.faults.left.clear()
    made.system.rm("bucket", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_tree_is_encoded_and_decoded_from_bucket_to_bucket(bucket: Bucket) -> None:
    encoded = lcomp("encode", "s3://bucket/photos", "-r", "-o", "s3://bucket/lic")
    assert encoded.returncode == 0, encoded.stderr
    assert b"s3://bucket/photos/b/d e.png -> s3://bucket/lic/b/d e.lic" in encoded.stderr
    assert b"3 of 3 done, 0 failed, 1 other file left out" in encoded.stderr
    assert bucket.keys() == OUTPUTS
    assert lcomp("decode", "s3://bucket/lic/", "-r", "-o", "s3://bucket/png").returncode == 0
    with Image.open(io.BytesIO(bucket.read("png/b/d e.png"))) as image:
        assert np.abs(np.asarray(image)[3, 3] - np.array([100, 90, 200])).max() < 8


def test_local_and_remote_mix(bucket: Bucket, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert lcomp("encode", "s3://bucket/photos", "-r", "-o", out).returncode == 0
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.lic")) == [
        "a.lic",
        "b/c.lic",
        "b/d e.lic",
    ]
    assert lcomp("decode", out / "a.lic", "-o", "s3://bucket/back.png").returncode == 0
    assert Image.open(io.BytesIO(bucket.read("back.png"))).size == (24, 16)
    piped = lcomp("encode", "s3://bucket/photos/a.png", "-o", "-")
    assert piped.stdout == (out / "a.lic").read_bytes()
    assert lcomp("decode", "-", "-o", "s3://bucket/stdin.png", data=piped.stdout).returncode == 0
    assert bucket.read("stdin.png") == bucket.read("back.png")


def test_info_and_thumbnail_of_a_bucket(bucket: Bucket) -> None:
    assert lcomp("encode", "s3://bucket/photos/a.png").returncode == 0
    facts = json.loads(lcomp("info", "s3://bucket/photos/a.lic", "--json").stdout)
    assert (facts["file"], facts["width"]) == ("s3://bucket/photos/a.lic", 24)
    assert len(lcomp("info", "s3://bucket/photos", "-r").stdout.splitlines()) == 1
    assert lcomp("thumbnail", "s3://bucket/photos/a.lic", "s3://bucket/small.png", "-s", "8").returncode == 0
    assert Image.open(io.BytesIO(bucket.read("small.png"))).size == (8, 5)


def test_nothing_is_overwritten_without_force(bucket: Bucket) -> None:
    bucket.write("lic/a.lic", b"precious")
    refused = lcomp("encode", "s3://bucket/photos/a.png", "-o", "s3://bucket/lic/a.lic")
    assert refused.returncode == 1
    assert "output s3://bucket/lic/a.lic exists" in one_line(refused)
    assert bucket.read("lic/a.lic") == b"precious"
    assert lcomp("encode", "s3://bucket/photos/a.png", "-o", "s3://bucket/lic/a.lic", "-f").returncode == 0
    assert bucket.read("lic/a.lic").startswith(b"\xacL\r\n")


def test_what_another_writes_meanwhile_is_kept(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the last look at the output and the upload there is no moment in which it could be lost."""
    pipe_file = s3fs.S3FileSystem.pipe_file

    def late(system: Any, path: str, data: bytes, **options: str) -> None:
        pipe_file(system, path, b"theirs")
        pipe_file(system, path, data, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "pipe_file", late)
    refused = lcomp("encode", "s3://bucket/photos/a.png", "-o", "s3://bucket/lic/a.lic")
    assert refused.returncode == 1
    assert "exists" in one_line(refused)
    assert bucket.read("lic/a.lic") == b"theirs"


def test_what_another_run_writes_meanwhile_is_skipped(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe_file = s3fs.S3FileSystem.pipe_file

    def late(system: Any, path: str, data: bytes, **options: str) -> None:
        pipe_file(system, path, b"theirs")
        pipe_file(system, path, data, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "pipe_file", late)
    run = lcomp("encode", "s3://bucket/photos/a.png", "-o", "s3://bucket/lic/a.lic", "--skip-existing")
    assert run.returncode == 0
    assert b"1 skipped" in run.stderr
    assert bucket.read("lic/a.lic") == b"theirs"


def test_a_fault_is_one_line_and_the_next_run_finishes(bucket: Bucket) -> None:
    bucket.fail("PUT", "lic/b/c.lic")
    run = ["encode", "s3://bucket/photos", "-r", "-o", "s3://bucket/lic", "--skip-existing"]
    broken = lcomp(*run)
    assert broken.returncode == 1
    failures = [line for line in broken.stderr.decode().splitlines() if line.startswith("lcomp: ")]
    assert len(failures) == 1
    assert failures[0].startswith("lcomp: s3://bucket/photos/b/c.png: cannot write s3://bucket/lic/b/c.lic: ")
    assert "broken on purpose" in failures[0]
    assert bucket.keys() == ["lic/a.lic", "lic/b/d e.lic"]
    bucket.server.faults.left.clear()
    made = bucket.system.info("bucket/lic/a.lic")["LastModified"]
    finished = lcomp(*run)
    assert finished.returncode == 0
    assert b"1 of 3 done, 0 failed, 2 skipped" in finished.stderr
    assert bucket.keys() == OUTPUTS
    assert bucket.system.info("bucket/lic/a.lic")["LastModified"] == made


def test_a_fault_while_replacing_leaves_the_old_file(bucket: Bucket) -> None:
    bucket.write("lic/a.lic", b"old")
    bucket.fail("PUT", "lic/a.lic")
    assert lcomp("encode", "s3://bucket/photos/a.png", "-o", "s3://bucket/lic/a.lic", "-f").returncode == 1
    bucket.server.faults.left.clear()
    assert bucket.read("lic/a.lic") == b"old"


def test_a_fault_that_passes_is_tried_again(bucket: Bucket) -> None:
    bucket.fail("PUT", "lic/a.lic", times=1)
    bucket.fail("GET", "photos/a.png", times=1)
    assert lcomp("encode", "s3://bucket/photos/a.png", "-o", "s3://bucket/lic/a.lic").returncode == 0
    assert not +bucket.server.faults.left


def test_an_input_that_cannot_be_read_is_one_line(bucket: Bucket) -> None:
    bucket.fail("GET", "photos/a.png")
    failed = lcomp("encode", "s3://bucket/photos/a.png", "s3://bucket/photos/none.png", "-o", "s3://bucket/lic")
    assert failed.returncode == 1
    first, second, _ = failed.stderr.decode().splitlines()
    assert first.startswith("lcomp: s3://bucket/photos/a.png: ")
    assert second == "lcomp: s3://bucket/photos/none.png: No such file or directory"
    assert bucket.keys() == []


def test_a_server_that_is_gone_is_one_line(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    failed = lcomp("encode", "s3://bucket/photos", "-r", "-o", "s3://bucket/lic")
    assert failed.returncode == 1
    assert one_line(failed).startswith("lcomp: s3://bucket/lic: Could not connect to the endpoint URL")


def test_older_outputs_are_made_anew(bucket: Bucket) -> None:
    run = ["encode", "s3://bucket/photos/a.png", "-o", "s3://bucket/lic/a.lic", "--skip-existing"]
    bucket.write("lic/a.lic", b"")
    assert b"0 skipped" not in lcomp(*run).stderr
    assert b"1 skipped" in lcomp(*run).stderr


def test_dry_runs_write_nothing(bucket: Bucket) -> None:
    rehearsed = lcomp("encode", "s3://bucket/photos", "-r", "-o", "s3://bucket/lic", "--dry-run")
    assert rehearsed.returncode == 0
    assert b"s3://bucket/photos/a.png -> s3://bucket/lic/a.lic" in rehearsed.stderr
    assert bucket.keys() == []


def test_keys_that_lead_out_of_a_folder_are_refused(bucket: Bucket, tmp_path: Path) -> None:
    bucket.write("photos/../../out.png", flat_png())
    failed = lcomp("encode", "s3://bucket/photos", "-r", "-o", tmp_path / "in" / "out")
    assert failed.returncode == 1
    assert b"out.png: the key is not the name of a file\n" in failed.stderr
    assert b"3 of 4 done, 1 failed" in failed.stderr
    assert not [*tmp_path.glob("*.lic"), *tmp_path.glob("in/*.lic")]


def test_times_of_a_bucket_can_be_kept_here_but_not_there(bucket: Bucket, tmp_path: Path) -> None:
    assert lcomp("encode", "s3://bucket/photos/a.png", "-o", tmp_path / "a.lic", "-p").returncode == 0
    there = bucket.system.info("bucket/photos/a.png")["LastModified"]
    assert (tmp_path / "a.lic").stat().st_mtime == there.timestamp()
    refused = lcomp("encode", "s3://bucket/photos/a.png", "-o", "s3://bucket/a.lic", "-p")
    assert refused.returncode == 2
    assert b"--preserve" in refused.stderr


def test_functions_take_urls(bucket: Bucket) -> None:
    data = library.encode("s3://bucket/photos/a.png")
    bucket.write("a.lic", data)
    assert library.open("s3://bucket/a.lic").size == (24, 16)
    assert library.info("s3://bucket/a.lic").width == 24
    library.save("s3://bucket/photos/a.png", "s3://bucket/saved.lic")
    assert bucket.read("saved.lic") == data
    with pytest.raises(library.OutputExistsError):
        library.save("s3://bucket/photos/a.png", "s3://bucket/saved.lic")
    with pytest.raises(FileNotFoundError):
        library.open("s3://bucket/none.lic")


@pytest.mark.parametrize(
    ("options", "encoded", "requests"),
    [
        ((), False, {"HEAD": 2, "LIST": 1, "GET": 1, "PUT": 1}),
        (("--skip-existing",), False, {"HEAD": 4, "LIST": 3, "GET": 1, "PUT": 1}),
        (("--skip-existing",), True, {"HEAD": 2, "GET": 1}),
    ],
    ids=["encoded", "encoded with --skip-existing", "skipped"],
)
def test_how_often_a_server_is_asked(
    options: tuple[str, ...], encoded: bool, requests: dict[str, int], bucket: Bucket
) -> None:
    """The figures of docs/scale.md: by how much the requests grow with one more picture."""
    asked = []
    for number in range(2):
        bucket.write(f"photos/more{number}.png", flat_png())
        run = ["encode", "s3://bucket/photos", "-r", "-o", f"s3://bucket/lic{number}", *options]
        for _ in range(1 + encoded):
            bucket.server.faults.asked.clear()
            assert lcomp(*run).returncode == 0
        asked.append(bucket.server.faults.asked.copy())
    assert asked[1] - asked[0] == requests


@pytest.mark.slow
@pytest.mark.process
def test_several_processes_work_on_a_bucket(bucket: Bucket) -> None:
    run = ["encode", "s3://bucket/photos", "-r", "-o", "s3://bucket/lic", "--jobs", "2"]
    done = lcomp_process(*run)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 4
    assert bucket.keys() == OUTPUTS
