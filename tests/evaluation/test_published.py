"""What is published of an evaluation agrees with it."""

import importlib.util
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from helpers.paths import ROOT
from lcomp.errors import LcompError
from lcomp.evaluation.documents import read_results
from lcomp.evaluation.merging import onto, with_speeds
from lcomp.evaluation.results import LosslessMean
from lcomp.zoo.registry import all_models


@pytest.fixture(scope="module")
def publish() -> ModuleType:
    """benchmarks/publish.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("publish", ROOT / "benchmarks" / "publish.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_show_the_published_results(publish: ModuleType) -> None:
    results = read_results(ROOT / "benchmarks" / "kodak.json")
    assert (results.dataset, results.pictures, results.common) == ("kodak", 24, 24)
    for page, section in (("README.md", publish.readme_section), ("docs/results.md", publish.docs_section)):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert publish.with_section(text, section(results)) == text
    assert (ROOT / "docs" / "kodak.png").stat().st_size < 100_000


def test_the_models_show_the_published_results(publish: ModuleType) -> None:
    results = read_results(ROOT / "benchmarks" / "kodak.json")
    learned = {codec.name for codec in results.lossy if codec.learned}
    assert learned == {model.name for model in all_models()}
    for name in learned:
        figures = tomllib.loads((ROOT / "models" / f"{name}.toml").read_text(encoding="utf-8"))["results"]
        means = results.means_of(name)
        assert figures["kodak_bpp"] == [round(mean.bpp, 4) for mean in means]
        assert figures["kodak_psnr"] == [round(mean.scores["psnr"], 3) for mean in means]
        rate = results.rate(name, "vtm", "psnr", published=True)
        assert rate is not None
        assert figures["bd_rate_vtm"] == round(rate.percent, 1)


def test_publishing_writes_everything_and_refuses_other_weights(publish: ModuleType, tmp_path: Path) -> None:
    results = read_results(ROOT / "benchmarks" / "kodak.json")
    for name in ("benchmarks", "docs", "models"):
        (tmp_path / name).mkdir()
    for page in ("README.md", "docs/results.md"):
        lossless = f"{publish.BEGIN_LOSSLESS}\nold\n{publish.END_LOSSLESS}\n"
        (tmp_path / page).write_text(f"a\n{publish.BEGIN}\nold\n{publish.END}\nb\n{lossless}")
    versions = {}
    for model in all_models():
        text = model.source.read_text(encoding="utf-8")
        (tmp_path / "models" / model.source.name).write_text(text, encoding="utf-8")
        versions[model.name] = f"lcomp, weights {model.sha256[:12]}, cpu"
    codecs = tuple(replace(codec, version=versions.get(codec.name, codec.version)) for codec in results.codecs)
    png = replace(results.codecs[0], name="png", title="PNG, optimised", learned=False, lossless=True)
    lossless_mean = LosslessMean("png", 4.25, 1.5, 30.0)
    command = "lcomp eval --dataset kodak --data /home/me/kodak --models all"
    publish.publish(replace(results, command=command, codecs=(*codecs, png), lossless=(lossless_mean,)), tmp_path)
    for page in ("docs/results.md", "README.md"):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert text.startswith(f"a\n{publish.BEGIN}\nKodak, 24 pictures")
        assert f"{publish.END}\nb\n" in text
        assert ("| PNG, optimised | 4.250 | 1.50 | 30.00 |" in text) == (page == "docs/results.md")
    published = read_results(tmp_path / "benchmarks" / "kodak.json")
    assert published.means == results.means
    assert published.command == "lcomp eval --dataset kodak --models all"
    assert (tmp_path / "docs" / "kodak.png").read_bytes().startswith(b"\x89PNG")

    others = tuple(replace(codec, version="lcomp, weights 0, cpu") for codec in codecs)
    before = shutil.make_archive(str(tmp_path / "before"), "tar", tmp_path / "models")
    with pytest.raises(LcompError, match="other weights"):
        publish.publish(replace(results, codecs=others), tmp_path)
    with pytest.raises(LcompError, match="complete"):
        publish.publish(replace(results, common=23), tmp_path)
    assert Path(before).is_file()
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == text


def test_speeds_are_taken_from_a_run_in_one_process(publish: ModuleType) -> None:
    known = read_results(ROOT / "benchmarks" / "kodak.json")
    untimed = tuple(replace(codec, encode_mp_s=None, decode_mp_s=None) for codec in known.codecs)
    results = replace(known, codecs=untimed, timed=0)
    codecs = tuple(
        replace(codec, encode_mp_s=1.25 + place, decode_mp_s=2.5 + place) for place, codec in enumerate(results.codecs)
    )
    timed = replace(results, codecs=codecs, machine="a machine", common=3)
    published = with_speeds(results, timed)
    assert published.common == 24
    section = publish.docs_section(published)
    assert "Speed over 3 of the pictures, one process on a machine." in section
    assert "| encode, MP/s | decode, MP/s |" in section
    assert all(f"| {codec.encode_mp_s:.1f} | {codec.decode_mp_s:.1f} |" in section for codec in published.lossy)
    lossless = [codec for codec in codecs if codec.lossless]
    assert all(f"| {codec.encode_mp_s:.2f} |" in publish.lossless_section(published) for codec in lossless)
    assert "MP/s" not in publish.docs_section(results)
    for others in (results, replace(timed, codecs=codecs[1:])):
        with pytest.raises(LcompError, match="the speeds are not of the same codecs in one process"):
            with_speeds(results, others)


def test_models_of_newer_weights_replace_what_was_published_of_them(publish: ModuleType) -> None:
    known = read_results(ROOT / "benchmarks" / "kodak.json")
    gan = replace(known.codec("gan"), version="newer", encode_mp_s=None, decode_mp_s=None)
    twice = [
        replace(mean, bpp=2 * mean.bpp, rates={name: 2 * bpp for name, bpp in mean.rates.items()})
        for mean in known.means_of("gan")
    ]
    vtm = replace(next(rate for rate in known.rates if rate.codec == "gan" and rate.published), percent=12.5)
    command = "lcomp eval --dataset kodak --data /home/me/kodak --models gan"
    alone = replace(known, codecs=(gan,), means=tuple(twice), rates=(vtm,), lossless=(), command=command)
    merged = onto(known, alone)
    assert merged.codec("gan").version == "newer"
    assert merged.codec("gan").encode_mp_s == known.codec("gan").encode_mp_s
    assert merged.means_of("gan") == twice
    assert merged.means_of("visual") == known.means_of("visual")
    assert merged.rate("visual", "avif", "psnr") == known.rate("visual", "avif", "psnr")
    before, after = (each.rate("gan", "avif-psnr", "psnr") for each in (known, merged))
    assert 1 + after.percent / 100 == pytest.approx(2 * (1 + before.percent / 100), rel=1e-4)
    assert after.low is None
    assert publish.main_figures(merged).notes[-1].startswith("gan alone: lcomp eval --dataset kodak --models gan (")
    assert [rate for rate in merged.rates if rate.published and rate.codec == "gan"] == [vtm]
    section = publish.docs_section(merged)
    assert "Models without intervals have newer weights" in section
    assert f"| {after.percent:+.1f} % |" in section
    with pytest.raises(LcompError, match="only models that were published"):
        onto(known, replace(alone, codecs=(replace(gan, name="other"),)))
