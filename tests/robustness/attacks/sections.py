"""Attempts with the sections: their lengths, their number and their order."""

from attacks.steps import BIGGEST, GOLDEN, OUT_OF_STEP, Attack, Build, after, alpha, first, header, more, sections
from attacks.tools import latents, seal, split
from lcomp.errors import ChecksumError, FormatError, LimitError, TruncatedError, UnsupportedError
from lcomp.format.binary import write_varint
from lcomp.format.container import CRITICAL, Coder, Section, Tag, write_section
from lcomp.format.metadata import MAX_METADATA


def spelled_length(spelling: bytes, payload: bytes = bytes(8)) -> Build:
    """Spell the length of the latents section in other bytes."""
    body = bytes([Coder.CONSTRICTION.value]) + spelling + payload
    return lambda data: seal(split(data).head()) + seal(body)


def nested(data: bytes) -> bytes:
    """Sections that claim all the rest of the file, each with an intact one before the next."""
    size, out = 2**20, bytearray(seal(split(data).head()))
    intact = write_section(*latents())
    while len(out) < size:
        out += bytes([Coder.CONSTRICTION.value]) + write_varint(size - len(out)) + intact
    return bytes(out) + bytes(40)


SECTIONS = [
    Attack(
        "padded-length", "a length with a byte too many", spelled_length(b"\x88\x00"), FormatError, "in the section"
    ),
    Attack(
        "long-length", "a length of six bytes", spelled_length(b"\x88" * 5 + b"\x01"), FormatError, "in the section"
    ),
    Attack("length-bomb", "a section of 2^34 bytes", spelled_length(write_varint(2**34)), TruncatedError, "section"),
    Attack(
        "length-biggest",
        "a section of 2^35 - 1 bytes",
        spelled_length(write_varint(BIGGEST)),
        TruncatedError,
        "section",
    ),
    Attack(
        "length-one-more",
        "a section one byte beyond the end",
        spelled_length(write_varint(13)),
        TruncatedError,
        "section",
    ),
    Attack("length-one-less", "a section that ends early", spelled_length(write_varint(7)), ChecksumError, "section"),
    Attack("no-sections", "no sections", header(sections=()), TruncatedError, "its latents are missing"),
    Attack(
        "no-latents", "latents of no bytes", first(lambda payload: b""), FormatError, "latents section is too short"
    ),
    Attack("short-latents", "latents of three bytes", first(lambda payload: payload[:3]), FormatError, "too short"),
    Attack(
        "section-checksum",
        "a wrong checksum of the latents",
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        ChecksumError,
        "checksum of the section",
    ),
    Attack("cut", "an end within the latents", lambda data: data[:-9], TruncatedError, "inside its section"),
    Attack("trailing-byte", "a byte after the end", after(b"\x10"), TruncatedError, "inside its section header"),
    Attack("trailing-zeros", "zeros after the end", after(bytes(100)), ChecksumError, "checksum of the section"),
    Attack("trailing-file", "a second file after the end", lambda data: data + data, FormatError, "section"),
    Attack(
        "doubled-latents",
        "the latents twice",
        sections(lambda old: old * 2),
        FormatError,
        "more latents sections than tiles",
    ),
    Attack(
        "doubled-icc",
        "two ICC profiles",
        more(Section(Tag.ICC, b"a")),
        FormatError,
        "section 16 stands twice",
        "metadata",
    ),
    Attack(
        "doubled-exif",
        "two EXIF sections",
        more(Section(Tag.EXIF, b"a")),
        FormatError,
        "section 17 stands twice",
        "metadata",
    ),
    Attack(
        "doubled-xmp",
        "two XMP sections",
        more(Section(Tag.XMP, b"a")),
        FormatError,
        "section 18 stands twice",
        "metadata",
    ),
    Attack("doubled-alpha", "two alpha planes", alpha(b""), FormatError, "section 147 stands twice", "alpha"),
    Attack(
        "unknown-critical",
        "a critical section of the future",
        more(Section(CRITICAL | 3, b"later")),
        UnsupportedError,
        "unknown critical section 131",
    ),
    Attack("unknown-optional", "an optional section of the future", more(Section(99, b"later")), None),
    Attack("optional-latents", "the tag of latents without its critical bit", more(Section(1, b"later")), None),
    Attack(
        "many-optional", "100,000 empty optional sections", lambda data: data + write_section(99, b"") * 100_000, None
    ),
    Attack(
        "many-latents",
        "100,000 sections of latents",
        lambda data: data + write_section(*latents()) * 100_000,
        FormatError,
        "more latents sections than tiles",
    ),
    Attack(
        "nested", "a megabyte of sections that claim all the rest", nested, ChecksumError, "checksum of the section"
    ),
    Attack(
        "other-coder",
        "a stream of constriction as one of torchac",
        sections(lambda old: [Section(Coder.TORCHAC.value, old[0].payload)]),
        FormatError,
        OUT_OF_STEP,
    ),
    Attack(
        "other-coder-back",
        "a stream of torchac as one of constriction",
        sections(lambda old: [Section(Coder.CONSTRICTION.value, old[0].payload)]),
        FormatError,
        OUT_OF_STEP,
        "torchac",
    ),
    Attack(
        "other-model",
        "a stream without context as one with it",
        header(model=2, fingerprint=split((GOLDEN / "context.lic").read_bytes()).fingerprint),
        FormatError,
        OUT_OF_STEP,
    ),
    Attack(
        "mixed-coders",
        "tiles of two coders",
        sections(lambda old: [old[0], Section(Coder.TORCHAC.value, old[1].payload)]),
        FormatError,
        "several entropy coders",
        "tiles",
    ),
    Attack(
        "swapped-tiles", "tiles in another order", sections(lambda old: old[::-1]), FormatError, OUT_OF_STEP, "tiles"
    ),
    Attack(
        "repeated-tile",
        "one tile in the place of another",
        sections(lambda old: [old[0], old[0]]),
        FormatError,
        OUT_OF_STEP,
        "tiles",
    ),
    Attack(
        "missing-tile",
        "a tile too few",
        sections(lambda old: old[:1]),
        TruncatedError,
        "1 of 2 tiles are missing",
        "tiles",
    ),
    Attack("extra-tile", "a tile too many", more(latents()), FormatError, "more latents sections than tiles", "tiles"),
    Attack(
        "large-metadata",
        "an ICC profile beyond the limit",
        lambda data: more(Section(Tag.ICC, bytes(MAX_METADATA + 1)))(data),
        LimitError,
        "metadata of 67108865 bytes",
    ),
]
