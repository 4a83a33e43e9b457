"""What is told of each input that was worked on: a line for people, and the same as JSON."""

from dataclasses import dataclass
from typing import Protocol

from lcomp.cli.files import STREAM, shown
from lcomp.cli.placing import Placing
from lcomp.places.finding import place
from lcomp.types import Progress


def share(part: int, whole: int) -> str:
    """Bytes of an output and of its input: `123456 -> 7890 bytes (6.4 %)`."""
    per_cent = 100 * part / max(whole, 1)
    shown = f"{per_cent:.0f}" if per_cent >= 100 else f"{per_cent:.3g}"
    return f"{whole} -> {part} bytes ({shown} %)"


class InputReport(Protocol):
    """What a batch needs of the report on one input."""

    @property
    def line(self) -> str:
        """The line for people."""

    @property
    def input_bytes(self) -> int:
        """Bytes of the input."""

    @property
    def output_bytes(self) -> int:
        """Bytes of the output."""


@dataclass(frozen=True)
class EncodeReport:
    """A picture that was encoded."""

    input: str
    output: str
    input_bytes: int
    output_bytes: int
    width: int
    height: int
    bpp: float
    ratio: float  # of its 8-bit samples, alpha included, to the file
    quality: float | None  # None where it is lossless
    lossless: bool
    max_error: int  # largest error of a sample of a lossless picture
    half: bool  # whether it was coded at half size
    psnr: float | None  # in dB, where it was measured; None for an exact copy too
    model: str
    device: str
    seconds: float
    searched: bool
    verbose: bool

    @property
    def line(self) -> str:
        """The line for people."""
        parts = [share(self.output_bytes, self.input_bytes), f"{self.bpp:.3f} bpp", f"{self.ratio:.1f}:1"]
        if self.lossless:
            parts.append(f"off by {self.max_error} at most" if self.max_error else "lossless")
        elif self.half:
            parts.append("coded at half the size")
        elif self.searched:
            parts.append(f"-q {self.quality:g}")
        if self.psnr is not None:
            parts.append(f"{self.psnr:.2f} dB")
        parts.append(f"{self.seconds:.2f} s")
        if self.output_bytes > self.input_bytes:
            parts.append("larger than its source")
        details = f" [{self.model}, {self.device}]" if self.verbose else ""
        return f"{self.input} -> {self.output}: {', '.join(parts)}{details}"


@dataclass(frozen=True)
class DecodeReport:
    """A file that was decoded."""

    input: str
    output: str
    input_bytes: int
    output_bytes: int
    width: int
    height: int
    format: str
    output_quality: int | None  # None where the format keeps the pixels
    device: str
    seconds: float
    verbose: bool

    @property
    def line(self) -> str:
        """The line for people."""
        lossy = "" if self.output_quality is None else f" of quality {self.output_quality}"
        details = f" [{self.device}]" if self.verbose else ""
        return (
            f"{self.input} -> {self.output}: {self.width}x{self.height} {self.format}{lossy}, "
            f"{self.input_bytes} -> {self.output_bytes} bytes, {self.seconds:.2f} s{details}"
        )


@dataclass(frozen=True)
class RehearsalReport:
    """An input that would be worked on."""

    input: str
    output: str
    input_bytes: int = 0
    output_bytes: int = 0

    @property
    def line(self) -> str:
        """The line for people."""
        return f"{self.input} -> {self.output}"


@dataclass(frozen=True)
class WrittenReport:
    """An input that was worked on by a process that died before it could report."""

    input: str
    output: str
    input_bytes: int
    output_bytes: int

    @classmethod
    def of(cls, source: str, output: str) -> "WrittenReport":
        """The report, by what lies there."""
        return cls(source, output, *(place(name).status().size or 0 for name in (source, output)))

    @property
    def line(self) -> str:
        """The line for people."""
        return f"{self.input} -> {self.output}: {share(self.output_bytes, self.input_bytes)}, its process died since"


@dataclass(frozen=True)
class Rehearsal:
    """Says what would be written, and refuses what would be refused, without doing it."""

    placing: Placing

    def __call__(self, source: str, output: str, progress: Progress) -> RehearsalReport:
        """The report; raises LcompError for an output that may not be written, OSError for an input that is not there.

        What is in the input is not looked at.
        """
        destination = self.placing.destination(output, source)
        size = 0 if source == STREAM else place(source).status().size or 0
        return RehearsalReport(shown(source), str(destination), size)
