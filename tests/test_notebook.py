"""The notebook in the documentation runs, and plots what it says."""

import contextlib
import json

import pytest

from helpers.paths import ROOT

NOTEBOOK = ROOT / "docs" / "rate_distortion.ipynb"


@pytest.mark.slow
def test_the_notebook_runs() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    with contextlib.chdir(NOTEBOOK.parent):
        for cell in cells:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), names)
    curves = names["curves"]
    assert isinstance(curves, dict)
    for curve in curves.values():
        assert curve == sorted(curve)  # more bits, less error
    axes = names["axes"]
    assert len(axes.get_lines()) == 2  # type: ignore[attr-defined]
    matplotlib.pyplot.close("all")
