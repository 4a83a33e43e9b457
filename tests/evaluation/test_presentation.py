"""What is made of an evaluation: results, tables, report."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from helpers.evaluations import PLAN, evaluate, wrapped
from helpers.pictures import noise_image
from lcomp.errors import LcompError
from lcomp.evaluation.codecs.adapter import Adapter
from lcomp.evaluation.comparisons import largest_setting, spread
from lcomp.evaluation.datasets import find_folder
from lcomp.evaluation.documents import read_results, to_csv, to_json
from lcomp.evaluation.journal import Journal
from lcomp.evaluation.measure import measure
from lcomp.evaluation.report import render
from lcomp.evaluation.results import Skipped
from lcomp.evaluation.summary import summarise
from lcomp.evaluation.table import points_table, summary_table


def test_results_survive_json_and_csv(mixed_folder: Path, jpeg: Adapter, tmp_path: Path) -> None:
    results = evaluate(find_folder(mixed_folder, None), [jpeg])
    (tmp_path / "results.json").write_text(to_json(results))
    assert read_results(tmp_path / "results.json") == results
    rows = list(csv.DictReader(io.StringIO(to_csv(results))))
    assert len(rows) == len(results.rows) == 10
    assert float(rows[0]["psnr"]) == results.rows[0].scores["psnr"]
    assert next(row for row in rows if row["picture"] == "corrupt.png")["error"]
    (tmp_path / "results.json").write_text('{"lcomp": "0"}')
    with pytest.raises(LcompError, match="does not hold the results"):
        read_results(tmp_path / "results.json")


def test_tables_name_what_was_skipped(mixed_folder: Path, jpeg: Adapter) -> None:
    dataset = find_folder(mixed_folder, None)
    rows = list(measure(dataset, [jpeg], PLAN, Journal(None)))
    reason = "imagecodecs is not installed: pip install 'lcomp[eval]'"
    results = summarise(dataset, [jpeg], [Skipped("jxl", reason)], rows, PLAN)
    console = Console(file=io.StringIO(), width=120)
    console.print(points_table(results), summary_table(results))
    assert isinstance(console.file, io.StringIO)
    text = " ".join(console.file.getvalue().split())
    assert f"skipped: jxl: {reason}" in text
    assert "3 of 4 pictures" in text
    assert all(f"{mean.scores['psnr']:.3f}" in text for mean in results.means)
    assert "VTM" not in text  # published curves hold on Kodak only


def test_the_report_escapes_what_it_shows(mixed_folder: Path, jpeg: Adapter, tmp_path: Path) -> None:
    noise_image(30, 30).save(tmp_path / "<script>&.png")
    results = evaluate(find_folder(tmp_path, None), [jpeg])
    page = render(results, [])
    assert "<script>&.png" not in page
    assert "&lt;script&gt;&amp;.png" in page


def test_the_largest_setting_within_a_size_is_found(jpeg: Adapter) -> None:
    image = noise_image(64, 48)
    sizes = {setting: len(jpeg.encode(image, setting)) for setting in range(1, 91)}
    for limit in (0, sizes[1], sizes[10], sizes[33] + 1, sizes[50], sizes[90], 10**6):
        best = max((setting for setting, size in sizes.items() if size <= limit), default=1)
        measured = {setting: sizes[round(setting)] <= limit for setting in jpeg.settings}
        found = largest_setting(jpeg, image, measured.__getitem__, lambda data: len(data) <= limit)  # noqa: B023
        assert sizes[round(found)] == sizes[best]


def test_pictures_of_the_report_are_spread() -> None:
    names = [str(number) for number in range(24)]
    assert spread(names) == ["4", "12", "20"]
    assert spread(names[:2]) == ["0", "1"]
    assert spread([]) == []


def test_means_are_over_the_pictures_all_codecs_measured(mixed_folder: Path, jpeg: Adapter) -> None:
    def fragile(image: Image.Image, setting: float) -> None:
        if image.width == 162:
            raise ValueError("cannot\ndo this one")

    results = evaluate(find_folder(mixed_folder, None), [jpeg, wrapped(jpeg, fragile, "fragile")])
    assert (results.pictures, results.common) == (4, 2)
    failures = [row for row in results.rows if row.error]
    assert [(row.picture, row.codec) for row in failures] == [*[("b.png", "fragile")] * 3, ("corrupt.png", "")]
    assert failures[0].error == "cannot do this one"
    for mean in results.means:
        rows = [
            row
            for row in results.rows
            if (row.codec, row.setting) == (mean.codec, mean.setting) and row.picture in ("a.png", "tiny.png")
        ]
        assert mean.bpp == pytest.approx(np.mean([row.bpp for row in rows]), abs=1e-5)
        assert mean.scores["psnr"] == pytest.approx(np.mean([row.scores["psnr"] for row in rows]), abs=1e-5)
        # the tiny one has no MS-SSIM: the rate that goes with the mean is that of the other
        assert rows[1].scores["ms_ssim"] is None
        assert mean.scores["ms_ssim"] == pytest.approx(rows[0].scores["ms_ssim"], abs=1e-5)
        assert mean.rates["ms_ssim"] == pytest.approx(rows[0].bpp, abs=1e-5)
    rate = results.rate("fragile", "jpeg", "psnr")
    assert rate is not None
    assert rate.percent == pytest.approx(0, abs=1e-6)
    assert not any(rate.published for rate in results.rates)
