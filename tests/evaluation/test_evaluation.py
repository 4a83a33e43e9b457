"""Evaluations from end to end, with JPEG and a tiny model on tiny pictures."""

import io
import json
import re
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from helpers.evaluations import PLAN, evaluate, wrapped
from helpers.pictures import noise_image
from lcomp.encoding.distortion import psnr
from lcomp.errors import LcompError, LimitError, UnsupportedError
from lcomp.evaluation.codecs.adapter import Adapter
from lcomp.evaluation.codecs.lcomp_models import LcompModel
from lcomp.evaluation.codecs.registry import open_adapter
from lcomp.evaluation.comparisons import FAITHFUL, comparisons
from lcomp.evaluation.datasets import find_folder
from lcomp.evaluation.documents import to_csv, to_json
from lcomp.evaluation.journal import Journal, claim
from lcomp.evaluation.measure import measure, measure_row, scored
from lcomp.evaluation.metrics.metric import Pair
from lcomp.evaluation.metrics.registry import metric_by_name
from lcomp.evaluation.originals import open_original
from lcomp.evaluation.plots import plot
from lcomp.evaluation.report import render
from lcomp.evaluation.results import Row
from lcomp.evaluation.table import points_table
from lcomp.pictures.reading import open_image
from lcomp.workers import Done, Item, Result
from lcomp.zoo.registry import ModelInfo


@pytest.fixture
def tiny(tiny_info: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> Adapter:
    """The tiny model as a codec."""
    monkeypatch.setattr("lcomp.families.registry.installed_models", lambda: (tiny_info,))
    # untrained as it is, half the size would be better at all qualities where it is tried
    monkeypatch.setattr("lcomp.encoding.picture.TRIED", 1000)
    return LcompModel.open("tiny", PLAN.qualities, "cpu")


def test_threads_are_those_of_models_and_metrics(
    tiny: Adapter, mixed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited, before = LcompModel.open("tiny", PLAN.qualities, "cpu", threads=3), torch.get_num_threads()
    assert limited.version == f"{tiny.version}, 3 threads"
    seen = []
    monkeypatch.setattr("lcomp.encoding.picture.encode_tiles", lambda *_: seen.append(torch.get_num_threads()))
    path = mixed_folder / "b.png"
    row = Row("b.png", "", limited.name, limited.version, 4.0)
    assert measure_row(row, path, limited, replace(PLAN, threads=3)).error
    monkeypatch.setattr("lcomp.evaluation.measure.all_packed", lambda _: seen.append(torch.get_num_threads()))
    pair = Pair(*(np.zeros((16, 16, 3), np.uint8) for _ in range(2)))
    scored(row, pair, replace(PLAN, threads=3, perceptual=True))
    assert seen == [3, 3]
    assert torch.get_num_threads() == before


def test_rows_are_what_the_files_are(mixed_folder: Path, jpeg: Adapter) -> None:
    results = evaluate(find_folder(mixed_folder, None), [jpeg])
    row = next(row for row in results.rows if (row.picture, row.setting) == ("b.png", 50))
    original = Image.open(mixed_folder / "b.png").convert("RGB")
    stream = io.BytesIO()
    original.save(stream, "JPEG", quality=50, subsampling="4:2:0")
    assert row.bytes == len(stream.getvalue())
    assert row.bpp == pytest.approx(8 * len(stream.getvalue()) / (162 * 170))
    difference = np.asarray(Image.open(stream)).astype(float) - np.asarray(original)
    assert row.scores["psnr"] == pytest.approx(10 * np.log10(255**2 / np.square(difference).mean()))
    assert row.scores["ms_ssim"] is not None
    assert 0 < (row.encode_seconds or 0) < 1
    assert 0 < (row.decode_seconds or 0) < 1


def counted(adapter: Adapter, calls: list[float]) -> Adapter:
    return wrapped(adapter, lambda _, setting: calls.append(setting), adapter.name)


def test_finished_rows_are_kept(mixed_folder: Path, jpeg: Adapter, tmp_path: Path) -> None:
    dataset = find_folder(mixed_folder, None)
    first = evaluate(dataset, [jpeg], output=tmp_path)
    # torn in the middle of the last line
    journal = tmp_path / "rows.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    calls: list[float] = []
    second = evaluate(dataset, [counted(jpeg, calls)], output=tmp_path)
    assert calls == [50, 90]  # the warm-up and the torn row
    assert [row.scores for row in second.rows] == [row.scores for row in first.rows]
    calls.clear()
    assert evaluate(dataset, [counted(jpeg, calls)], output=tmp_path) == second
    assert not calls
    # another version, setting or picture is measured anew, and an untimed row is no timed one
    evaluate(dataset, [replace(counted(jpeg, calls), version="2", settings=(10,))], output=tmp_path)
    assert calls == [10] * 4
    lines = [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")]
    journal.write_text("".join(json.dumps(line | {"encode_seconds": None}) + "\n" for line in lines))
    calls.clear()
    evaluate(dataset, [counted(jpeg, calls)], replace(PLAN, jobs=2), tmp_path)
    assert not calls
    evaluate(dataset, [counted(jpeg, calls)], output=tmp_path)
    assert len(calls) == 10


@pytest.mark.slow
def test_perceptual_columns(jpeg: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    for seed in range(2):
        noise_image(520, 300, seed).save(tmp_path / "pictures" / f"{seed}.png")
    noise_image(60, 50, 2).save(tmp_path / "pictures" / "tiny.png")
    dataset, output = find_folder(tmp_path / "pictures", None), tmp_path / "out"
    output.mkdir()
    plain = evaluate(dataset, [jpeg], output=output)
    assert all("detail" not in mean.scores and not mean.frechet for mean in plain.means)
    results = evaluate(dataset, [jpeg], replace(PLAN, perceptual=True), output)
    details = [mean.scores["detail"] for mean in results.means]
    assert details == sorted(details)
    distances = [mean.frechet["own"] for mean in results.means]
    assert 0 < distances[2] < distances[1] < distances[0]
    assert all(mean.frechet["imagenet"] > 0 for mean in results.means)
    if metric_by_name("psnr-hvs").available():
        hvs = [mean.scores["psnr_hvs"] for mean in results.means]
        assert hvs == sorted(hvs)
    assert '"features"' not in to_json(results)
    assert "features" not in to_csv(results).splitlines()[0]
    shown = io.StringIO()
    Console(file=shown, width=200).print(points_table(results))
    assert "Fréchet" in shown.getvalue()
    # finished rows are kept
    assert len(Journal(output).rows) == 9
    monkeypatch.setattr("lcomp.evaluation.measure.measure_row", None)
    again = evaluate(dataset, [jpeg], replace(PLAN, perceptual=True), output)
    assert [mean.frechet for mean in again.means] == [mean.frechet for mean in results.means]


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    claim(tmp_path / "new" / "folder", force=False)
    (tmp_path / "new" / "notes.txt").write_text("mine")
    with pytest.raises(LcompError, match="use -f"):
        claim(tmp_path / "new", force=False)
    claim(tmp_path / "new", force=True)
    (tmp_path / "new" / "rows.jsonl").touch()
    claim(tmp_path / "new", force=False)
    with pytest.raises(LcompError, match="is a file"):
        claim(tmp_path / "new" / "notes.txt", force=True)


def test_a_model_is_measured_like_the_others(mixed_folder: Path, tiny: Adapter, jpeg: Adapter) -> None:
    dataset = find_folder(mixed_folder, None)
    results = evaluate(dataset, [tiny, jpeg])
    assert [codec.learned for codec in results.codecs] == [True, False]
    assert results.common == 3
    row = next(row for row in results.rows if (row.codec, row.setting, row.picture) == ("tiny", 4, "a.png"))
    image = Image.open(mixed_folder / "a.png")
    data = tiny.encode(image, 4)
    assert row.bytes == len(data)
    difference = np.asarray(tiny.decode(data)).astype(float) - np.asarray(image)
    assert row.scores["psnr"] == pytest.approx(10 * np.log10(255**2 / np.square(difference).mean()), abs=0.01)

    shown = comparisons(results, dataset, [tiny, jpeg], None)
    expected = ["a.png", "a.png", "a.png", "b.png", "tiny.png"]
    assert [comparison.picture for comparison in shown] == expected
    assert [comparison.held for comparison in shown].count("at equal PSNR") == 1
    for comparison in shown[:4]:
        ours, theirs = comparison.renderings
        source = Image.open(mixed_folder / comparison.picture)
        better = jpeg.encode(source, theirs.setting + 1)
        if comparison.held == "at equal bytes":
            assert theirs.size <= ours.size < len(better)
        elif theirs.setting > jpeg.smallest:
            assert theirs.psnr <= ours.psnr < psnr(np.asarray(jpeg.decode(better)), np.asarray(source))
        embedded = np.asarray(Image.open(io.BytesIO(comparison.original)).convert("RGB"))
        assert psnr(embedded, np.asarray(source)) >= FAITHFUL

    page = render(results, shown)
    assert "http:" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in page.replace("https://r0k", "")
    assert "corrupt.png (with errors)" in page
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert [curve["name"] for curve in data["codecs"]] == ["tiny", "jpeg"]
    assert [len(comparison["shown"]) for comparison in data["comparisons"]] == [3] * 5
    assert len(data["codecs"][0]["points"]["mean"]) == len(PLAN.qualities)
    assert plot(results, metric_by_name("psnr")).startswith(b"\x89PNG")


def test_an_inventive_model_is_shown_at_several_realisms() -> None:
    adapter, image = LcompModel.open("gan", (2.0,), "cpu"), noise_image(176, 164, 1)
    data = adapter.encode(image, 2.0)
    assert [view.title for view in adapter.views] == ["lcomp gan, realism 0.7", "lcomp gan, realism 0.4"]
    whole, *parts = (np.asarray(decode(data)) for decode in (adapter.decode, *(view.decode for view in adapter.views)))
    distances = [np.abs(part.astype(int) - whole).mean() for part in parts]
    assert 0 < distances[0] < distances[1]


def test_what_nobody_sees_does_not_count(jpeg: Adapter, tmp_path: Path) -> None:
    clear, noise = np.zeros((40, 60), np.uint8), np.asarray(noise_image(60, 40, noise=60)).copy()
    clear[:, 30:] = 255
    rows = []
    for name, hidden in (("noise", 3), ("black", 0)):
        noise[:, :30] *= hidden
        image = Image.fromarray(noise)
        image.putalpha(Image.fromarray(clear))
        image.save(tmp_path / f"{name}.png")
        [path] = tmp_path.glob(f"{name}.png")
        row = Row(name, "", jpeg.name, jpeg.version, jpeg.settings[0])
        rows.append(measure_row(row, path, jpeg, replace(PLAN, perceptual=True, jobs=2)))
    assert not rows[0].error
    assert replace(rows[0], picture="") == replace(rows[1], picture="")


def test_no_option_is_advised_that_eval_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Image.new("L", (8, 8))
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page])
    with pytest.raises(UnsupportedError, match=r"^animated or multi-page picture$"):
        open_original(tmp_path / "pages.tif")
    page.save(tmp_path / "page.png")
    monkeypatch.setattr("lcomp.evaluation.originals.MAX_PIXELS", 63)
    monkeypatch.setattr("lcomp.evaluation.originals.open_image", partial(open_image, max_pixels=63))
    with pytest.raises(LimitError, match=r"^picture has more than 63 pixels$"):
        open_original(tmp_path / "page.png")


def test_pictures_of_any_kind_are_measured_and_said_so(jpeg: Adapter, tmp_path: Path) -> None:
    noise = noise_image(300, 200)
    noise.save(tmp_path / "large.png")
    noise.resize((90, 60)).save(tmp_path / "small.jpg")
    clear = noise.copy()
    clear.putalpha(Image.new("L", clear.size, 100))
    clear.save(tmp_path / "clear.png")
    Image.fromarray(np.linspace(0, 65535, 120 * 80).reshape(80, 120).astype(np.uint16)).save(tmp_path / "deep.png")
    noise.convert("CMYK").save(tmp_path / "ink.tif")
    noise.convert("P").save(tmp_path / "few.png")
    plan = replace(PLAN, max_side=150)
    results = evaluate(find_folder(tmp_path, None), [jpeg], plan, None)
    assert results.common == results.pictures == 6
    assert {max(row.width or 0, row.height or 0) for row in results.rows} == {90, 120, 150}
    assert all(row.sha256.endswith(":150") for row in results.rows)
    notes = " ".join(results.notes)
    assert "1 of 6 pictures: has transparency: compared over mid grey" in notes
    assert "4 of 6 pictures: was scaled down" in notes
    assert "8 bits per channel reduced to 8" in notes
    assert results.notes[0] in " ".join(render(results, []).split())


def test_lossless_codecs_are_measured_by_rate_and_speed(mixed_folder: Path, jpeg: Adapter) -> None:
    png = open_adapter("png", (), "cpu")
    liar = replace(jpeg, name="liar", lossless=True, settings=(50,))
    results = evaluate(find_folder(mixed_folder, None), [png, jpeg])
    [mean] = results.lossless
    sizes = [row.bytes for row in results.rows if row.codec == "png"]
    areas = [20 * 20, 162 * 170, 176 * 164]
    assert sorted(sizes) == sorted(len(png.encode(noise, 0)) for noise in pictures_of(mixed_folder))
    bits = [8 * size / area / 3 for size, area in zip(sorted(sizes), areas, strict=True)]
    assert mean.bits_per_sample == pytest.approx(np.mean(bits), rel=0.05)
    assert mean.encode_mp_s is not None
    assert {each.codec for each in results.means} == {"jpeg"}
    assert "PNG, optimised" in render(results, [])
    rows = evaluate(find_folder(mixed_folder, None), [liar]).rows
    assert "other pixels" in rows[0].error


def pictures_of(folder: Path) -> list[Image.Image]:
    names = "a.png", "b.png", "tiny.png"
    return [Image.open(folder / name).convert("RGB") for name in names]


def test_the_expected_time_is_told_once(mixed_folder: Path, jpeg: Adapter) -> None:
    told: list[float] = []
    dataset = find_folder(mixed_folder, None)
    list(measure(dataset, [jpeg], PLAN, Journal(None), told.append))
    assert len(told) == 1
    assert 0 < told[0] < 60


def test_a_picture_that_vanishes_costs_its_own_rows(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("a", "b"):
        noise_image(64, 48, ord(name)).save(tmp_path / "pictures" / f"{name}.png")
    adapter = open_adapter("jpeg", PLAN.qualities, "cpu")

    def elsewhere(
        work: Callable[[Item], Result], items: Iterable[Item], jobs: int | None
    ) -> Generator[Done[Item, Result], None, None]:
        for number, item in enumerate(items):
            if number == 2:
                (tmp_path / "pictures" / "a.png").unlink()
                open_original.cache_clear()  # another process has not read it before
            yield Done(item, work(item))

    dataset, journal = find_folder(tmp_path / "pictures", None), Journal(tmp_path)
    rows = list(measure(dataset, [adapter], replace(PLAN, engine=elsewhere), journal))
    errors = [row.error for row in rows]
    count = len(adapter.settings)
    assert errors == [*[""] * 2, *["No such file or directory"] * (count - 2), *[""] * count]
    assert [row.setting for row in rows] == [*adapter.settings] * 2
    assert len(Journal(tmp_path).rows) == 2 + count
