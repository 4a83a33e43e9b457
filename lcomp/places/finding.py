"""The place of a name."""

import os
from urllib.parse import urlsplit
from urllib.request import url2pathname

from lcomp.places.local import LocalPlace
from lcomp.places.place import Place
from lcomp.places.remote import RemotePlace
from lcomp.places.urls import is_url


def place(name: str | os.PathLike[str]) -> Place:
    """The place of a path or URL; a pathlib object is a path.

    >>> place("s3://bucket/photos/a.png").beside("b.png")
    's3://bucket/photos/b.png'
    >>> place("a.png").base
    'a.png'
    """
    if not isinstance(name, str) or not is_url(name):
        return LocalPlace(os.fspath(name))
    if name.lower().startswith("file://"):
        return LocalPlace(url2pathname(urlsplit(name).path))
    return RemotePlace(name)
