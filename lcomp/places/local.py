"""Files of this machine."""

import errno
import os
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

from lcomp.errors import LcompError
from lcomp.files import is_special, replacing, walk, write_all
from lcomp.places.place import Place, Status, Tree, TreeFile, Unreadable
from lcomp.places.streams import read_from


@dataclass(frozen=True)
class LocalPlace:
    """A path."""

    name: str
    time_step = 1
    keeps_times = True

    @property
    def path(self) -> Path:
        """The same for pathlib."""
        return Path(self.name)

    @property
    def shown(self) -> str:
        """Its name."""
        return self.name

    @property
    def base(self) -> str:
        """The last part of its name."""
        return self.path.name

    @property
    def title(self) -> str:
        """Its own name where it is a folder, `.` resolved."""
        return self.path.resolve().name

    @property
    def real(self) -> str:
        """Its canonical name, with symbolic links resolved."""
        return os.path.normcase(os.path.realpath(self.name))

    @property
    def landing(self) -> str:
        """Its canonical name; file systems of macOS usually ignore case and Unicode composition."""
        return unicodedata.normalize("NFC", self.real).casefold() if sys.platform == "darwin" else self.real

    def inside(self, below: PurePath) -> str:
        """Name of a file below this folder."""
        return str(self.path / below)

    def beside(self, base: str) -> str:
        """Name of a file beside this one."""
        return str(self.path.parent / base)

    def is_file(self) -> bool:
        """Whether it is known to be a file; False where a folder above it cannot be searched."""
        try:
            return self.path.is_file()
        except OSError:
            return False

    def is_folder(self) -> bool:
        """Whether it is known to be a folder; False where that cannot be found out."""
        try:
            return self.path.is_dir()
        except OSError:
            return False

    def is_special(self) -> bool:
        """Whether it is known to be a device, a pipe or a folder."""
        return is_special(self.path)

    def is_taken(self) -> bool:
        """Whether there is something of this name, a link that leads nowhere too."""
        return os.path.lexists(self.name)

    def status(self) -> Status:
        """What is known of the file; raises OSError where there is none."""
        known = self.path.stat()
        return Status(known.st_size, known.st_mtime_ns, known.st_atime_ns)

    def read(self, start: bytes = b"", most: int | None = None) -> bytes:
        """All bytes, bounded unless it is a regular file that is read whole."""
        with self.path.open("rb") as file:
            return read_from(file, start, None if self.path.is_file() and not start else most)

    def begins_with(self, start: bytes) -> bool:
        """Whether it is a file that begins with these bytes."""
        try:
            with self.path.open("rb") as file:
                return file.read(len(start)) == start
        except OSError:
            return False

    def walk(self, suffixes: frozenset[str]) -> Tree:
        """The regular files below this folder, and the folders that cannot be read."""
        found = walk(self.path, suffixes)
        files = [TreeFile(str(path), path.relative_to(self.path)) for path in found.files]
        locked = [Unreadable(str(error.filename), str(error.strerror)) for error in found.errors]
        return Tree(files, locked, [str(path) for path in found.others])

    def refuse_output(self, source: Place | None) -> None:
        """Raise LcompError or OSError where no file made of a source can be written, whatever is there."""
        path = self.path
        folder = next((parent for parent in path.resolve().parents if parent.exists()), None)
        if path.is_dir():
            raise LcompError(f"output {self.name} is a directory")
        if isinstance(source, LocalPlace) and path.exists() and source.path.exists() and path.samefile(source.path):
            raise LcompError(f"output {self.name} is the input itself")
        if folder is None:  # a drive that does not exist
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        # os.access says nothing about folders on Windows
        if os.name == "posix" and not is_special(path) and not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def write(self, data: bytes, check: Callable[[], None], replace: bool) -> None:
        """Write a file atomically, or to a device as it is; `check` alone decides whether it may replace another."""
        if is_special(self.path):
            self.path.write_bytes(data)
            return
        with replacing(self.path.resolve()) as file:
            write_all(file, data)
            check()

    def set_times(self, times: Status) -> None:
        """Give the file the times of another, as far as they are known."""
        if times.modified is not None:
            os.utime(self.name, ns=(times.accessed or times.modified, times.modified))
