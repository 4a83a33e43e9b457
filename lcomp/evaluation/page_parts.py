"""The files that pages are made of. Design and stage are those of the report and of `lcomp view` alike."""

from importlib.resources import files


def page_part(name: str, package: str = "lcomp.evaluation") -> str:
    """A file in the folder `page` of a package.

    >>> page_part("design.css").startswith("/* the look of every page")
    True
    """
    return files(package).joinpath("page", name).read_text(encoding="utf-8")
