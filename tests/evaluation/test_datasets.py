"""Folders of pictures, and Kodak: found, verified, fetched."""

import hashlib
import urllib.error
from pathlib import Path

import pytest

from helpers.paths import DATA
from lcomp.errors import LcompError
from lcomp.evaluation import datasets


def no_progress(done: int, total: int) -> None:
    pass


def test_any_folder_is_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "sub/a.JPG", "notes.txt", "out/plot.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = datasets.find_dataset(str(tmp_path), None, tmp_path / "out", no_progress)
    assert [found.picture_name(file) for file in found.files] == ["b.png", "sub/a.JPG"]
    with pytest.raises(LcompError, match="holds no pictures"):
        datasets.find_dataset(str(tmp_path / "out"), None, tmp_path / "out", no_progress)
    with pytest.raises(LcompError, match="neither a folder"):
        datasets.find_dataset("nowhere", None, None, no_progress)


@pytest.fixture
def little_kodak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """A Kodak of two pictures, with no folder of it anywhere."""
    pictures = {"kodim01.png": b"one", "kodim02.png": b"two"}
    digests = [(name, hashlib.sha256(data).hexdigest()) for name, data in pictures.items()]
    monkeypatch.setattr(datasets, "kodak_digests", lambda: digests)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LCOMP_DATA", raising=False)
    return pictures


def test_kodak_is_looked_for_in_order_and_verified(
    little_kodak: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, named = tmp_path / "shared" / "kodak", tmp_path / "named"
    for folder in (shared, named):
        folder.mkdir(parents=True)
        for name, data in little_kodak.items():
            (folder / name).write_bytes(data)
    monkeypatch.setenv("LCOMP_DATA", str(shared.parent))
    assert datasets.find_dataset("kodak", None, None, no_progress).folder == shared
    assert datasets.find_dataset("kodak", named, None, no_progress).folder == named
    (named / "kodim02.png").write_bytes(b"tow")
    with pytest.raises(LcompError, match=r"kodim02.png is not the original"):
        datasets.find_dataset("kodak", named, None, no_progress)
    (named / "kodim02.png").unlink()
    with pytest.raises(LcompError, match=r"kodim02.png: No such file"):
        datasets.find_dataset("kodak", named, None, no_progress)


def test_kodak_is_fetched_into_the_cache(
    little_kodak: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server").mkdir()
    monkeypatch.setattr(datasets, "KODAK_URL", f"{(tmp_path / 'server').as_uri()}/")
    told: list[tuple[int, int]] = []
    for name, data in little_kodak.items():
        (tmp_path / "server" / name).write_bytes(data)
    found = datasets.find_dataset("kodak", None, None, lambda *count: told.append(count))
    assert found.folder == tmp_path / "cache" / "lcomp" / "kodak"
    assert {file.name: file.read_bytes() for file in found.files} == little_kodak
    assert told == [(0, 2), (1, 2), (2, 2)]
    # what is there is not fetched again; what the server has wrong is not kept
    (tmp_path / "server" / "kodim01.png").unlink()
    (tmp_path / "server" / "kodim02.png").write_bytes(b"wrong")
    assert datasets.find_dataset("kodak", None, None, no_progress) == found
    (found.folder / "kodim02.png").unlink()
    with pytest.raises(LcompError, match=r"kodim02.png is not the original"):
        datasets.find_dataset("kodak", None, None, no_progress)
    assert [file.name for file in found.folder.iterdir()] == ["kodim01.png"]


def test_offline_one_line_says_where_kodak_belongs(
    little_kodak: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(datasets.urllib.request, "urlopen", offline)
    with pytest.raises(LcompError) as caught:
        datasets.find_dataset("kodak", None, None, no_progress)
    assert str(tmp_path / "cache" / "lcomp" / "kodak") in str(caught.value)
    assert "no network" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shipped_digests_are_those_of_kodak() -> None:
    digests = datasets.kodak_digests()
    assert [name for name, _ in digests] == [f"kodim{number:02}.png" for number in range(1, 25)]
    for name in ("kodim05.png", "kodim23.png"):
        data = (DATA / name).read_bytes()
        assert (name, hashlib.sha256(data).hexdigest()) in digests


def test_without_a_home_the_pictures_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(kind: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", classmethod(nowhere))
    for name in ("XDG_CACHE_HOME", "LCOMP_DATA"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LcompError, match="--data"):
        datasets.find_dataset("kodak", None, None, lambda done, total: None)
