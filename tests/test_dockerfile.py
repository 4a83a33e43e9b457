"""The Dockerfile copies what is there, and installs the torch that the README and CI do."""

import re

from helpers.paths import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
TORCH = re.compile(r"\btorch==([\d.]+)")


def instructions(name: str) -> list[list[str]]:
    """The words after every instruction of a name, continued lines among them."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.split()[1:] for line in joined.splitlines() if line.startswith(f"{name} ")]


def copied() -> list[str]:
    """What is copied from the build context."""
    return [word for words in instructions("COPY") if not words[0].startswith("--") for word in words[:-1]]


def test_everything_copied_is_there_and_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert sent == set(copied())
    assert all((ROOT / path).exists() for path in copied())


def test_what_the_package_is_built_from_is_copied() -> None:
    build = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    forced = re.search(r"wheel\.force-include\]\n(.*?)\n\n", build, re.DOTALL)
    assert forced is not None
    needed = {line.split(" = ")[0] for line in forced[1].splitlines()} | {"lcomp", "README.md", "LICENSE"}
    assert needed <= set(copied())


def test_torch_is_the_same_everywhere() -> None:
    versions = {
        name: set(TORCH.findall((ROOT / name).read_text(encoding="utf-8")))
        for name in ("Dockerfile", "README.md", "CONTRIBUTING.md", ".ci/run")
    }
    assert set(map(len, versions.values())) == {1}, versions
    assert len(set.union(*versions.values())) == 1, versions


def test_the_command_runs_as_a_user_without_rights() -> None:
    last = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert "\nUSER lcomp\n" in last
    assert instructions("ENTRYPOINT") == [['["/opt/lcomp/bin/lcomp"]']]


def test_every_stage_has_the_same_python() -> None:
    (base,) = {words[0] for words in instructions("FROM")}
    version = re.fullmatch(r"python:(\d\.\d+)-slim", base)
    assert version is not None
    assert set(re.findall(r"lib/python(\d\.\d+)/", DOCKERFILE)) == {version[1]}
