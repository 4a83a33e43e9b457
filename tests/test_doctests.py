"""The examples in docstrings do what they say."""

import doctest
import importlib

import pytest

from helpers.paths import ROOT

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "lcomp").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    tested = doctest.testmod(importlib.import_module(name.removesuffix(".__init__")))
    assert tested.attempted
    assert not tested.failed
