"""What may happen to the outputs of a command that exist already, and which times new ones get."""

from dataclasses import dataclass

from lcomp.cli.files import STREAM, Destination
from lcomp.cli.inputs import LIC, is_lic, suffix_of
from lcomp.errors import LcompError
from lcomp.places.finding import place


def is_current(source: str, output: str) -> bool:
    """Whether an output exists that need not be made anew: not older than its source, not empty, and what it says."""
    if output == STREAM:
        return False
    made = place(output)
    try:
        if made.is_special():
            return False
        known = made.status()
        if known.size == 0 or (suffix_of(output) == LIC and not is_lic(output)):
            return False
    except OSError:  # not known to be current
        return False
    if source == STREAM:
        return True
    original = place(source)
    try:
        return not known.is_older_than(original.status(), max(made.time_step, original.time_step))
    except FileNotFoundError:  # a source that is gone needs no other output
        return True
    except OSError:
        return False


@dataclass(frozen=True)
class Placing:
    """How outputs are put in their places."""

    force: bool  # replace any file
    renew: bool  # replace files that are older than their source, or not what they should be
    preserve: bool  # give outputs the times of their sources

    def destination(self, output: str, source: str) -> Destination:
        """Where an output goes; raises LcompError for what may not be written."""
        stale = self.renew and output != STREAM and place(output).is_taken() and not is_current(source, output)
        return Destination(output, source, self.force or stale)

    def write(self, destination: Destination, data: bytes) -> None:
        """Write an output; raises LcompError where that fails."""
        destination.write(data)
        source, output = destination.source, destination.place
        if not self.preserve or source is None or output is None or source.is_special() or output.is_special():
            return
        try:
            output.set_times(source.status())
        except OSError as error:
            raise LcompError(f"cannot keep the time of {source.shown}: {error.strerror}") from error
