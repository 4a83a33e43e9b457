"""Files that fsspec reaches: in buckets, on servers, in archives."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from lcomp.errors import LcompError, UnsupportedError
from lcomp.places.place import Place, Status, Tree, TreeFile, Unreadable
from lcomp.places.streams import read_from
from lcomp.places.urls import Url, split, without_secrets

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

BUCKETS = frozenset({"s3", "gs", "az", "abfs", "abfss"})
"""Where a file appears when its upload is complete, and where an upload can be told to replace nothing."""

READ_ONLY = frozenset({"http", "https", "zip", "tar", "libarchive", "github", "data"})

PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
}
"""What fsspec needs for a scheme."""

OF_THE_EXTRA = ("s3fs", "aiohttp")
"""Those of them that the extra brings."""

TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
"""What file systems call the time of the last change."""

BLOCK = 2**24
"""Bytes to ask a server for at a time: most pictures are one request."""

NUMBERS = {
    FileNotFoundError: errno.ENOENT,
    NotADirectoryError: errno.ENOTDIR,
    IsADirectoryError: errno.EISDIR,
    PermissionError: errno.EACCES,
    FileExistsError: errno.EEXIST,
}
"""Errors that keep their meaning; those of a broken pipe must not, because it is not ours that broke."""


def reason(error: Exception) -> str:
    """What a library says of an error: one line without secrets."""
    status = getattr(error, "status", None)
    said = f"HTTP {status}" if isinstance(status, int) else str(getattr(error, "strerror", None) or error)
    return without_secrets(" ".join(said.split())) or type(error).__name__


def cause_of(error: Exception) -> Exception:
    """The error behind one that calls a file missing, where it does so because its server failed or refused."""
    cause = error.__cause__
    refused = isinstance(cause, Exception) and getattr(cause, "status", 404) != 404
    if isinstance(error, FileNotFoundError) and (isinstance(cause, OSError) or refused):
        assert isinstance(cause, Exception)
        return cause
    return error


@contextmanager
def failing_as_files_do(shown: str) -> Iterator[None]:
    """Turn whatever a library raises into an OSError with number, reason and name."""
    try:
        yield
    except LcompError:
        raise
    except Exception as failure:
        error = cause_of(failure)
        number = next((number for kind, number in NUMBERS.items() if isinstance(error, kind)), None)
        if getattr(error, "status", None) in (401, 403):
            number = errno.EACCES
        text = reason(error) if number is None else os.strerror(number)
        raise OSError(number or errno.EIO, text, shown) from failure


def missing(scheme: str, error: ImportError) -> UnsupportedError:
    """Error where the package for a scheme is not installed."""
    package = PACKAGES.get(scheme)
    if package is None:
        return UnsupportedError(f"{scheme}:// needs another package: {reason(error)}")
    more = "" if package in OF_THE_EXTRA else f" {package}"
    return UnsupportedError(f"{scheme}:// needs {package}: pip install 'lcomp[cloud]'{more}")


def modified(info: dict[str, object]) -> int | None:
    """Time of a file in ns since 1970, from what its file system tells of it."""
    time = next((info[name] for name in TIMES if info.get(name)), None)
    if isinstance(time, str):
        with suppress(ValueError):
            time = datetime.fromisoformat(time)
    if isinstance(time, datetime):
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return int(time * 10**9) if isinstance(time, int | float) else None


def leads_out(below: PurePosixPath, text: str) -> bool:
    """Whether a key, which may hold anything, is no name of a file below a folder."""
    foreign = os.name == "nt" and ("\\" in text or ":" in text)
    return foreign or "\0" in text or ".." in below.parts or str(below) != text


@dataclass(frozen=True)
class RemotePlace:
    """A URL. Every question asks the server anew: others may write meanwhile."""

    name: str
    time_step = 10**9
    keeps_times = False

    @property
    def url(self) -> Url:
        """Its parts."""
        return split(self.name)

    @property
    def shown(self) -> str:
        """Its name without user, password and query."""
        return without_secrets(self.name)

    @property
    def base(self) -> str:
        """The last part of its path."""
        return self.url.base

    @property
    def title(self) -> str:
        """The last part of its path."""
        return self.url.base

    @property
    def real(self) -> str:
        """Its name without slashes at its ends."""
        return str(self.url._replace(path=self.url.path.strip("/")))

    @property
    def landing(self) -> str:
        """Its canonical name: case matters."""
        return self.real

    def inside(self, below: PurePath) -> str:
        """Name of a file below this folder."""
        return str(self.url.inside(below))

    def beside(self, base: str) -> str:
        """Name of a file beside this one."""
        return str(self.url.beside(base))

    def opened(self) -> tuple["AbstractFileSystem", str]:
        """The file system and the path in it; raises UnsupportedError where no installed package knows the scheme."""
        scheme = self.url.scheme
        try:
            from fsspec.core import url_to_fs

            system, path = url_to_fs(self.name)
        except ImportError as error:
            raise missing(scheme, error) from error
        except ValueError as error:
            raise UnsupportedError(f"{self.shown}: {reason(error)}") from error
        system.invalidate_cache()
        return system, path

    def info(self) -> dict[str, object]:
        """What its file system tells of it; raises OSError."""
        with failing_as_files_do(self.shown):
            system, path = self.opened()
            return dict(system.info(path))

    def is_of_type(self, kind: str) -> bool:
        """Whether it is known to be a "file" or a "directory"; raises OSError where the server cannot be asked."""
        try:
            return self.info().get("type") == kind
        except (FileNotFoundError, PermissionError):  # S3 denies what is not there to those who may not list
            return False

    def is_file(self) -> bool:
        """Whether it is known to be a file."""
        return self.is_of_type("file")

    def is_folder(self) -> bool:
        """Whether there is something below it; servers of the web have no folders."""
        if self.url.scheme in ("http", "https"):
            self.opened()
            return False
        return self.is_of_type("directory")

    def is_special(self) -> bool:
        """Nothing is."""
        return False

    def is_taken(self) -> bool:
        """Whether it is known to be a file."""
        return self.is_file()

    def status(self) -> Status:
        """What is known of the file; raises OSError where there is none."""
        info = self.info()
        if info.get("type") == "directory":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.shown)
        size = info.get("size")
        return Status(size if isinstance(size, int) else None, modified(info), None)

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """Its bytes, fetched as they are read."""
        with failing_as_files_do(self.shown):
            system, path = self.opened()
            with system.open(path, "rb", block_size=BLOCK) as file:
                yield file

    def read(self, start: bytes = b"", most: int | None = None) -> bytes:
        """All bytes, fetched no further than they are wanted."""
        with self.stream() as file:
            return read_from(file, start, None if getattr(file, "size", None) and not start else most)

    def begins_with(self, start: bytes) -> bool:
        """Whether it is a file that begins with these bytes."""
        try:
            with failing_as_files_do(self.shown):
                system, path = self.opened()
                return bytes(system.cat_file(path, start=0, end=len(start))) == start
        except OSError:
            return False

    def walk(self, suffixes: frozenset[str]) -> Tree:
        """The files below this folder, by one listing; keys that are no names of files are told."""
        with failing_as_files_do(self.shown):
            system, path = self.opened()
            listed = system.find(path, detail=True)
        top = path.strip("/")
        tree = Tree([], [], [])
        for key in sorted(listed):
            text = key.strip("/").removeprefix(top).removeprefix("/") if top else key.removeprefix("/")
            below = PurePosixPath(text)
            if key.endswith("/") or listed[key].get("type") == "directory" or below.name.startswith("._"):
                continue
            name = self.inside(below)
            if below.suffix.lower() not in suffixes:
                if not below.name.startswith("."):
                    tree.others.append(name)
            elif leads_out(below, text):
                tree.unreadable.append(Unreadable(name, "the key is not the name of a file"))
            else:
                tree.files.append(TreeFile(name, below))
        return tree

    def refuse_output(self, source: Place | None) -> None:
        """Raise LcompError where no file made of a source can be written, whatever is there."""
        if self.url.scheme in READ_ONLY:
            raise LcompError(f"cannot write {self.shown}: {self.url.scheme}:// is for reading")
        if source is not None and source.real == self.real:
            raise LcompError(f"output {self.shown} is the input itself")

    def write(self, data: bytes, check: Callable[[], None], replace: bool) -> None:
        """Write a file, which appears when it is complete: uploaded under its name, or elsewhere renamed to it."""
        with failing_as_files_do(self.shown):
            system, path = self.opened()
            if self.url.scheme in BUCKETS:
                upload(system, path, data, check, replace)
                return
            folder = path.rpartition("/")[0]
            temporary = f"{folder}/.lcomp-{secrets.token_hex(8)}.part"
            system.makedirs(folder, exist_ok=True)
            try:
                system.pipe_file(temporary, data)
                check()
                system.mv(temporary, path)
            finally:
                with suppress(Exception):
                    system.rm_file(temporary)

    def set_times(self, times: Status) -> None:
        """Raise OSError: a server sets the time."""
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), self.shown)


def upload(system: "AbstractFileSystem", path: str, data: bytes, check: Callable[[], None], replace: bool) -> None:
    """Upload a file whole; that it replaces no other is a condition of the upload, where the server knows such."""
    if not replace:
        try:
            system.pipe_file(path, data, mode="create")
            return
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
        check()
    system.pipe_file(path, data)
