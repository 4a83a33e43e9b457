"""Publish an evaluation on Kodak: benchmarks/kodak.json, docs/kodak.png, docs/results.md, the README and TOMLs.

pip install '.[eval,perceptual,baselines,train]'
lcomp eval --dataset kodak --models all -q 1,2,3,4,5,6,7,8 --codecs all --lossless --jobs 2 -o runs/kodak
lcomp eval --dataset path/to/some --models all --codecs all --lossless -o runs/speed   # one process, and nothing else
python benchmarks/publish.py runs/kodak/results.json --speed runs/speed/results.json

Where only decoders have new weights, they alone can be measured. What was published of the rest is kept, and their
BD-rates follow from the means, without intervals, which take every picture of both codecs:

lcomp eval --dataset kodak --models gan -q 1,2,3,4,5,6,7,8 --codecs "" -o runs/gan
python benchmarks/publish.py runs/gan/results.json --onto benchmarks/kodak.json
"""

import argparse
import re
from dataclasses import replace
from pathlib import Path

import tomlkit

from lcomp.errors import LcompError
from lcomp.evaluation.datasets import KODAK
from lcomp.evaluation.documents import read_results, to_json
from lcomp.evaluation.merging import onto, with_speeds
from lcomp.evaluation.metrics.metric import Metric
from lcomp.evaluation.metrics.registry import METRICS, metric_by_name
from lcomp.evaluation.plots import plot
from lcomp.evaluation.published import IN_PLOTS, VTM
from lcomp.evaluation.results import CodecSummary, Rate, Results
from lcomp.evaluation.standing import columns, families, metrics_of, rate_in, rival, standings
from lcomp.evaluation.table import interval, number

ROOT = Path(__file__).parent.parent
DEFAULT = Path("runs/kodak/results.json")
BEGIN, END = "<!-- results of benchmarks/publish.py -->", "<!-- end of results -->"
BEGIN_LOSSLESS, END_LOSSLESS = "<!-- lossless coding, of benchmarks/publish.py -->", "<!-- end of lossless coding -->"
PSNR, SSIMULACRA2 = metric_by_name("psnr"), metric_by_name("ssimulacra2")
ALONE = "Models without intervals have newer weights, and were measured alone (`notes` in `benchmarks/kodak.json`)."
NAMED = (("AVIF", "avif"), ("HEIC", "heic"), ("JPEG", "jpeg"), ("JPEG XL", "jxl"), ("WebP", "webp"))
"""Families whose BD-rates a model's TOML names, and how."""


def anchors(results: Results) -> set[str]:
    """The best codec of every family in each metric, which everything is compared with."""
    found = (rival(results, family, metric) for family in families(results) for metric in metrics_of(results))
    return {codec.name for codec in found if codec}


def main_figures(results: Results) -> Results:
    """Results without rows, and with the BD-rates of lcomp's models and of all codecs against the best ones only."""
    learned, against = {codec.name for codec in results.codecs if codec.learned}, anchors(results)

    def same_family(codec: str, anchor: str) -> bool:
        return results.codec(codec).family == results.codec(anchor).family

    rates = [
        rate
        for rate in results.rates
        if (rate.codec in learned and (not rate.published or rate.anchor in IN_PLOTS))
        or (rate.published and rate.anchor == VTM)
        or (not rate.published and (rate.anchor in against or same_family(rate.codec, rate.anchor)))
    ]
    # where the pictures were concerns nobody
    command, *notes = (re.sub(r" --data \S+", "", text) for text in (results.command, *results.notes))
    return replace(results, command=command, notes=tuple(notes), rows=(), rates=tuple(rates))


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
        *(
            row(metric.title, *(number(mean.scores.get(metric.name), decimals(metric)) for mean in means))
            for metric in METRICS
            if results.measured(metric)
        ),
    ]


def decimals(metric: Metric) -> int:
    """Decimals in tables: one fewer than in the report."""
    return max(metric.decimals - 1, 1)


def codec_table(results: Results, chosen: list[CodecSummary]) -> list[str]:
    """BD-rates of codecs with their intervals, and their speed where that was measured."""
    header = ["codec", *(f"{column.metric.title} vs {column.title}" for column in columns(results))]
    if results.timed:
        header += ["encode, MP/s", "decode, MP/s"]
    lines = [row(*header), "|---" * len(header) + "|"]
    for codec in chosen:
        cells = [f"**{codec.title}**" if codec.learned else codec.title]
        cells += [interval(rate_in(results, codec.name, column)) for column in columns(results)]
        if results.timed:
            cells += [number(codec.encode_mp_s, 1), number(codec.decode_mp_s, 1)]
        lines.append(row(*cells))
    return lines


def standing_table(results: Results) -> list[str]:
    """The best model in each metric against every family at its best in that metric."""
    found = standings(results)
    metrics = [metric for metric in metrics_of(results) if any(each.metric is metric for each in found)]
    models = [next(each.model.title for each in found if each.metric is metric) for metric in metrics]
    titles = (f"{metric.title}, {model}" for metric, model in zip(metrics, models, strict=True))
    lines = [row("bits at equal", *titles), "|---" * (len(metrics) + 1) + "|"]
    for family in families(results):
        its = {each.metric.name: each for each in found if each.rival.family == family}
        chosen = [its.get(metric.name) for metric in metrics]
        cells = [f"{interval(each.rate)} ({each.rival.title})" if each else "-" for each in chosen]
        if its:
            lines.append(row(family, *cells))
    return lines


def lossless_table(results: Results) -> list[str]:
    """Rate and speed of lossless coding, smallest files first."""
    lines = [row("codec", "bits per sub-pixel", "encode, MP/s", "decode, MP/s"), "|---|---|---|---|"]
    for mean in sorted(results.lossless, key=lambda mean: mean.bits_per_sample):
        codec = results.codec(mean.codec)
        title = f"**{codec.title}**" if codec.learned else codec.title
        speeds = number(mean.encode_mp_s, 2), number(mean.decode_mp_s, 2)
        lines.append(row(title, number(mean.bits_per_sample, 3), *speeds))
    return lines


def bare(rate: Rate) -> bool:
    """Whether a BD-rate follows from means alone."""
    return rate.low is None and not rate.published


def summary(results: Results, chosen: list[CodecSummary]) -> list[str]:
    """BD-rates, with what they are and where they were measured."""
    return [
        "BD-rate, the difference in size at equal quality (SSIMULACRA2 from 30 to 90), with its 95 % interval over",
        "pictures. Each metric is compared with the AVIF whose tuning does best in it, and with VTM (published).",
        *([f"Speed over {results.timed} of the pictures, one process on {results.machine}."] * bool(results.timed)),
        *([ALONE] * any(map(bare, results.rates))),
        "",
        *codec_table(results, chosen),
        "",
    ]


def conditions(results: Results) -> str:
    """What was measured, and when."""
    return f"Kodak, {results.common} pictures, real files, every byte counted ({results.date}):"


def best_codecs(results: Results) -> list[CodecSummary]:
    """Lcomp's models, and of each family the codec that does best in SSIMULACRA2."""
    best = [rival(results, family, SSIMULACRA2) for family in families(results)]
    return [codec for codec in results.lossy if codec.learned or codec in best]


def readme_section(results: Results) -> str:
    """What stands between the README's markers: who stands where, one table and the plot."""
    plot_line = "![SSIMULACRA2 against bits per pixel](docs/kodak-ssimulacra2.png)"
    lines = [BEGIN, conditions(results), "", *standing_table(results), "", *summary(results, best_codecs(results))]
    return "\n".join([*lines, plot_line, END])


def docs_section(results: Results) -> str:
    """What stands between the markers of docs/results.md: a table for each model, the summary and the plots."""
    learned = [codec for codec in results.lossy if codec.learned]
    tables = [line for model in learned for line in (*model_table(results, model), "")]
    more = "All means and BD-rates are in `benchmarks/kodak.json`."
    plots = "![SSIMULACRA2 against bits per pixel](kodak-ssimulacra2.png)", "![PSNR against bits per pixel](kodak.png)"
    lines = [BEGIN, conditions(results), "", *standing_table(results), "", *tables]
    return "\n".join([*lines, *summary(results, list(results.lossy)), more, "", *plots, END])


def lossless_section(results: Results) -> str:
    """What stands between the markers of lossless coding in docs/results.md."""
    about = f"Kodak, {results.common} pictures, every byte counted, every file decoded and compared."
    if results.timed:
        about += f" Speed over {results.timed} of them, one process on {results.machine}."
    return "\n".join([BEGIN_LOSSLESS, about, "", *lossless_table(results), END_LOSSLESS])


def with_section(text: str, section: str, first: str = BEGIN, last: str = END) -> str:
    """A page with another section between two markers; raises LcompError where it has none."""
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
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
    for metric, digits in (("psnr", 3), ("ms_ssim", 5), ("ssimulacra2", 2)):
        figures[f"kodak_{metric}"] = [round(mean.scores[metric], digits) for mean in means if metric in mean.scores]
    for stale in [name for name in figures if "bd_rate_" in name]:
        del figures[stale]
    for metric in (PSNR, SSIMULACRA2):
        prefix = "" if metric is PSNR else "ssimulacra2_"
        for family, name in NAMED:
            other = rival(results, family, metric)
            rate = results.rate(model.name, other.name, metric.name) if other else None
            if rate:
                figures[f"{prefix}bd_rate_{name}"] = round(rate.percent, 1)
    for name in IN_PLOTS:
        if rate := results.rate(model.name, name, PSNR.name, published=True):
            figures[f"bd_rate_{name.replace('-', '_')}"] = round(rate.percent, 1)
    return tomlkit.dumps(document)


def complete(results: Results) -> Results:
    """The same results; raises LcompError where pictures of Kodak are missing."""
    if results.dataset != KODAK or results.common != results.pictures:
        raise LcompError("only complete evaluations of Kodak are published")
    return results


def publish(results: Results, root: Path) -> None:
    """Write everything that is published below `root`; raises LcompError for results that may not be."""
    complete(results)
    readme, page = root / "README.md", root / "docs" / "results.md"
    if results.lossless and not results.lossy:
        page_text = with_section(
            page.read_text(encoding="utf-8"), lossless_section(results), BEGIN_LOSSLESS, END_LOSSLESS
        )
        page.write_bytes(page_text.encode())
        return
    main = main_figures(results)
    page_text = with_section(page.read_text(encoding="utf-8"), docs_section(main))
    if main.lossless:
        page_text = with_section(page_text, lossless_section(main), BEGIN_LOSSLESS, END_LOSSLESS)
    changed = {
        readme: with_section(readme.read_text(encoding="utf-8"), readme_section(main)).encode(),
        page: page_text.encode(),
        root / "benchmarks" / "kodak.json": to_json(main).encode(),
        root / "docs" / "kodak.png": plot(main, PSNR),
        root / "docs" / "kodak-ssimulacra2.png": plot(main, SSIMULACRA2),
    }
    for codec in results.lossy:
        if codec.learned:
            source = root / "models" / f"{codec.name}.toml"
            changed[source] = with_figures(source.read_text(encoding="utf-8"), main, codec).encode()
    for path, data in changed.items():
        path.write_bytes(data)
        print(f"{path}: {len(data)} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?", default=DEFAULT, help="results.json of lcomp eval")
    parser.add_argument("--onto", type=Path, help="results of all codecs, in which those of some models are replaced")
    parser.add_argument("--speed", type=Path, help="results.json of a run in one process, on some of the pictures")
    arguments = parser.parse_args()
    try:
        results = read_results(arguments.results)
        if arguments.onto:
            results = onto(read_results(arguments.onto), complete(results))
        publish(with_speeds(results, read_results(arguments.speed)) if arguments.speed else results, ROOT)
    except LcompError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
