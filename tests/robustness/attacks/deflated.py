"""Attempts with deflated metadata: what inflates to too much, or not at all."""

import zlib

from attacks.steps import Attack, more
from attacks.tools import noise
from lcomp.errors import FormatError, LimitError
from lcomp.format.metadata import MAX_INFLATED
from lcomp.format.sections import Section, Tag

TAGS = (Tag.ICC_DEFLATED, Tag.EXIF_DEFLATED, Tag.XMP_DEFLATED)


def deflated(payload: bytes) -> bytes:
    """A payload as a deflate stream."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(payload) + deflater.flush()


DEFLATED = [
    Attack(
        "deflated-bomb",
        "ICC, EXIF and XMP that inflate to 32 MiB each",
        lambda data: more(*(Section(tag, deflated(bytes(2**25))) for tag in TAGS))(data),
        LimitError,
        "metadata that inflates to more than 16777216 bytes",
        "dot",
    ),
    Attack(
        "deflated-limit",
        "the same that inflate to as much as allowed",
        lambda data: more(*(Section(tag, deflated(bytes(MAX_INFLATED))) for tag in TAGS))(data),
        None,
        base="dot",
    ),
    Attack(
        "deflated-blocks",
        "a megabyte of empty blocks",
        lambda data: more(Section(Tag.XMP_DEFLATED, b"\0\0\0\xff\xff" * 200_000 + deflated(b"")))(data),
        None,
        base="dot",
    ),
    Attack(
        "deflated-random",
        "EXIF that does not inflate",
        more(Section(Tag.EXIF_DEFLATED, noise(500))),
        FormatError,
        "damaged EXIF metadata",
        "dot",
    ),
    Attack(
        "deflated-none",
        "XMP deflated to no bytes",
        more(Section(Tag.XMP_DEFLATED, b"")),
        FormatError,
        "damaged XMP metadata",
        "dot",
    ),
    Attack(
        "deflated-cut",
        "a deflated ICC profile that ends early",
        more(Section(Tag.ICC_DEFLATED, deflated(noise(500))[:-1])),
        FormatError,
        "damaged ICC metadata",
        "dot",
    ),
    Attack(
        "deflated-tail",
        "a deflated ICC profile with a byte after its end",
        more(Section(Tag.ICC_DEFLATED, deflated(noise(500)) + b"x")),
        FormatError,
        "damaged ICC metadata",
        "dot",
    ),
    Attack(
        "deflated-twice",
        "an ICC profile as it is and deflated",
        more(Section(Tag.ICC, b"a"), Section(Tag.ICC_DEFLATED, deflated(b"a"))),
        FormatError,
        "section 16 stands twice",
        "dot",
    ),
]
