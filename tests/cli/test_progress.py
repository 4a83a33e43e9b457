"""The bar moves from the start of an input to its end."""

from pathlib import Path

import pytest

from lcomp.cli.batch import CODED, LOADED, READ
from lcomp.cli.decode import DecodeWork
from lcomp.cli.encode_work import EncodeWork
from lcomp.cli.placing import Placing
from lcomp.options import DecodeOptions, EncodeOptions

PLACING = Placing(False, False, False)


def test_progress_starts_with_reading_and_never_falls(folder: Path, tmp_path: Path) -> None:
    seen: list[float] = []

    def progress(done: int, total: int) -> None:
        seen.append(done / total)

    encode = EncodeWork("hyperprior", "cpu", "auto", "constriction", EncodeOptions(), PLACING, False, None)
    encode(str(folder / "photo.png"), str(tmp_path / "a.lic"), progress)
    assert seen[:2] == [READ, LOADED]
    assert seen == sorted(seen)
    assert seen[-1] == 1
    seen.clear()
    decode = DecodeWork("cpu", "auto", DecodeOptions(), None, PLACING, False, None, None)
    decode(str(folder / "photo.lic"), str(tmp_path / "a.png"), progress)
    assert seen[:2] == [READ, LOADED]
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(CODED, abs=1e-4)
