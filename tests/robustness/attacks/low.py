"""Attempts with the low bytes of 16-bit samples."""

import zlib

from attacks.planes import head_chunk, png, saved, webp
from attacks.steps import Attack, Build, header, more, sections
from attacks.tools import noise
from lcomp.errors import ChecksumError, FormatError, LcompError, LimitError
from lcomp.format.container import Section, Tag

NO_PLANE = "low plane is not an image of the picture's size"
DAMAGED_PLANE = "damaged low plane"
SHIFT = "plane of an impossible shift"
SIZE = 24, 16
PLAIN, MINUS_HIGH, REPEATED = b"\x08", b"\0", b"\0"


def low(payload: bytes, tag: Tag = Tag.LOW) -> Build:
    """Have this as low bytes, or as those of alpha."""
    return sections(lambda old: [*(section for section in old if section.tag != tag), Section(tag, payload)])


def attempt(
    name: str, tries: str, build: Build, text: str = "", error: type[LcompError] = FormatError, base: str = "deep"
) -> Attack:
    """An attempt on a grey picture of 24x16 pixels with alpha, which is read where no text is given."""
    return Attack(name, tries, build, error if text else None, text, base)


LOW = [
    attempt("low-none", "low bytes of no bytes", low(b""), SHIFT),
    attempt("low-shift", "low bytes of an impossible shift", low(b"\x09" + png(*SIZE)), SHIFT),
    attempt("low-all", "low bytes that are all repeated", low(REPEATED)),
    attempt("low-random", "random low bytes", low(PLAIN + noise(99)), NO_PLANE),
    attempt("low-gif", "low bytes in another format", low(MINUS_HIGH + saved("GIF")), NO_PLANE),
    attempt("low-png", "low bytes as a PNG", low(MINUS_HIGH + png(*SIZE))),
    attempt("low-size", "a PNG of another size", low(PLAIN + png(16, 24)), NO_PLANE),
    attempt("low-cut", "a WebP that ends early", low(PLAIN + webp(*SIZE)[:-2]), DAMAGED_PLANE),
    attempt("low-huge", "a WebP of 16383x16383 in 28 bytes", low(PLAIN + webp(16383, 16383)), NO_PLANE),
    attempt(
        "low-limit",
        "more pixels than allowed, in 28 bytes",
        lambda data: header(width=16383, height=16387)(low(PLAIN + webp(16383, 16383))(data)),
        "--max-pixels",
        LimitError,
    ),
    attempt(
        "low-second-head",
        "a PNG with a second head of another size",
        low(PLAIN + png(*SIZE, head_chunk(30_000, 30_000))),
        NO_PLANE,
    ),
    attempt(
        "low-rows-bomb",
        "a PNG whose rows unpack to 64 MiB",
        low(PLAIN + png(*SIZE, rows=zlib.compress(bytes(2**26)))),
    ),
    attempt("low-tail", "low bytes with a megabyte after them", low(PLAIN + webp(*SIZE) + bytes(2**20))),
    attempt(
        "low-missing", "low bytes of alpha alone", sections(lambda old: [part for part in old if part.tag != Tag.LOW])
    ),
    attempt("low-doubled", "low bytes twice", more(Section(Tag.LOW, REPEATED)), "section 149 stands twice"),
    attempt("low-checksum", "a wrong checksum", lambda data: data[:-1] + b"?", "checksum", ChecksumError),
    attempt(
        "low-lossy",
        "low bytes of a picture that is not lossless",
        more(Section(Tag.LOW, REPEATED)),
        "that is not lossless",
        base="q1",
    ),
    attempt("low-stored", "low bytes for a picture of 8 bits", more(Section(Tag.LOW, REPEATED)), base="stored"),
    attempt("low-alpha-none", "low bytes of alpha of no bytes", low(b"", Tag.LOW_ALPHA), SHIFT),
    attempt(
        "low-alpha-cut",
        "the same that end early",
        low(PLAIN + webp(*SIZE)[:-2], Tag.LOW_ALPHA),
        "damaged low alpha plane",
    ),
    attempt(
        "low-alpha-alone",
        "low bytes of alpha without alpha",
        more(Section(Tag.LOW_ALPHA, REPEATED)),
        "that is not there",
        base="stored",
    ),
]
