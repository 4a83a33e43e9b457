"""Results as tables for the terminal."""

from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from lcomp.evaluation.published import VTM
from lcomp.evaluation.results import Mean, Metric, Results

JPEG, AVIF = "jpeg", "avif"

COLUMNS = (
    (Metric.SSIMULACRA2, AVIF),
    (Metric.SSIMULACRA2, JPEG),
    (Metric.HAARPSI, AVIF),
    (Metric.VMAF, AVIF),
    (Metric.PSNR_HVS, AVIF),
    (Metric.PSNR, AVIF),
    (Metric.PSNR, VTM),
    (Metric.MS_SSIM, AVIF),
    (Metric.MS_SSIM, VTM),
)
"""Columns of BD-rates in summaries: metric and anchor."""


class Column(NamedTuple):
    """A column of BD-rates."""

    metric: Metric
    anchor: str  # a codec that was measured, or VTM's published curve
    title: str  # of the anchor


def columns(results: Results) -> list[Column]:
    """The columns of COLUMNS whose anchor and metric were measured."""
    titles = {codec.name: codec.title for codec in results.codecs}
    if any(rate.published for rate in results.rates):
        titles[VTM] = "VTM"
    measured = {metric for metric in Metric for rate in results.rates if rate.at_equal(metric) is not None}
    return [
        Column(metric, anchor, titles[anchor]) for metric, anchor in COLUMNS if anchor in titles and metric in measured
    ]


def rate_in(results: Results, name: str, column: Column) -> float | None:
    """The BD-rate of a codec for a column, None where there is none."""
    rate = results.rate(name, column.anchor, column.anchor == VTM)
    return rate.at_equal(column.metric) if rate else None


def number(value: float | None, decimals: int) -> str:
    """A figure, or a dash for none."""
    return "-" if value is None else f"{value:.{decimals}f}"


def percent(value: float | None) -> str:
    """A signed percentage, or a dash for none."""
    return "-" if value is None else f"{value:+.1f} %"


def pictures_line(results: Results) -> str:
    """What the means are over, and what is missing from the tables."""
    line = f"{results.dataset}: means over {results.common} of {results.pictures} pictures"
    if results.common < results.pictures:
        line += " (those that every codec measured at every setting)"
    if any(codec.encode_mp_s is None for codec in results.codecs) and results.common:
        line += "; no times, because several processes measured"
    return "\n".join([line, *(f"skipped: {skipped.name}: {skipped.reason}" for skipped in results.skipped)])


def perceptual_cells(mean: Mean) -> list[str]:
    """HaarPSI, GMSD, VIF, VMAF, PSNR-HVS, detail and Frechet distance."""
    values = (mean.haarpsi, 4), (mean.gmsd, 4), (mean.vif, 3), (mean.vmaf, 1), (mean.psnr_hvs, 2)
    return [number(*each) for each in (*values, (mean.detail, 3), (mean.frechet, 3))]


def points_table(results: Results) -> Table:
    """One line per codec and setting."""
    perceptual = any(mean.detail is not None for mean in results.means)
    table = Table(title="operating points")
    table.add_column("codec")
    names = [
        "setting",
        "bpp",
        "PSNR dB",
        "MS-SSIM",
        "SSIMULACRA2",
        *(["HaarPSI", "GMSD", "VIF", "VMAF", "PSNR-HVS", "detail", "Frechet"] if perceptual else []),
    ]
    for name in (*names, "encode MP/s", "decode MP/s"):
        table.add_column(name, justify="right")
    for codec in results.codecs:
        for mean in results.means_of(codec.name):
            table.add_row(
                codec.title,
                f"{mean.setting:g}",
                number(mean.bpp, 4),
                number(mean.psnr, 3),
                number(mean.ms_ssim, 5),
                number(mean.ssimulacra2, 2),
                *(perceptual_cells(mean) if perceptual else []),
                number(mean.encode_mp_s, 2),
                number(mean.decode_mp_s, 2),
            )
        table.add_section()
    return table


def summary_table(results: Results) -> Table:
    """One line per codec: range, BD-rates against AVIF, JPEG and VTM, speed."""
    table = Table(title="BD-rate (negative: smaller files at equal quality)", caption=Text(pictures_line(results)))
    table.add_column("codec")
    table.add_column("bpp", justify="right")
    for column in columns(results):
        table.add_column(f"{column.metric.value}\nvs {column.anchor.upper()}", justify="right", no_wrap=True)
    table.add_column("encode\nMP/s", justify="right")
    table.add_column("decode\nMP/s", justify="right")
    for codec in results.codecs:
        means = results.means_of(codec.name)
        if not means:
            continue
        table.add_row(
            codec.title,
            f"{min(mean.bpp for mean in means):.2f} - {max(mean.bpp for mean in means):.2f}",
            *(percent(rate_in(results, codec.name, column)) for column in columns(results)),
            number(codec.encode_mp_s, 2),
            number(codec.decode_mp_s, 2),
        )
    return table
