"""Attempts with the qualities of blocks, of which the valid file has 3 x 2."""

import zlib

import numpy as np

from attacks.steps import OUT_OF_STEP, Attack, Build, header, sections
from attacks.tools import noise
from lcomp.errors import FormatError, LcompError
from lcomp.format.container import Section, Tag
from lcomp.format.qualities import write_offsets

BOMB = write_offsets(np.zeros((1, 2**24), np.int8))
OTHER_NUMBER = "qualities of another number of blocks"


def qualities(payload: bytes) -> Build:
    """Have this as the qualities."""
    return sections(
        lambda old: [*(section for section in old if section.tag != Tag.QUALITIES), Section(Tag.QUALITIES, payload)]
    )


def offsets(*values: int) -> bytes:
    """The payload of some offsets."""
    return write_offsets(np.array([values], np.int8))


def attempt(
    name: str,
    tries: str,
    build: Build,
    text: str = OTHER_NUMBER,
    error: type[LcompError] = FormatError,
    base: str = "regions",
) -> Attack:
    return Attack(name, tries, build, error if text else None, text, base)


QUALITIES = [
    attempt("qualities-none", "qualities of no bytes", qualities(b"")),
    attempt("qualities-few", "a block too few", qualities(offsets(0, 0, 0, 0, 0))),
    attempt("qualities-many", "a block too many", qualities(offsets(0, 0, 0, 0, 0, 0, 0))),
    attempt("qualities-tail", "a byte after the qualities", qualities(offsets(0, 0, 0, 0, 0, 0) + b"\0")),
    attempt("qualities-random", "random qualities", qualities(noise(99)), "qualities"),
    attempt("qualities-zlib", "qualities with the header of zlib", qualities(zlib.compress(bytes(6))), "qualities"),
    attempt("qualities-bomb", "qualities that unpack to 16 MiB", qualities(BOMB)),
    attempt(
        "qualities-other",
        "qualities that the stream was not coded at",
        qualities(offsets(0, 9, 0, 0, 0, 0)),
        OUT_OF_STEP,
    ),
    attempt(
        "qualities-far", "qualities far below 0 and above 8", qualities(offsets(-128, 127, 0, 9, 0, 0)), OUT_OF_STEP
    ),
    attempt("qualities-twice", "qualities twice", sections(lambda old: [old[0], *old]), "section 154 stands twice"),
    attempt("qualities-wide", "qualities of a picture of other blocks", header(width=64)),
    attempt("qualities-gone", "a critical section less", sections(lambda old: old[1:]), OUT_OF_STEP),
    attempt(
        "qualities-lossless",
        "qualities of a lossless picture",
        qualities(offsets(0)),
        "qualities of a lossless picture",
        base="stored",
    ),
]
