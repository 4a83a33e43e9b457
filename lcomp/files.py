"""Files on disk: the one atomic writer and the one walk through folders."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lcomp.places.remote import RemotePlace
from lcomp.places.urls import is_url

Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
"""The data itself, the path or URL of its file, or an open binary file or pipe."""

MAC_ATTRIBUTES = "._"
"""Prefix of AppleDouble files, in which macOS keeps a file's extended attributes on foreign file systems."""


class Walk(NamedTuple):
    """What lies below a folder."""

    files: list[Path]  # sorted by name
    errors: list[OSError]  # one for each folder that cannot be read
    others: list[Path]  # files with another suffix, hidden ones not counted


def read_source(source: Source) -> bytes:
    """All bytes of a source; raises OSError where a file cannot be read, TypeError for anything else.

    >>> read_source(memoryview(b"abc"))
    b'abc'
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str) and is_url(source):
        return RemotePlace(source).read()
    if isinstance(source, str | os.PathLike):
        return Path(source).read_bytes()
    if not hasattr(source, "read"):
        raise TypeError(f"bytes, a path or an open binary file are needed, not {type(source).__name__}")
    data = source.read()
    if not isinstance(data, bytes):
        raise TypeError(f"a file that gives bytes is needed (mode 'rb'), not {type(data).__name__}")
    return data


def is_special(path: Path) -> bool:
    """Whether a path is known to be something other than a regular file: a device, a pipe or a folder."""
    try:
        return path.exists() and not path.is_file()
    except OSError:
        return False


def walk(folder: Path, suffixes: frozenset[str]) -> Walk:
    """The regular files below a folder that have one of the suffixes (lower case, with the dot).

    Symbolic links to folders are not followed, because they may form cycles.
    """
    errors: list[OSError] = []
    files, others = [], []
    for place, _, names in os.walk(folder, onerror=errors.append):
        for path in (Path(place, name) for name in names if not name.startswith(MAC_ATTRIBUTES)):
            if path.suffix.lower() in suffixes:
                files.append(path)
            elif not path.name.startswith("."):
                others.append(path)
    return Walk(sorted(path for path in files if not is_special(path)), errors, others)


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write everything, in a loop over short writes; raises OSError where that fails.

    With PYTHONUNBUFFERED stdout is a raw file, whose `write` may write less than it is given.
    """
    rest = memoryview(data)
    while rest:
        written = stream.write(rest)
        if not written:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[written:]
    stream.flush()


def sync(file: BinaryIO) -> None:
    """fsync, so that the rename cannot expose an empty file after a power failure."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        # some file systems do not support fsync
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A new empty file in the folder of `path`, so that renaming it is atomic; removed at the end unless renamed."""
    handle, name = tempfile.mkstemp(prefix=".lcomp-", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with contextlib.suppress(OSError):  # some file systems have no permissions
            temporary.chmod(stat.S_IRUSR | stat.S_IWUSR)  # even under a umask that forbids it
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a temporary file to `path`, with the mode of the file it replaces, or that which the umask gives."""
    mask = os.umask(0)
    os.umask(mask)
    writable = 0 if os.name == "posix" else stat.S_IWUSR  # Windows cannot rename a read-only file
    with contextlib.suppress(OSError):
        temporary.chmod(stat.S_IMODE(path.stat().st_mode) | writable if path.exists() else 0o666 & ~mask)
    temporary.replace(path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write `path` atomically: a stream whose content replaces it when the block ends without an error.

    Missing parent folders are created. Raises OSError where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(path) as temporary:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            sync(file)
        put_in_place(temporary, path)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or, where that fails, leave the old one as it was; raises OSError."""
    with replacing(path) as file:
        write_all(file, data)
