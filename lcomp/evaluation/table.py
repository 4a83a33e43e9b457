"""Results as tables for the terminal."""

from rich.table import Table
from rich.text import Text

from lcomp.evaluation.published import VTM
from lcomp.evaluation.results import Mean, Results

JPEG = "jpeg"


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
    """SSIMULACRA2, detail and Frechet distance."""
    return [number(mean.ssimulacra2, 2), number(mean.detail, 3), number(mean.frechet, 3)]


def points_table(results: Results) -> Table:
    """One line per codec and setting."""
    perceptual = any(mean.detail is not None for mean in results.means)
    table = Table(title="operating points")
    table.add_column("codec")
    names = ["setting", "bpp", "PSNR dB", "MS-SSIM", *(["SSIMULACRA2", "detail", "Frechet"] if perceptual else [])]
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
                *(perceptual_cells(mean) if perceptual else []),
                number(mean.encode_mp_s, 2),
                number(mean.decode_mp_s, 2),
            )
        table.add_section()
    return table


def summary_table(results: Results) -> Table:
    """One line per codec: range, BD-rates against JPEG and VTM, speed."""
    table = Table(title="BD-rate (negative: smaller files at equal quality)", caption=Text(pictures_line(results)))
    table.add_column("codec")
    table.add_column("bpp", justify="right")
    table.add_column("PSNR dB", justify="right")
    anchors = [(JPEG, False), (VTM, True)] if any(rate.published for rate in results.rates) else [(JPEG, False)]
    for metric in ("PSNR", "MS-SSIM"):
        for anchor, _ in anchors:
            table.add_column(f"{metric}\nvs {anchor.upper()}", justify="right")
    table.add_column("encode\nMP/s", justify="right")
    table.add_column("decode\nMP/s", justify="right")
    for codec in results.codecs:
        means = results.means_of(codec.name)
        if not means:
            continue
        rates = [results.rate(codec.name, *anchor) for anchor in anchors]
        table.add_row(
            codec.title,
            f"{min(mean.bpp for mean in means):.2f} - {max(mean.bpp for mean in means):.2f}",
            f"{min(mean.psnr for mean in means):.1f} - {max(mean.psnr for mean in means):.1f}",
            *(percent(rate.psnr if rate else None) for rate in rates),
            *(percent(rate.ms_ssim if rate else None) for rate in rates),
            number(codec.encode_mp_s, 2),
            number(codec.decode_mp_s, 2),
        )
    return table
