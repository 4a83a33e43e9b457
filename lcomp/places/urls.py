"""URLs as names of files: their parts, and how they are shown without their secrets."""

import re
from pathlib import PurePath, PurePosixPath
from typing import NamedTuple

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
"""How a URL begins: of two letters at least, because `c://` is a drive."""

USER = re.compile(r"(?<!abfs)(?<!abfss)(://)[^/\s]*@")
"""What stands before the host and may be a password; Azure has the name of the container there."""

QUERY = re.compile(r"(://[^\s?]*\?)(?!\.\.\.)\S*?(?=::|\s|$)")
"""What follows a question mark, as tokens and signatures do, unless it is left out already."""


ALIASES = {"s3a": "s3", "gcs": "gs"}
"""Schemes that say the same as others."""


def is_url(name: str) -> bool:
    """Whether a name is a URL.

    >>> is_url("s3://bucket/a.png"), is_url("a.png"), is_url("c://a.png")
    (True, False, False)
    """
    return SCHEME.match(name) is not None


def without_secrets(text: str) -> str:
    """A text, or a single URL, without the users, passwords and queries of the URLs in it.

    >>> without_secrets("https://me:secret@host/a.png?token=1 is gone")
    'https://host/a.png?... is gone'
    """
    return QUERY.sub(r"\1...", USER.sub(r"\1", text)) if "://" in text else text


class Url(NamedTuple):
    """The parts of a URL."""

    scheme: str
    path: str  # the host or bucket too
    tail: str  # a query, and the places that one in an archive is chained to

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}{self.tail}"

    @property
    def base(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.path).name

    def inside(self, below: PurePath) -> "Url":
        """That of a file below this folder."""
        return self._replace(path=f"{self.path.rstrip('/')}/{below.as_posix()}".lstrip("/"))

    def beside(self, base: str) -> "Url":
        """That of a file beside this one."""
        folder, slash, _ = self.path.rstrip("/").rpartition("/")
        return self._replace(path=folder + slash + base)


def split(name: str) -> Url:
    """The parts of a URL.

    >>> split("zip://a/b.png::s3://bucket/a.zip")
    Url(scheme='zip', path='a/b.png', tail='::s3://bucket/a.zip')
    >>> str(split("https://host/a.png?token=1").beside("b.png"))
    'https://host/b.png?token=1'
    """
    scheme, _, rest = name.partition("://")
    scheme = ALIASES.get(scheme.lower(), scheme.lower())
    end = re.search(r"::|[?#]" if scheme in ("http", "https") else "::", rest)
    cut = end.start() if end else len(rest)
    return Url(scheme, rest[:cut], rest[cut:])
