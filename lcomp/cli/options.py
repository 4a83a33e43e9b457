"""Options that several commands share."""

import re
from typing import Annotated

import typer


def known_device(name: str) -> str:
    """Refuse what can never be a device; whether it exists is seen when it is used."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise typer.BadParameter(f"unknown device '{name}': use auto, cpu, cuda or cuda:N")
    return name


Inputs = Annotated[list[str], typer.Argument(metavar="IN...", help="Input files; - is stdin.", show_default=False)]
Output = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="OUT", help="Output file, a directory, or - for stdout.", show_default="beside IN"
    ),
]
Device = Annotated[
    str, typer.Option("--device", callback=known_device, metavar="auto|cpu|cuda[:N]", help="Where the networks run.")
]
Force = Annotated[bool, typer.Option("-f", "--force", help="Overwrite existing files.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show the model, device and stages.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show errors only.")]
MaxPixels = Annotated[
    int, typer.Option("--max-pixels", min=1, metavar="N", help="Refuse pictures of more pixels (width * height).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
