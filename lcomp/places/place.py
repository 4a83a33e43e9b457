"""What a file or folder can be asked and told, wherever it lies."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple, Protocol


@dataclass(frozen=True)
class Status:
    """What is known of a file without reading it."""

    size: int | None
    modified: int | None  # in ns since 1970
    accessed: int | None

    def is_older_than(self, other: "Status", step: int) -> bool:
        """Whether it was modified before another, as far as both times are known, in steps of so many ns."""
        if self.modified is None or other.modified is None:
            return False
        return self.modified // step < other.modified // step


class TreeFile(NamedTuple):
    """A file that was found in a folder."""

    name: str
    below: PurePath  # its place in the folder


class Unreadable(NamedTuple):
    """Something in a folder that cannot be worked on."""

    name: str
    reason: str


class Tree(NamedTuple):
    """What lies below a folder."""

    files: list[TreeFile]  # sorted by name
    unreadable: list[Unreadable]
    others: list[str]  # files with another suffix, hidden ones not counted


class Place(Protocol):
    """A file or folder, or where one could be."""

    @property
    def shown(self) -> str:
        """Its name for people, without passwords."""

    @property
    def base(self) -> str:
        """The last part of its name."""

    @property
    def title(self) -> str:
        """Its own name where it is a folder, `.` resolved."""

    @property
    def real(self) -> str:
        """Its canonical name: two places of one name are the same."""

    @property
    def landing(self) -> str:
        """Its canonical name where a file system may ignore case."""

    @property
    def time_step(self) -> int:
        """Nanoseconds between two times that differ."""

    @property
    def keeps_times(self) -> bool:
        """Whether a file can be given a time."""

    def inside(self, below: PurePath) -> str:
        """Name of a file below this folder."""

    def beside(self, base: str) -> str:
        """Name of a file beside this one."""

    def is_file(self) -> bool:
        """Whether it is known to be a file."""

    def is_folder(self) -> bool:
        """Whether it is known to be a folder."""

    def is_special(self) -> bool:
        """Whether it is known to be neither a regular file nor free, as a device is."""

    def is_taken(self) -> bool:
        """Whether there is something of this name, a link that leads nowhere too."""

    def status(self) -> Status:
        """What is known of the file; raises OSError where there is none."""

    def read(self, start: bytes = b"", most: int | None = None) -> bytes:
        """All bytes, or fewer where they do not begin with `start`; raises OSError.

        Raises LimitError beyond `most` bytes, of a file whose size is not known or with `start`.
        """

    def begins_with(self, start: bytes) -> bool:
        """Whether it is a file that begins with these bytes."""

    def walk(self, suffixes: frozenset[str]) -> Tree:
        """The files below this folder that have one of the suffixes (lower case, with the dot)."""

    def refuse_output(self, source: "Place | None") -> None:
        """Raise LcompError or OSError where no file made of a source can be written, whatever is there."""

    def write(self, data: bytes, check: Callable[[], None], replace: bool) -> None:
        """Write a whole file or leave what is there; raises OSError, FileExistsError where it may not `replace` that.

        `check` is called when all is written, before it takes its place, and raises where it may not.
        """

    def set_times(self, times: Status) -> None:
        """Give the file the times of another; raises OSError."""
