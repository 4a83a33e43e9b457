"""Attempts with the header."""

from dataclasses import replace

from attacks.steps import BIGGEST, DIFFERS, OUT_OF_STEP, Attack, Build, header
from attacks.tools import latents, seal, split
from lcomp.errors import ChecksumError, FormatError, LimitError, ModelError, TruncatedError, UnsupportedError
from lcomp.format.binary import write_varint
from lcomp.format.container import Section, write_section

STORED, HALF, GREY = 1 << 15, 1 << 14, 1 << 13
"""Bits of the field that holds the kind of picture and its quality."""


def bits(change: int) -> Build:
    """Turn bits of the kind and quality over."""

    def build(data: bytes) -> bytes:
        parts = split(data)
        return replace(parts, bits=parts.bits ^ change).write()

    return build


def sized(width: int, height: int, *tiles: Section) -> Build:
    """Be of another size, of these tiles alone."""
    return header(width=width, height=height, sections=tiles)


def spelled_width(spelling: bytes) -> Build:
    """Spell the width in other bytes."""

    def build(data: bytes) -> bytes:
        parts = split(data)
        head, rest = parts.head(), b"".join(write_section(*section) for section in parts.sections)
        return seal(head[:5] + spelling + head[5 + len(write_varint(parts.width)) :]) + rest

    return build


HEADER = [
    Attack("no-width", "a picture of no width", header(width=0), FormatError, "impossible picture size 0x97"),
    Attack("no-height", "a picture of no height", header(height=0), FormatError, "impossible picture size 137x0"),
    Attack("side-beyond", "a side beyond 2^24", header(width=2**24 + 1), FormatError, "impossible picture size"),
    Attack("side-biggest", "a side of 2^35 - 1", header(height=BIGGEST), FormatError, "impossible picture size"),
    Attack("huge", "2^48 pixels in a few hundred bytes", header(width=2**24, height=2**24), LimitError, "--max-pixels"),
    Attack("over-limit", "one row beyond the limit", header(width=2**14, height=2**14 + 1), LimitError, "--max-pixels"),
    Attack(
        "limit", "as many pixels as allowed, one tile", header(width=2**14, height=2**14), TruncatedError, "255 of 256"
    ),
    Attack(
        "limit-empty-tiles",
        "as many pixels as allowed, of empty tiles",
        sized(2**14, 2**14, *[latents()] * 256),
        ChecksumError,
        DIFFERS,
    ),
    Attack(
        "limit-strip",
        "as many pixels as allowed, 16 high: 16384 empty tiles in one row",
        sized(2**24, 16, *[latents()] * 2**14),
        ChecksumError,
        DIFFERS,
    ),
    Attack("swapped-sides", "width and height swapped", header(width=97, height=137), FormatError, OUT_OF_STEP),
    Attack(
        "few-latents",
        "a full tile of the latents of a small one",
        header(width=1024, height=1024),
        FormatError,
        OUT_OF_STEP,
    ),
    Attack(
        "full-context",
        "the same with eleven passes",
        header(width=1024, height=1024),
        FormatError,
        OUT_OF_STEP,
        "context",
    ),
    Attack("second-tile", "a width that asks for another tile", header(width=1025), TruncatedError, "1 of 2 tiles"),
    Attack("padding", "a width within the padding, which nothing contradicts", header(width=144), None),
    Attack("quality-beyond", "a quality of 8.001", bits(1000 ^ 8001), FormatError, "impossible quality 8.001"),
    Attack("quality-biggest", "a quality of 8.191", bits(1000 ^ 8191), FormatError, "impossible quality 8.191"),
    Attack("other-quality", "a quality that the stream was not coded at", bits(1000 ^ 8000), FormatError, OUT_OF_STEP),
    Attack(
        "unknown-kind",
        "a stored picture of half the size",
        bits(STORED | HALF),
        UnsupportedError,
        "unknown kind of lossless picture 6",
    ),
    Attack("stored-latents", "latents as a stored picture", bits(STORED), UnsupportedError, "kind of lossless picture"),
    Attack("lossless-latents", "latents as lossless tiles", bits(STORED ^ 1000), FormatError, "without losses, which"),
    Attack(
        "stored-model",
        "a stored picture of a model",
        header(model=1),
        FormatError,
        "a stored picture where tiles should be",
        "stored",
    ),
    Attack(
        "stored-quality",
        "a stored picture of a quality",
        bits(1),
        UnsupportedError,
        "unknown kind of lossless picture",
        "stored",
    ),
    Attack(
        "stored-coded",
        "a stored picture as a coded one",
        bits(STORED),
        FormatError,
        "a stored picture where tiles should be",
        "stored",
    ),
    Attack(
        "stored-grey",
        "a stored picture of colours as a grey one: its first channel",
        bits(GREY),
        None,
        base="stored",
    ),
    Attack("stored-half", "a stored picture as one of half the size", bits(HALF), UnsupportedError, "kind", "stored"),
    Attack(
        "stored-size",
        "a stored picture of another size",
        header(width=25),
        FormatError,
        "stored picture is not an image of the picture's size",
        "stored",
    ),
    Attack("half", "a file of full size as one of half the size", bits(HALF), FormatError, OUT_OF_STEP),
    Attack("half-dot", "the same of one pixel, which nothing contradicts", bits(HALF), None, base="dot"),
    Attack("grey", "a file of colours as a grey one, which nothing contradicts", bits(GREY), None),
    Attack("magic", "another magic", lambda data: b"\x89PNG" + data[4:], FormatError, "not a .lic file"),
    Attack("empty", "no bytes", lambda data: b"", TruncatedError, "file is empty"),
    Attack("cut-magic", "an end within the magic", lambda data: data[:3], TruncatedError, "inside its header"),
    Attack("cut-header", "an end within the header", lambda data: data[:14], TruncatedError, "inside its header"),
    Attack(
        "text-mode-unix",
        "a text-mode transfer to Unix",
        lambda data: data.replace(b"\r\n", b"\n"),
        FormatError,
        "not a .lic file",
    ),
    Attack(
        "text-mode-windows",
        "a text-mode transfer to Windows",
        lambda data: data.replace(b"\n", b"\r\n"),
        FormatError,
        "not a .lic file",
    ),
    Attack(
        "text-mode-utf8",
        "a transfer as text of another encoding",
        lambda data: data.decode("latin-1").encode(),
        FormatError,
        "not a .lic file",
    ),
    Attack("major", "the next major version", header(version=0x10), UnsupportedError, "version 2"),
    Attack("major-biggest", "the last version", header(version=0xFF), UnsupportedError, "version 16"),
    Attack("minor", "a newer minor version", header(version=0x0F), None),
    Attack("model", "an unknown model", header(model=200), ModelError, "model number 200"),
    Attack("model-biggest", "a model of number 2^35 - 1", header(model=BIGGEST), ModelError, "which is not installed"),
    Attack("fingerprint", "other weights", header(fingerprint=1), ModelError, "other weights of 'hyperprior'"),
    Attack(
        "header-checksum",
        "a wrong checksum of the header",
        lambda data: data[:5] + bytes([data[5] ^ 1]) + data[6:],
        ChecksumError,
        "checksum of the header",
    ),
    Attack(
        "padded-width", "a width with a byte too many", spelled_width(b"\x89\x81\x00"), FormatError, "in the header"
    ),
    Attack(
        "zero-padded", "a width of 0 in five bytes", spelled_width(bytes([128] * 4 + [0])), FormatError, "in the header"
    ),
    Attack("long-width", "a width of six bytes", spelled_width(b"\xff" * 5 + b"\x01"), FormatError, "in the header"),
    Attack("endless-width", "a width that never ends", spelled_width(b"\xff" * 100), FormatError, "in the header"),
]
