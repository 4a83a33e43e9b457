import sys
from types import SimpleNamespace

import pytest

from lcomp.cli.progress_lines import ProgressLines


def test_a_line_is_said_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [1000.0]
    monkeypatch.setattr("lcomp.cli.progress_lines.time", SimpleNamespace(monotonic=lambda: now[0]))
    lines, silent = ProgressLines(110, 10, quiet=False), ProgressLines(110, 10, quiet=True)
    for done in range(1, 111):
        now[0] += 3 if done > 10 else 0
        lines.tell(done)
        silent.tell(done)
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "lcomp: 30 of 110 measured, about 4 minutes left",
        "lcomp: 50 of 110 measured, about 3 minutes left",
    ]
    assert len(said) == 5


def test_nothing_is_said_beside_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("lcomp.cli.progress_lines.EVERY", 0.0)
    ProgressLines(2, 0, quiet=False).tell(1)
    assert capsys.readouterr().err == ""
