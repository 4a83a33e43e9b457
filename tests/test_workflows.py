"""The hosted workflows agree with what the package says of itself."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from helpers.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SYSTEMS = {"ubuntu": "POSIX :: Linux", "macos": "MacOS", "windows": "Microsoft :: Windows"}


def workflow(name: str) -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))


def classified(prefix: str) -> set[str]:
    return {each.removeprefix(prefix) for each in PROJECT["classifiers"] if each.startswith(prefix)}


def supported() -> set[str]:
    """The Python versions of the classifiers."""
    return {each for each in classified("Programming Language :: Python :: ") if re.fullmatch(r"3\.\d+", each)}


def test_every_python_and_system_of_the_classifiers_is_tested() -> None:
    matrix = workflow("test")["jobs"]["fast"]["strategy"]["matrix"]
    assert set(matrix["python"]) == supported()
    systems = {SYSTEMS[name.removesuffix("-latest")] for name in matrix["os"]}
    assert systems == classified("Operating System :: ")


def test_no_version_is_too_old_to_install() -> None:
    lowest = min(supported(), key=lambda version: int(version.split(".")[1]))
    assert PROJECT["requires-python"] == f">={lowest}"
    assert set(workflow("release")["jobs"]["try"]["strategy"]["matrix"]["python"]) <= supported()


def test_torch_is_that_of_the_readme() -> None:
    version = re.compile(r"\btorch==([\d.]+)")
    readme = set(version.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert all(set(version.findall(path.read_text(encoding="utf-8"))) == readme for path in WORKFLOWS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_are_few_and_actions_have_versions(path: Any) -> None:
    content = workflow(path.stem)
    assert content["permissions"] in ({}, {"contents": "read"})
    assert "concurrency" in content
    for job in content["jobs"].values():
        assert "timeout-minutes" in job
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40})", step["uses"])


def test_what_is_published_has_been_installed() -> None:
    jobs = workflow("release")["jobs"]
    assert (jobs["try"]["needs"], jobs["publish"]["needs"], jobs["release"]["needs"]) == ("build", "try", "publish")
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    writers = [name for name, job in jobs.items() if "write" in job["permissions"].values()]
    assert writers == ["publish", "release"]
