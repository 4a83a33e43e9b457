"""Files on disk: the one atomic writer and the one walk through folders."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
"""Data itself, the path of a file that holds it, or an open file or pipe."""

MAC_ATTRIBUTES = "._"
"""Prefix of the files in which a Mac keeps attributes beside pictures on other systems' disks."""


class Walk(NamedTuple):
    """What lies below a folder."""

    files: list[Path]  # sorted by name
    errors: list[OSError]  # one for each folder that cannot be read


def read_source(source: Source) -> bytes:
    """All bytes of a source; raises OSError where a file cannot be read.

    >>> read_source(memoryview(b"abc"))
    b'abc'
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return Path(source).read_bytes()
    return source.read()


def is_special(path: Path) -> bool:
    """Whether a path is known to be no regular file: a device or pipe, or a folder."""
    try:
        return path.exists() and not path.is_file()
    except OSError:
        return False


def walk(folder: Path, suffixes: frozenset[str]) -> Walk:
    """The regular files below a folder that have one of the suffixes (lower case, with the dot).

    Links to folders are not followed: they may lead back to where they are.
    """
    errors: list[OSError] = []
    paths = (
        Path(place, name)
        for place, _, names in os.walk(folder, onerror=errors.append)
        for name in names
        if Path(name).suffix.lower() in suffixes and not name.startswith(MAC_ATTRIBUTES)
    )
    return Walk(sorted(path for path in paths if not is_special(path)), errors)


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write everything; raises OSError where that fails.

    With PYTHONUNBUFFERED stdout is a raw file, whose write may be partial.
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
        # not all file systems know that
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A new empty file in the folder of `path`, removed at the end unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=".lcomp-", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with contextlib.suppress(OSError):  # some file systems know no modes
            temporary.chmod(stat.S_IRUSR | stat.S_IWUSR)  # whatever the umask
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a temporary file to `path`, with the mode of the file it replaces, or that of any new file."""
    mask = os.umask(0)
    os.umask(mask)
    writable = 0 if os.name == "posix" else stat.S_IWUSR  # elsewhere a read-only file cannot be renamed
    with contextlib.suppress(OSError):
        temporary.chmod(stat.S_IMODE(path.stat().st_mode) | writable if path.exists() else 0o666 & ~mask)
    temporary.replace(path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of `path` when the block ends without an error, never in part.

    Missing folders above it are made. Raises OSError where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(path) as temporary:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            sync(file)
        put_in_place(temporary, path)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file, or leave what was there; raises OSError where that fails."""
    with replacing(path) as file:
        write_all(file, data)
