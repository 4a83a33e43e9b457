"""What is published: the page of the package index, the source distribution and the wheel made of it."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import lcomp
from helpers.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOME = PROJECT["urls"]["Homepage"]
RAW = HOME.replace("github.com", "raw.githubusercontent.com")
LARGEST = 100_000_000
"""Limit of the package index on a file, in bytes."""
IN_SOURCES = {
    ".ci",
    ".dockerignore",
    ".github",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "RELEASE.md",
    "SECURITY.md",
    "benchmarks",
    "docs",
    "justfile",
    "lcomp",
    "mkdocs.yml",
    "models",
    "pyproject.toml",
    "tests",
    "tools",
    "weights",
}


def published_page() -> str:
    """README.md as the package index shows it."""
    command = [sys.executable, "-m", "hatch_fancy_pypi_readme"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8").stdout


def build(source: Path, target: str, folder: Path) -> Path:
    """A package of a source tree; without isolation, so that nothing is downloaded."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (package,) = folder.iterdir()
    return package


@pytest.mark.process
def test_links_of_the_page_lead_to_files_of_a_version() -> None:
    page = published_page()
    links = re.findall(r"(!?)\[[^]]*\]\(([^)]+)\)", page)
    ours = re.compile(rf"(?:{re.escape(HOME)}/blob|{re.escape(RAW)})/v[^/]+/([^#]+)(?:#.*)?")
    assert len(links) > 15
    for picture, link in links:
        if link == HOME:
            continue
        match = ours.fullmatch(link)
        assert match is not None, link
        assert link.startswith(RAW) == bool(picture)
        assert (ROOT / match[1]).is_file()
    assert "`pip install lcomp`" in page


def test_every_address_is_the_one_of_the_project() -> None:
    assert all(url == HOME or url.startswith(f"{HOME}/") for url in PROJECT["urls"].values())
    names = re.findall(r"github(?:usercontent)?\.com/([\w-]+/lcomp)\b", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(names) == {HOME.removeprefix("https://github.com/")}


def test_what_builds_the_packages_is_pinned() -> None:
    system = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    pins = re.findall(r"^([\w-]+)==[\d.]+$", (ROOT / ".ci" / "build.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pins == [re.split("[<>=]", each)[0] for each in system["requires"]]


def test_the_version_is_that_of_the_changes() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[([\d.]+)\] - \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert headings[0] == lcomp.__version__


@pytest.mark.slow
@pytest.mark.process
def test_the_source_distribution_makes_a_wheel(tmp_path: Path) -> None:
    sources = build(ROOT, "sdist", tmp_path / "sources")
    assert sources.stat().st_size < LARGEST
    with tarfile.open(sources) as archive:
        members = [member.name.partition("/")[2] for member in archive.getmembers()]
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert {member.partition("/")[0] for member in members} <= IN_SOURCES
    assert not [member for member in members if "__pycache__" in member or member.endswith((".ckpt", ".pt"))]

    (tree,) = (tmp_path / "unpacked").iterdir()
    again = build(tree, "sdist", tmp_path / "again")
    assert again.read_bytes() == sources.read_bytes()
    wheel = build(tree, "wheel", tmp_path / "wheel")
    assert build(ROOT, "wheel", tmp_path / "straight").read_bytes() == wheel.read_bytes()
    assert wheel.name == f"lcomp-{lcomp.__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"lcomp-{lcomp.__version__}.dist-info/METADATA").decode()
    for folder in ("models", "weights"):
        kept = {path.name for path in (ROOT / folder).iterdir()}
        assert kept == {name.rpartition("/")[2] for name in names if name.startswith(f"lcomp/_data/{folder}/")}
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lcomp").rglob("*.py")}
    assert code <= names
    assert {name.partition("/")[0] for name in names} == {"lcomp", f"lcomp-{lcomp.__version__}.dist-info"}
    # of the code, and of the pictures that the weights were trained on
    assert {name.partition("/licenses/")[2] for name in names} - {""} == {"LICENSE", "weights/README.md"}
    assert f"{RAW}/v{lcomp.__version__}/" in metadata
