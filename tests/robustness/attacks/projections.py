"""Attempts with the projection of panoramas, which only says where the edges of the picture meet."""

from attacks.steps import Attack, more
from lcomp.errors import FormatError
from lcomp.format.container import AROUND
from lcomp.format.sections import Section, Tag

HERE = Section(Tag.PROJECTION, AROUND)

PROJECTIONS = [
    Attack("projection-twice", "a projection twice", more(HERE, HERE), FormatError, "section 27 stands twice"),
    Attack("projection-odd", "a panorama of a width that is no multiple of 16", more(HERE), None),
    Attack("projection-none", "a projection of no bytes", more(Section(Tag.PROJECTION, b"")), None),
    Attack("projection-other", "an unknown projection", more(Section(Tag.PROJECTION, b"\xff" * 99)), None),
    Attack("projection-stored", "a stored picture that goes around", more(HERE), None, base="stored"),
]
