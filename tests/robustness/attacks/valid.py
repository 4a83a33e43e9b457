"""The valid files that mutated ones start from, those that are read quickly far more often than the others."""

from functools import cache
from random import Random

from attacks.steps import GOLDEN, bases, gradient
from attacks.tools import Parts, split
from helpers.coded import coded
from helpers.lossless import coded_losslessly

PIXELS = 2**9
"""A picture of so many that networks make is taken half as often as one of a single pixel."""


def small_files() -> list[bytes]:
    """Pictures of few pixels of what golden files have on many: half size, meeting edges, tiles without losses."""
    image = gradient(24, 16)
    image.putalpha(image.getchannel(1))
    return [
        coded(gradient(9, 7), 0.4, "visual", effort=0).data,
        coded(gradient(32, 16), 2.0, "autoregressive", effort=0, wraps=True).data,
        coded_losslessly(image).data,
        coded_losslessly(gradient(24, 16).convert("L"), 2).data,
    ]


@cache
def valid_files() -> list[bytes]:
    """Golden files, and some that are small, of several tiles, with alpha and with metadata."""
    golden = [path.read_bytes() for path in sorted(GOLDEN.glob("*.lic"))]
    others = [*bases().values(), *small_files()]
    return [*golden, *(data for data in others if data not in golden)]


@cache
def parts_of_files() -> list[Parts]:
    """The same taken apart."""
    return [split(data) for data in valid_files()]


@cache
def chances() -> list[float]:
    """How often each is taken where it will be decoded: by the pixels that networks have to make."""
    return [1 / (1 + bool(parts.model) * parts.width * parts.height / PIXELS) for parts in parts_of_files()]


def any_file(random: Random) -> bytes:
    """Any of them."""
    return random.choice(valid_files())


def quick_file(random: Random) -> bytes:
    """One of them, mostly a quick one."""
    return random.choices(valid_files(), chances())[0]


def quick_parts(random: Random) -> Parts:
    """The same, taken apart."""
    return random.choices(parts_of_files(), chances())[0]


def stored_parts(random: Random) -> Parts:
    """One that no network makes, taken apart."""
    return random.choice([parts for parts in parts_of_files() if not parts.model])
