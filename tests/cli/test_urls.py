"""URLs as inputs and outputs: in memory, in archives and on web servers."""

import http.server
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.command import lcomp, one_line
from helpers.pictures import flat_png
from lcomp.places.finding import place
from lcomp.places.urls import without_secrets

fsspec = pytest.importorskip("fsspec", reason="needs fsspec: pip install 'lcomp[cloud]'")


@pytest.fixture
def memory() -> Iterator[object]:
    """What lies in memory: two pictures and a text below `photos`."""
    system = fsspec.filesystem("memory")
    for name in ("a.png", "b/c.png"):
        system.pipe_file(f"/photos/{name}", flat_png())
    system.pipe_file("/photos/read.me", b"text")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def test_a_folder_is_mirrored(memory: fsspec.AbstractFileSystem) -> None:
    encoded = lcomp("encode", "memory://photos", "-r", "-o", "memory://lic")
    assert encoded.returncode == 0, encoded.stderr
    assert b"2 of 2 done, 0 failed, 1 other file left out" in encoded.stderr
    assert memory.find("/lic") == ["/lic/a.lic", "/lic/b/c.lic"]
    again = lcomp("encode", "memory://photos", "-r", "-o", "memory://lic", "--skip-existing")
    assert b"2 skipped" in again.stderr
    assert lcomp("encode", "memory://photos", "-r", "-o", "memory://lic").returncode == 1


def test_a_failed_write_leaves_nothing_behind(
    memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(system: object, path: str, value: bytes) -> None:
        fsspec.AbstractFileSystem.pipe_file(system, path, value[:10])
        raise TimeoutError

    monkeypatch.setattr(type(memory), "pipe_file", broken)
    failed = lcomp("encode", "memory://photos/a.png", "-o", "memory://lic/a.lic")
    assert failed.returncode == 1
    assert one_line(failed).startswith("lcomp: memory://photos/a.png: cannot write memory://lic/a.lic: ")
    assert memory.find("/lic") == []


def test_the_input_is_not_overwritten(memory: fsspec.AbstractFileSystem) -> None:
    refused = lcomp("thumbnail", "memory://photos/a.png", "memory:///photos/a.png")
    assert "is the input itself" in one_line(refused)


def test_pictures_in_an_archive(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.png", flat_png())
        file.writestr("b/c.png", flat_png())
        file.writestr("../out.png", flat_png())
    encoded = lcomp("encode", f"zip://::{archive}", "-r", "-o", tmp_path / "in" / "out")
    assert encoded.returncode == 1
    assert b"photos.zip: the key is not the name of a file\n" in encoded.stderr
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.lic")) == [
        "in/out/a.lic",
        "in/out/b/c.lic",
    ]
    one = lcomp("encode", f"zip://b/c.png::{archive}", "-o", tmp_path / "one.lic")
    assert one.returncode == 0
    assert (tmp_path / "one.lic").read_bytes() == (tmp_path / "in/out/b/c.lic").read_bytes()
    refused = lcomp("encode", f"zip://b/c.png::{archive}")
    assert one_line(refused).endswith("zip:// is for reading\n")


def test_file_urls_are_paths(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(flat_png())
    assert lcomp("encode", (tmp_path / "a b.png").as_uri()).returncode == 0
    assert (tmp_path / "a b.lic").exists()


class Answers(http.server.BaseHTTPRequestHandler):
    """One picture for those who know the token."""

    def do_GET(self) -> None:
        data = flat_png()
        wanted = self.path.startswith("/a.png")
        code = 200 if wanted and self.path.endswith("?token=secret") else 403 if wanted else 404
        self.send_response(code)
        self.send_header("Content-Length", str(len(data) if code == 200 else 0))
        self.end_headers()
        if code == 200 and self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'lcomp[cloud]'")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_picture_on_a_web_server_and_no_secrets(site: str, tmp_path: Path) -> None:
    read = lcomp("encode", f"http://me:password@{site}/a.png?token=secret", "-o", tmp_path / "a.lic", "--json")
    assert read.returncode == 0, read.stderr
    assert f'"input": "http://{site}/a.png?..."'.encode() in read.stdout
    denied = lcomp("encode", f"http://{site}/a.png?token=secreT", "-o", tmp_path / "b.lic")
    missing = lcomp("encode", f"http://me:secret@{site}/b.png?token=secret", "-o", tmp_path / "b.lic")
    assert one_line(denied) == f"lcomp: http://{site}/a.png?...: Permission denied\n"
    assert one_line(missing) == f"lcomp: http://{site}/b.png?...: No such file or directory\n"
    refused = lcomp("encode", tmp_path / "a.lic", "-o", f"http://me:password@{site}/x.lic?token=secret")
    assert one_line(refused).endswith(f"cannot write http://{site}/x.lic?...: http:// is for reading\n")
    for result in (read, denied, missing, refused):
        assert b"secre" not in (result.stdout + result.stderr).lower()
        assert b"password" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://bucket/a.png", "s3://bucket/a.png"),
        ("https://user:pa@ss@host/a?b: gone", "https://host/a?... gone"),
        ("zip://a.png::https://token@host/a.zip?x=y", "zip://a.png::https://host/a.zip?..."),
        ("abfs://container@account/a.png", "abfs://container@account/a.png"),
        ("what? no url@all", "what? no url@all"),
    ],
)
def test_secrets_are_left_out_of_messages(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert without_secrets(shown + ": gone") == shown + ": gone"


@pytest.mark.parametrize(("url", "package"), [("s3://b/a", "s3fs"), ("https://b/a", "aiohttp")])
def test_a_missing_extra_is_named(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    for command in (["encode", url], ["encode", __file__, "-o", url], ["decode", url], ["info", url]):
        failed = lcomp(*command)
        assert failed.returncode == 3
        assert one_line(failed).endswith(f"needs {package}: pip install 'lcomp[cloud]'\n")


def test_an_unknown_scheme_is_named() -> None:
    failed = lcomp("encode", "nonsense://a.png", "-o", "a.lic")
    assert failed.returncode == 3
    assert "nonsense" in one_line(failed)


def test_names_of_urls() -> None:
    assert place("s3://bucket/a/").inside(Path("b", "c.lic")) == "s3://bucket/a/b/c.lic"
    assert place("memory://").inside(Path("c.lic")) == "memory://c.lic"
    assert place("https://host/a.png?b=c/d.jpg").base == "a.png"
    assert place("s3://bucket/a/").real == place("s3a://bucket/a").real


@pytest.mark.process
@pytest.mark.parametrize("code", ["import lcomp", "import lcomp.cli.app"])
def test_nothing_is_imported_for_paths(code: str) -> None:
    asked = f"{code}, sys; print(*{{'fsspec', 'aiohttp', 's3fs'}} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, text=True).stdout == "\n"
