"""Options that several commands share."""

import math
import re
import sys
from typing import Annotated, Literal

import typer

import lcomp
from lcomp.errors import ModelError
from lcomp.options import MSE


def known_device(name: str) -> str:
    """Refuse names that no device has; whether it exists is checked when it is used."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise typer.BadParameter(f"unknown device '{name}': use auto, cpu, cuda or cuda:N")
    return name


def a_number(value: float | None) -> float | None:
    """Refuse NaN, which passes every check of a range."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


def known_model(name: str) -> None:
    """Raise ModelError for a model that is not installed, before any work is done."""
    if name not in [model.name for model in lcomp.models()]:
        installed = ", ".join(model.name for model in lcomp.models())
        raise ModelError(f"unknown model '{name}' (installed: {installed})")


def known_decoder(name: str | None) -> None:
    """Refuse a decoder that is not installed."""
    names = [MSE, *(model.name for model in lcomp.models() if model.is_decoder)]
    if name is not None and name not in names:
        raise typer.BadParameter(f"unknown decoder '{name}': use {' or '.join(names)}")


def refuse_forced_skips(force: bool, skip_existing: bool) -> None:
    """Refuse two options that contradict each other."""
    if force and skip_existing:
        raise typer.BadParameter("--force and --skip-existing exclude each other")


MOST_JOBS = 60 if sys.platform == "win32" else None
"""Limit on processes: Windows can wait for about that many at once."""

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="IN...", help="Input files, or folders with --recursive; - is stdin.", show_default=False),
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="OUT",
        help="Output file, a directory (any name without a suffix), or - for stdout.",
        show_default="beside IN",
    ),
]
Device = Annotated[
    str, typer.Option("--device", callback=known_device, metavar="auto|cpu|cuda[:N]", help="Where the networks run.")
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    typer.Option("--precision", help="Of the networks; the latents decode alike with any."),
]
Force = Annotated[bool, typer.Option("-f", "--force", help="Overwrite existing files.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show the model, device and stages.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show errors only.")]
MaxPixels = Annotated[
    int, typer.Option("--max-pixels", min=1, metavar="N", help="Refuse pictures of more pixels (width * height).")
]
Recursive = Annotated[
    bool,
    typer.Option("-r", "--recursive", help="Work on all files of a fitting suffix in the folders given."),
]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave inputs out whose output exists and is not older.")
]
Preserve = Annotated[bool, typer.Option("-p", "--preserve", help="Give outputs the times of their inputs.")]
Jobs = Annotated[
    int, typer.Option("-j", "--jobs", min=1, max=MOST_JOBS, metavar="N", help="Processes that share the work.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
