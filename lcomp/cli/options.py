"""Options that several commands share."""

import math
import re
import sys
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated, Literal

import typer

import lcomp
from lcomp.cli.files import STREAM, printable
from lcomp.errors import LcompError, ModelError, UnsupportedError
from lcomp.options import MSE
from lcomp.places.finding import place


def known_device(name: str) -> str:
    """Refuse names that no device has, and GPUs where torch is built without; else that is checked when it is used."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise typer.BadParameter(f"unknown device '{name}': use auto, cpu, cuda or cuda:N")
    if name.startswith("cuda") and version("torch").endswith("+cpu"):
        raise LcompError(f"device '{name}' does not exist or cannot be used: this torch is built for CPUs")
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


def decoders() -> list[str]:
    """Names of the installed decoders."""
    return list(dict.fromkeys([MSE, *(model.decoder_name for model in lcomp.models() if model.is_decoder)]))


def model_names(incomplete: str) -> list[str]:
    """Names of the installed models that begin like this, for shells."""
    return [model.name for model in lcomp.models() if model.name.startswith(incomplete)]


def decoder_names(incomplete: str) -> list[str]:
    """Names of the installed decoders that begin like this, for shells."""
    return [name for name in decoders() if name.startswith(incomplete)]


def known_coder(name: str) -> None:
    """Raise UnsupportedError for the coder that is an extra, where that is not installed."""
    if name == "torchac" and find_spec("torchac") is None:
        raise UnsupportedError("the torchac coder is not installed: pip install 'lcomp[torchac]'")


def known_decoder(name: str | None) -> None:
    """Refuse a decoder that is not installed."""
    if name is not None and name not in decoders():
        raise typer.BadParameter(f"unknown decoder '{name}': use {' or '.join(decoders())}")


def refuse_forced_skips(force: bool, skip_existing: bool) -> None:
    """Refuse two options that contradict each other."""
    if force and skip_existing:
        raise typer.BadParameter("--force and --skip-existing exclude each other")


def refuse_times_of_urls(preserve: bool, outputs: list[str]) -> None:
    """Refuse to preserve times where they cannot be kept."""
    urls = [output for output in outputs if not place(output).keeps_times]
    if preserve and urls:
        raise typer.BadParameter(printable(f"--preserve excludes {urls[0]}: its server sets the time"))


def refuse_json_beside_payload(as_json: bool, outputs: list[str]) -> None:
    """Refuse JSON on stdout where an output goes there."""
    if as_json and STREAM in outputs:
        raise typer.BadParameter("--json and an output on stdout exclude each other")


FILES, MACHINE, MESSAGES = "Files", "Processors and limits", "Messages"
PICTURE = "What to make of the file"
"""Groups of options in the help."""

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
        rich_help_panel=FILES,
    ),
]
Upscale = Annotated[
    int,
    typer.Option(
        "--upscale",
        min=1,
        max=2,
        metavar="2",
        help="Show the picture at twice its size by a network, whose detail is a guess.",
        show_default=False,
        rich_help_panel=PICTURE,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        callback=known_device,
        metavar="auto|cpu|cuda[:N]",
        help="Where the networks run.",
        rich_help_panel=MACHINE,
    ),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    typer.Option("--precision", help="Of the networks; the latents decode alike with any.", rich_help_panel=MACHINE),
]
Force = Annotated[bool, typer.Option("-f", "--force", help="Overwrite existing files.", rich_help_panel=FILES)]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Show the model, device and stages.", rich_help_panel=MESSAGES)
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show errors only.", rich_help_panel=MESSAGES)]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="N",
        help="Refuse pictures of more pixels (width * height).",
        rich_help_panel=MACHINE,
    ),
]
Recursive = Annotated[
    bool,
    typer.Option(
        "-r", "--recursive", help="Work on all files of a fitting suffix in the folders given.", rich_help_panel=FILES
    ),
]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing", help="Leave inputs out whose output exists and is not older.", rich_help_panel=FILES
    ),
]
Preserve = Annotated[
    bool,
    typer.Option(
        "-p", "--preserve", "--keep-times", help="Give outputs the times of their inputs.", rich_help_panel=FILES
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        min=1,
        max=MOST_JOBS,
        metavar="N",
        help="Processes that share the work.",
        show_default="1, or as many as a cluster has cores or GPUs",
        rich_help_panel=MACHINE,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=MESSAGES)]

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would be written, and write nothing.", rich_help_panel=FILES),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        metavar="N",
        help="Threads of each process.",
        show_default="all processors",
        rich_help_panel=MACHINE,
    ),
]
