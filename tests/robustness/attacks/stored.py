"""Attempts with a stored picture."""

import zlib

from attacks.planes import head_chunk, png, saved, webp
from attacks.steps import Attack, Build, header, more, sections, stored
from attacks.tools import latents, noise
from lcomp.errors import ChecksumError, FormatError, LcompError, LimitError, TruncatedError
from lcomp.format.container import Section, Tag

NO_PICTURE = "stored picture is not an image of the picture's size"
DAMAGED = "damaged stored picture"
SIZE = 24, 16


def attempt(
    name: str, tries: str, build: Build, text: str = "", error: type[LcompError] = FormatError, base: str = "stored"
) -> Attack:
    """An attempt on a picture of 24x16 pixels, which is read where no text is given."""
    return Attack(name, tries, build, error if text else None, text, base)


STORED = [
    attempt("stored-none", "a stored picture of no bytes", stored(b""), NO_PICTURE),
    attempt("stored-random", "a stored picture of random bytes", stored(noise(99)), NO_PICTURE),
    attempt("stored-gif", "a stored picture in another format", stored(saved("GIF")), NO_PICTURE),
    attempt("stored-lossy", "a stored picture as lossy WebP", stored(saved("WEBP")), NO_PICTURE),
    attempt("stored-plane", "colours as a grey PNG", stored(png(*SIZE)), NO_PICTURE),
    attempt("stored-png", "a grey picture as a PNG", stored(png(*SIZE)), base="stored-grey"),
    attempt("stored-flat", "a WebP of no bits, which is valid", stored(webp(*SIZE))),
    attempt("stored-cut", "a WebP that ends early", stored(webp(*SIZE)[:-2]), DAMAGED),
    attempt("stored-huge", "a WebP of 16383x16383 in 28 bytes", stored(webp(16383, 16383)), NO_PICTURE),
    attempt(
        "stored-limit",
        "more pixels than allowed, in 28 bytes",
        lambda data: header(width=16383, height=16387)(stored(webp(16383, 16383))(data)),
        "--max-pixels",
        LimitError,
    ),
    attempt(
        "stored-limit-webp",
        "as many pixels as a PNG may have, as a WebP of 28 bytes",
        lambda data: header(width=16383, height=16383)(stored(webp(16383, 16383))(data)),
        NO_PICTURE,
    ),
    attempt(
        "stored-second-head",
        "a grey PNG with a second head of another size",
        stored(png(*SIZE, head_chunk(30_000, 30_000))),
        NO_PICTURE,
        base="stored-grey",
    ),
    attempt(
        "stored-rows-bomb",
        "a grey PNG whose rows unpack to 64 MiB",
        stored(png(*SIZE, rows=zlib.compress(bytes(2**26)))),
        base="stored-grey",
    ),
    attempt("stored-missing", "no stored picture", sections(lambda old: []), "picture is missing", TruncatedError),
    attempt("stored-doubled", "two stored pictures", more(Section(Tag.STORED, b"a")), "section 148 stands twice"),
    attempt("stored-tile", "a stored picture and a tile", more(latents()), "more latents sections than tiles"),
    attempt("stored-unasked", "a tile and a stored picture", more(Section(Tag.STORED, b"a")), "should be", base="q1"),
    attempt("stored-checksum", "a wrong checksum", lambda data: data[:-1] + b"?", "checksum", ChecksumError),
    attempt("stored-tail", "a stored picture with a megabyte after it", stored(webp(*SIZE) + bytes(2**20))),
]
