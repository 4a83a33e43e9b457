"""Results as tables for the terminal."""

from rich.table import Table
from rich.text import Text

from lcomp.evaluation.features import measured_sets
from lcomp.evaluation.metrics.registry import METRICS
from lcomp.evaluation.results import Rate, Results
from lcomp.evaluation.standing import columns, rate_in


def number(value: float | None, decimals: int) -> str:
    """A figure, or a dash for none."""
    return "-" if value is None else f"{value:.{decimals}f}"


def percent(rate: Rate | None) -> str:
    """A BD-rate as a signed percentage, or a dash for none."""
    return "-" if rate is None else f"{rate.percent:+.1f} %"


def interval(rate: Rate | None) -> str:
    """A BD-rate with its 95 % interval, where it has one."""
    if rate is None or rate.low is None or rate.high is None:
        return percent(rate)
    return f"{rate.percent:+.1f} [{rate.low:+.1f}, {rate.high:+.1f}] %"


def notes(results: Results) -> list[str]:
    """What the means are over, what was done to pictures, and what is missing from the tables."""
    line = f"{results.dataset}: means over {results.common} of {results.pictures} pictures"
    if results.common < results.pictures:
        line += " (those that every codec measured at every setting)"
    if not results.timed and results.common:
        line += "; no times, because several processes measured"
    return [line, *results.notes, *(f"skipped: {skipped.name}: {skipped.reason}" for skipped in results.skipped)]


def points_table(results: Results) -> Table:
    """One line per lossy codec and setting."""
    measured = [metric for metric in METRICS if results.measured(metric)]
    distances = measured_sets(results.means)
    table = Table(title="operating points")
    table.add_column("codec")
    titles = [metric.title for metric in measured]
    for name in ("setting", "bpp", *titles, *(each.title for each in distances), "encode MP/s", "decode MP/s"):
        table.add_column(name, justify="right")
    for codec in results.lossy:
        for mean in results.means_of(codec.name):
            table.add_row(
                codec.title,
                f"{mean.setting:g}",
                number(mean.bpp, 4),
                *(number(mean.scores.get(metric.name), metric.decimals) for metric in measured),
                *(number(mean.frechet.get(each.name), 3) for each in distances),
                number(mean.encode_mp_s, 2),
                number(mean.decode_mp_s, 2),
            )
        table.add_section()
    return table


def summary_table(results: Results) -> Table:
    """One line per lossy codec: range, BD-rates with their intervals, speed."""
    title = "BD-rate with 95 % interval over pictures (negative: smaller files at equal quality)"
    table = Table(title=title, caption=Text("\n".join(notes(results))))
    table.add_column("codec")
    table.add_column("bpp", justify="right")
    for column in columns(results):
        table.add_column(f"{column.metric.title}\nvs {column.title}", justify="right")
    table.add_column("encode\nMP/s", justify="right")
    table.add_column("decode\nMP/s", justify="right")
    for codec in results.lossy:
        means = results.means_of(codec.name)
        if means:
            table.add_row(
                codec.title,
                f"{min(mean.bpp for mean in means):.2f} - {max(mean.bpp for mean in means):.2f}",
                *(interval(rate_in(results, codec.name, column)) for column in columns(results)),
                number(codec.encode_mp_s, 2),
                number(codec.decode_mp_s, 2),
            )
    return table


def lossless_table(results: Results) -> Table:
    """One line per lossless codec, smallest files first."""
    table = Table(title="lossless")
    table.add_column("codec")
    for name in ("bits per sub-pixel", "encode MP/s", "decode MP/s"):
        table.add_column(name, justify="right")
    for mean in sorted(results.lossless, key=lambda mean: mean.bits_per_sample):
        table.add_row(
            results.codec(mean.codec).title,
            number(mean.bits_per_sample, 3),
            number(mean.encode_mp_s, 2),
            number(mean.decode_mp_s, 2),
        )
    return table
