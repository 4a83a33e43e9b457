"""Publish an evaluation on Kodak: benchmarks/kodak.json, docs/kodak.png, docs/results.md, the README and TOMLs.

pip install '.[eval,train]'
lcomp eval --dataset kodak -o runs/kodak
python benchmarks/publish.py runs/kodak/results.json
"""

import argparse
from dataclasses import replace
from pathlib import Path

import tomlkit

from lcomp.errors import LcompError
from lcomp.evaluation.datasets import KODAK
from lcomp.evaluation.plots import plot
from lcomp.evaluation.published import IN_PLOTS, VTM
from lcomp.evaluation.results import CodecSummary, Metric, Results, read_results, to_json
from lcomp.evaluation.table import AVIF, JPEG, columns, number, percent, rate_in

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results of benchmarks/publish.py -->", "<!-- end of results -->"
ANCHORS = ((JPEG, False), (AVIF, False), (VTM, True))
"""What every codec is compared with in the table."""


def main_figures(results: Results) -> Results:
    """Results without rows, and with the BD-rates of lcomp's models and of all codecs against JPEG and VTM only."""
    learned = {codec.name for codec in results.codecs if codec.learned}
    rates = [rate for rate in results.rates if rate.codec in learned or (rate.anchor, rate.published) in ANCHORS]
    return replace(results, rows=(), rates=tuple(rates))


def row(*cells: str) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def model_table(results: Results, model: CodecSummary) -> list[str]:
    """Rate and distortion of a model at each quality."""
    means = results.means_of(model.name)
    return [
        row(f"{model.name} `-q`", *(f"{mean.setting:g}" for mean in means)),
        "|---" * (len(means) + 1) + "|",
        row("bpp", *(number(mean.bpp, 3) for mean in means)),
        row("PSNR, dB", *(number(mean.psnr, 2) for mean in means)),
        row("MS-SSIM", *(number(mean.ms_ssim, 4) for mean in means)),
        row("SSIMULACRA2", *(number(mean.ssimulacra2, 1) for mean in means)),
    ]


def is_timed(results: Results) -> bool:
    """Whether every codec was timed."""
    return all(codec.encode_mp_s is not None for codec in results.codecs)


def codec_table(results: Results) -> list[str]:
    """BD-rates of every codec, and its speed where that was measured."""
    header = ["codec", *(f"{column.metric.value} vs {column.title}" for column in columns(results))]
    if is_timed(results):
        header += ["encode, MP/s", "decode, MP/s"]
    lines = [row(*header), "|---" * len(header) + "|"]
    for codec in results.codecs:
        cells = [f"**{codec.title}**" if codec.learned else codec.title]
        cells += [percent(rate_in(results, codec.name, column)) for column in columns(results)]
        if is_timed(results):
            cells += [number(codec.encode_mp_s, 1), number(codec.decode_mp_s, 1)]
        lines.append(row(*cells))
    return lines


def summary(results: Results) -> list[str]:
    """BD-rates, with what they are and where they were measured."""
    return [
        "BD-rate, the difference in size at equal quality (SSIMULACRA2 from 30 to 90), against AVIF as it comes",
        "(tune=iq, speed 4), JPEG 4:2:0 (Pillow) and VTM (published).",
        *([f"Speed on {results.machine}, each codec with the threads it takes by itself."] * is_timed(results)),
        "",
        *codec_table(results),
        "",
    ]


def conditions(results: Results) -> str:
    """What was measured, and when."""
    return f"Kodak, {results.common} pictures, real files, every byte counted ({results.date}):"


def readme_section(results: Results) -> str:
    """What stands between the README's markers: one table and the plot."""
    plot_line = "![SSIMULACRA2 against bits per pixel](docs/kodak-ssimulacra2.png)"
    return "\n".join([BEGIN, conditions(results), "", *summary(results), plot_line, END])


def docs_section(results: Results) -> str:
    """What stands between the markers of docs/results.md: a table for each model, the summary and the plot."""
    learned = [codec for codec in results.codecs if codec.learned]
    tables = [line for model in learned for line in (*model_table(results, model), "")]
    more = "All means and BD-rates are in `benchmarks/kodak.json`."
    plots = "![SSIMULACRA2 against bits per pixel](kodak-ssimulacra2.png)", "![PSNR against bits per pixel](kodak.png)"
    return "\n".join([BEGIN, conditions(results), "", *tables, *summary(results), more, "", *plots, END])


def with_section(text: str, section: str) -> str:
    """A page with another section of results; raises LcompError where it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise LcompError("a page has no markers of the results")
    return before + section + after


def with_figures(text: str, results: Results, model: CodecSummary) -> str:
    """A model's TOML with its figures; raises LcompError where they are of other weights."""
    document = tomlkit.parse(text)
    if str(document["weights"]["sha256"])[:8] not in model.version:
        raise LcompError(f"the results are of other weights of '{model.name}': run lcomp eval again")
    if "results" not in document:
        document["results"] = tomlkit.table()
    figures, means = document["results"], results.means_of(model.name)
    figures["kodak_quality"] = [mean.setting for mean in means]
    figures["kodak_bpp"] = [round(mean.bpp, 4) for mean in means]
    figures["kodak_psnr"] = [round(mean.psnr, 3) for mean in means]
    figures["kodak_ms_ssim"] = [round(mean.ms_ssim, 5) for mean in means if mean.ms_ssim is not None]
    anchors = [(codec.name, False) for codec in results.codecs if not codec.learned]
    rates = {}
    for anchor, published in anchors + [(name, True) for name in IN_PLOTS]:
        rate = results.rate(model.name, anchor, published)
        if rate and rate.psnr is not None:
            rates[f"bd_rate_{anchor.replace('-', '_')}"] = round(rate.psnr, 1)
    figures["kodak_ssimulacra2"] = [round(mean.ssimulacra2, 2) for mean in means if mean.ssimulacra2 is not None]
    avif = results.rate(model.name, AVIF, False)
    if avif and avif.ssimulacra2 is not None:
        figures["ssimulacra2_bd_rate_avif"] = round(avif.ssimulacra2, 1)
    for stale in [name for name in figures if name.startswith("bd_rate_") and name not in rates]:
        del figures[stale]
    figures.update(rates)
    return tomlkit.dumps(document)


def publish(results: Results, root: Path) -> None:
    """Write everything that is published below `root`; raises LcompError for results that may not be."""
    if results.dataset != KODAK or results.common != results.pictures:
        raise LcompError("only complete evaluations of Kodak are published")
    main = main_figures(results)
    readme, page = root / "README.md", root / "docs" / "results.md"
    changed = {
        readme: with_section(readme.read_text(encoding="utf-8"), readme_section(main)).encode(),
        page: with_section(page.read_text(encoding="utf-8"), docs_section(main)).encode(),
        root / "benchmarks" / "kodak.json": to_json(main).encode(),
        root / "docs" / "kodak.png": plot(main, Metric.PSNR),
        root / "docs" / "kodak-ssimulacra2.png": plot(main, Metric.SSIMULACRA2),
    }
    for codec in results.codecs:
        if codec.learned:
            source = root / "models" / f"{codec.name}.toml"
            changed[source] = with_figures(source.read_text(encoding="utf-8"), main, codec).encode()
    for path, data in changed.items():
        path.write_bytes(data)
        print(f"{path}: {len(data)} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results.json of lcomp eval --dataset kodak -o DIR")
    try:
        publish(read_results(parser.parse_args().results), ROOT)
    except LcompError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
