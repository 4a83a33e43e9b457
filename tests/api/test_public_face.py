"""What `import lcomp` offers, and what it costs."""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

import lcomp
from helpers.paths import ROOT

PUBLIC = [
    "ChecksumError",
    "Codec",
    "DecodeOptions",
    "EncodeOptions",
    "FormatError",
    "Header",
    "ImageError",
    "LcompError",
    "LimitError",
    "ModelError",
    "OutputExistsError",
    "Region",
    "TruncatedError",
    "UnsupportedError",
    "__version__",
    "decode",
    "decode_many",
    "encode",
    "encode_many",
    "errors",
    "info",
    "models",
    "open",
    "save",
    "thumbnail",
]


def test_the_public_face_is_pinned() -> None:
    assert lcomp.__all__ == sorted(lcomp.__all__)
    assert lcomp.__all__ == PUBLIC
    assert dir(lcomp) == PUBLIC
    for name in PUBLIC:
        assert getattr(lcomp, name) is not None


def test_other_names_are_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'compress'"):
        lcomp.compress  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("function", "options"), [(lcomp.encode, lcomp.EncodeOptions), (lcomp.decode, lcomp.DecodeOptions)]
)
def test_every_option_is_a_keyword(function: Callable[..., object], options: type) -> None:
    keywords = inspect.signature(function).parameters
    for option in fields(options):
        assert keywords[option.name].default == option.default


CHEAP = """
import json, sys
import lcomp
import lcomp.errors, lcomp.files, lcomp.format.container, lcomp.format.salvage, lcomp.log, lcomp.options, lcomp.types
import lcomp.pictures.hidden, lcomp.pictures.reading, lcomp.pictures.stored, lcomp.pictures.writing
lcomp.models()
print(json.dumps([lcomp.__file__, "torch" in sys.modules]))
"""


@pytest.mark.process
def test_importing_lcomp_imports_no_torch_and_processes_run_this_copy() -> None:
    result = subprocess.run([sys.executable, "-c", CHEAP], capture_output=True, check=True)
    place, torch_is_there = json.loads(result.stdout)
    assert Path(place).samefile(lcomp.__file__)
    assert Path(place).is_relative_to(ROOT)
    assert not torch_is_there
