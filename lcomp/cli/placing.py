"""What may happen to the outputs of a command that exist already, and which times new ones get."""

import os
from dataclasses import dataclass
from pathlib import Path

from lcomp.cli.files import STREAM, Destination
from lcomp.cli.inputs import LIC, is_file, is_lic
from lcomp.errors import LcompError
from lcomp.files import is_special


def is_current(source: str, output: str) -> bool:
    """Whether an output exists that need not be made anew: not older than its source, not empty, and what it says."""
    path = Path(output)
    if output == STREAM or not is_file(path):
        return False
    if path.suffix.lower() == LIC and not is_lic(path):
        return False
    try:
        made = path.stat()
        return made.st_size > 0 and (source == STREAM or Path(source).stat().st_mtime_ns <= made.st_mtime_ns)
    except OSError:  # a source that is gone needs no other output
        return True


@dataclass(frozen=True)
class Placing:
    """How outputs are put in their places."""

    force: bool  # replace any file
    renew: bool  # replace files that are older than their source, or not what they should be
    preserve: bool  # give outputs the times of their sources

    def destination(self, output: str, source: str) -> Destination:
        """Where an output goes; raises LcompError for what may not be written."""
        stale = self.renew and not is_current(source, output)
        return Destination(output, source, self.force or stale)

    def write(self, destination: Destination, data: bytes) -> None:
        """Write an output; raises LcompError where that fails."""
        destination.write(data)
        source, output = destination.source, destination.name
        if not self.preserve or STREAM in (source, output) or is_special(Path(source)) or is_special(Path(output)):
            return
        try:
            times = Path(source).stat()
            os.utime(output, ns=(times.st_atime_ns, times.st_mtime_ns))
        except OSError as error:
            raise LcompError(f"cannot keep the time of {source}: {error.strerror}") from error
