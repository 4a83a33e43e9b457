"""What several pictures are worked on with: processes of this machine, or a Ray cluster."""

from importlib.util import find_spec
from typing import Annotated, Literal, NamedTuple

import typer

from lcomp.cli.files import STREAM
from lcomp.cli.options import MACHINE
from lcomp.errors import UnsupportedError
from lcomp.workers import Engine, side_by_side

EngineName = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="What runs the jobs: this machine, or a Ray cluster.", rich_help_panel=MACHINE),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT|auto",
        help="The Ray cluster; auto is the one that this machine belongs to.",
        show_default="$RAY_ADDRESS, or one of this machine alone",
        rich_help_panel=MACHINE,
    ),
]


class Chosen(NamedTuple):
    """An engine and how many processes of it are to share the work."""

    engine: Engine
    jobs: int | None  # None: as many as the cluster has room for


ALONE = Chosen(side_by_side, 1)
"""This process."""


def chosen_engine(
    engine: Literal["local", "ray"],
    address: str | None,
    jobs: int | None,
    device: str,
    threads: int | None = None,
    names: tuple[str | None, ...] = (),
) -> Chosen:
    """What was chosen; raises a usage error for what does not fit it, UnsupportedError where Ray is not installed.

    `names` are those of inputs and output.
    """
    if engine == "local":
        if address is not None:
            raise typer.BadParameter("--address is for --engine ray")
        return ALONE if jobs is None else Chosen(side_by_side, jobs)
    if STREAM in names:
        raise typer.BadParameter("--engine ray and - exclude each other: other machines have other pipes")
    if device.startswith("cuda:"):
        raise typer.BadParameter(f"--engine ray and --device {device} exclude each other: use cuda")
    if find_spec("ray") is None:
        raise UnsupportedError("Ray is not installed: pip install 'lcomp[ray]'")
    from lcomp.cluster.engine import RayActors

    return Chosen(RayActors(address, device, threads), jobs)
