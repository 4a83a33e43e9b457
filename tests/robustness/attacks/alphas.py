"""Attempts with the alpha plane."""

import struct
import zlib
from dataclasses import replace

from attacks.planes import chunk, head_chunk, png, saved, webp
from attacks.steps import Attack, alpha
from attacks.tools import agreeing, latents, noise, split
from lcomp.errors import FormatError
from lcomp.format.container import Section, Tag

NO_PLANE = "alpha plane is not an image of the picture's size"
DAMAGED_PLANE = "damaged alpha plane"


def veiled_limit(data: bytes) -> bytes:
    """A picture just within the limit of pixels, its first tile intact, under an alpha plane of a few bytes."""
    side = 16383
    parts = replace(split(data), width=side, height=side, sections=(latents(),))
    intact = agreeing(parts).sections
    return replace(parts, sections=(*intact, *[latents()] * 255, Section(Tag.ALPHA, webp(side, side)))).write()


def plane(name: str, tries: str, payload: bytes, text: str = "") -> Attack:
    """An attempt on a picture of one pixel, which is read where no text is given."""
    return Attack(name, tries, alpha(payload), FormatError if text else None, text, "dot")


ALPHA = [
    plane("alpha-none", "alpha of no bytes", b"", NO_PLANE),
    plane("alpha-random", "alpha of random bytes", noise(99), NO_PLANE),
    plane("alpha-gif", "alpha in another format", saved("GIF"), NO_PLANE),
    plane("alpha-lossy", "alpha as lossy WebP", saved("WEBP"), NO_PLANE),
    plane("webp-size", "a WebP of another size", webp(2, 1), NO_PLANE),
    plane("webp-huge", "a WebP of 16383x16383 in 28 bytes", webp(16383, 16383), NO_PLANE),
    Attack(
        "webp-limit",
        "the same on a picture of that size, of which one pixel is wanted",
        veiled_limit,
        FormatError,
        "alpha plane",
        "dot",
        crop=(0, 0, 1, 1),
    ),
    plane("webp-cut", "a WebP that ends early", webp(1, 1)[:-2], DAMAGED_PLANE),
    plane("webp-flat", "a WebP of no bits, which is valid", webp(1, 1)),
    plane("png-size", "a PNG of another size", png(1, 2), NO_PLANE),
    plane("png-huge", "a PNG of 2^31 - 1 rows", png(1, 1)[:20] + b"\x7f\xff\xff\xff" + png(1, 1)[24:], NO_PLANE),
    plane("png-cut", "a PNG that ends early", png(1, 1)[:-26], DAMAGED_PLANE),
    plane("png-checksum", "a PNG with a wrong checksum", png(1, 1).replace(b"IDAT", b"IDAt"), DAMAGED_PLANE),
    plane(
        "png-second-head", "a PNG with a second head of another size", png(1, 1, head_chunk(30_000, 30_000)), NO_PLANE
    ),
    plane(
        "png-second-huge",
        "a PNG with a second head of 2^62 pixels",
        png(1, 1, head_chunk(2**31 - 1, 2**31 - 1)),
        NO_PLANE,
    ),
    plane("png-rows-bomb", "a PNG whose rows unpack to 64 MiB", png(1, 1, rows=zlib.compress(bytes(2**26)))),
    plane("png-no-rows", "a PNG without rows", png(1, 1, rows=b""), DAMAGED_PLANE),
    plane(
        "png-text-bomb",
        "a PNG with text that unpacks to 64 MiB",
        png(1, 1, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26)))),
        DAMAGED_PLANE,
    ),
    plane(
        "png-profile-bomb",
        "a PNG with a profile that unpacks to 64 MiB",
        png(1, 1, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**26)))),
        DAMAGED_PLANE,
    ),
    plane("png-short-profile", "a PNG with a profile of no bytes", png(1, 1, chunk(b"iCCP", b"")), DAMAGED_PLANE),
    plane(
        "png-animation",
        "a PNG with frames that are not there",
        png(1, 1, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    ),
    plane("png-no-animation", "a PNG that says it has no frames", png(1, 1, chunk(b"acTL", bytes(8)))),
    plane(
        "png-late-profile",
        "a PNG with a profile of no bytes after its rows",
        png(1, 1)[:-12] + chunk(b"iCCP", b"") + chunk(b"IEND", b""),
        DAMAGED_PLANE,
    ),
    plane("alpha-tail", "a plane with a megabyte after it", png(1, 1) + bytes(2**20)),
]
