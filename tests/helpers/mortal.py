"""Work that kills its process, on a cluster: `python -m helpers.mortal ADDRESS FOLDER` does as the files there say."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from lcomp.cli.batch import Manner, run
from lcomp.cli.inputs import Job
from lcomp.cli.reports import RehearsalReport
from lcomp.cluster.engine import RayActors
from lcomp.errors import OutputExistsError
from lcomp.types import Progress


@dataclass(frozen=True)
class Mortal:
    """Work that copies text, and does what the text says."""

    def __call__(self, source: str, output: str, progress: Progress) -> RehearsalReport:
        text = Path(source).read_text()
        tries = Path(f"{source}.tries")
        tries.write_text(f"{tries.read_text() if tries.exists() else ''}x")
        if Path(output).exists():
            raise OutputExistsError(f"output {output} exists")
        if text == "die" or (text == "die once" and tries.read_text() == "x"):
            os._exit(9)
        Path(output).write_text(text)
        if text == "die late":
            os._exit(9)
        return RehearsalReport(Path(source).name, text)


def main() -> None:
    from helpers.mortal import Mortal as Known  # by its name, not as a part of __main__

    address, folder = sys.argv[1:]
    jobs = [Job(str(path), str(path.with_suffix(".out"))) for path in sorted(Path(folder).glob("*.in"))]
    try:
        run(Known(), jobs, Manner("copying", False, False, None, engine=RayActors(address, "cpu")))
    except typer.Exit as end:
        sys.exit(end.exit_code)


if __name__ == "__main__":
    main()
