"""What the script of the page works on."""

import html
import json
from dataclasses import asdict, dataclass
from string import Template

from lcomp import __version__
from lcomp.evaluation.page_parts import page_part
from lcomp.pictures.panorama import Panorama


@dataclass(frozen=True)
class ShownVersion:
    """A picture that a file decodes to, or an original."""

    decoder: str | None  # None where there is no choice
    realism: float | None  # of a decoder that invents detail
    image: int  # place among the images
    scores: tuple[str, ...] = ()  # in the order of the page's metrics; none without an original


@dataclass(frozen=True)
class ShownFile:
    """A file, or an original, and its pictures."""

    name: str
    is_original: bool
    width: int  # of the picture itself
    height: int
    size: str  # bytes and bits per pixel
    facts: tuple[str, ...]  # model, quality and what else there is to say
    notes: tuple[str, ...]  # what the page shows otherwise than it is
    versions: tuple[ShownVersion, ...]
    usual: int  # the version that is shown at first
    original: int | None  # place of its original among the files
    sphere: Panorama | None = None  # the part of it that a panorama shows


@dataclass(frozen=True)
class PageContents:
    """All of the page."""

    files: tuple[ShownFile, ...]  # originals too
    metrics: tuple[str, ...]  # titles of those that were measured
    images: tuple[str, ...]  # data URIs

    @property
    def names(self) -> list[str]:
        """Names of the files, without originals."""
        return [file.name for file in self.files if not file.is_original]


def as_page(contents: PageContents) -> str:
    """The page, as ASCII: nothing in it comes from anywhere else.

    >>> print(as_page(PageContents((), (), ()))[:15])
    <!doctype html>
    """
    data = json.dumps(asdict(contents), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    page = Template(page_part("view.html", "lcomp.viewer")).substitute(
        title=html.escape(", ".join(contents.names)),
        version=__version__,
        css=page_part("design.css") + page_part("view.css", "lcomp.viewer"),
        js="".join((page_part("stage.js"), *(page_part(name, "lcomp.viewer") for name in ("sphere.js", "view.js")))),
        data=data,
    )
    return page.encode("ascii", "xmlcharrefreplace").decode()
