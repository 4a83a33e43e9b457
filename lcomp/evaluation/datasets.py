"""Pictures to evaluate on: the Kodak set, found or downloaded and always verified, or any folder."""

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lcomp import __version__
from lcomp.errors import LcompError
from lcomp.files import write_atomically
from lcomp.pictures.reading import pictures_below

KODAK = "kodak"
KODAK_URL = "https://r0k.us/graphics/kodak/kodak/"
TIMEOUT = 30
"""Socket timeout in seconds."""


@dataclass(frozen=True)
class Dataset:
    """Pictures below a folder, by name."""

    name: str
    folder: Path
    files: tuple[Path, ...]

    def picture_name(self, file: Path) -> str:
        """A picture's name in tables: its path below the folder."""
        return file.relative_to(self.folder).as_posix()


def kodak_digests() -> list[tuple[str, str]]:
    """File name and SHA-256 of the 24 Kodak pictures."""
    lines = Path(__file__).with_name("kodak.sha256").read_text(encoding="ascii").splitlines()
    return [(name, digest) for digest, name in (line.split() for line in lines)]


def cache_folder() -> Path:
    """Where downloaded Kodak pictures are kept: below XDG_CACHE_HOME, else below ~/.cache.

    Raises LcompError where there is neither.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lcomp" / KODAK
    except RuntimeError as error:
        raise LcompError("there is no home folder: name that of the Kodak pictures with --data") from error


def find_dataset(name: str, data: Path | None, exclude: Path | None, fetched: Callable[[int, int], None]) -> Dataset:
    """The data set `kodak`, or the pictures below the folder `name` but not below `exclude`.

    Kodak is looked for in `data`, in LCOMP_DATA/kodak and in the user's cache, to which what is missing is downloaded;
    `fetched` is called with the number of files done and in total. Raises LcompError for what is missing or not the
    original.
    """
    if name != KODAK:
        if data is not None:
            raise LcompError("--data is where the Kodak pictures are: name another folder with --dataset")
        return find_folder(Path(name), exclude)
    shared = os.environ.get("LCOMP_DATA")
    if data is not None:
        folder = data
    elif shared and (Path(shared) / KODAK).is_dir():
        folder = Path(shared) / KODAK
    else:
        folder = cache_folder()
        fetch_kodak(folder, fetched)
    return Dataset(KODAK, folder, tuple(verified(folder / name, digest) for name, digest in kodak_digests()))


def find_folder(folder: Path, exclude: Path | None) -> Dataset:
    """All pictures below a folder; raises LcompError where there are none or a folder cannot be read."""
    if not folder.is_dir():
        raise LcompError(f"{folder} is neither a folder nor the name of a data set ({KODAK})")
    own = exclude.resolve() if exclude else None
    files = [path for path in pictures_below(folder) if own not in path.resolve().parents]
    if not files:
        raise LcompError(f"{folder} holds no pictures")
    return Dataset(folder.resolve().name or "pictures", folder, tuple(files))


def verified(file: Path, digest: str) -> Path:
    """The file itself; raises LcompError where it is missing or not the original."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise LcompError(f"{file}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise LcompError(f"{file} is not the original Kodak picture (its SHA-256 differs)")
    return file


def fetch_kodak(folder: Path, fetched: Callable[[int, int], None]) -> None:
    """Download the Kodak pictures that a folder lacks; raises LcompError where that fails."""
    wanted = [(name, digest) for name, digest in kodak_digests() if not (folder / name).is_file()]
    for count, (name, digest) in enumerate(wanted):
        fetched(count, len(wanted))
        request = urllib.request.Request(KODAK_URL + name, headers={"User-Agent": f"lcomp/{__version__}"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                data = response.read()
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise LcompError(
                f"Kodak cannot be fetched ({reason}): put kodim01.png to kodim24.png into {folder}, "
                "or name their folder with --data"
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise LcompError(f"{KODAK_URL}{name} is not the original Kodak picture (its SHA-256 differs)")
        write_atomically(folder / name, data)
    if wanted:
        fetched(len(wanted), len(wanted))
