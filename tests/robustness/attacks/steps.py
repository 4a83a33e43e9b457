"""What an attempt is, the valid files that it starts from, and the steps that it is made of."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

import lcomp
from attacks.tools import split
from helpers.coded import coded
from helpers.deep import deep_samples
from helpers.profiles import SRGB
from lcomp.errors import LcompError
from lcomp.format.container import CHECKSUM, Section, Tag

GOLDEN = Path(__file__).parents[2] / "golden"

BIGGEST = 2**35 - 1
"""The largest varint."""

DIFFERS = "decoded latents do not match"
OUT_OF_STEP = "coded"
"""Part of what is said of a stream that is not its header's: impossible coded data, some left over, other latents."""

Build = Callable[[bytes], bytes]
"""Makes a malicious file of a valid one."""


def gradient(width: int, height: int) -> Image.Image:
    """A picture to encode."""
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([rows * 9, columns * 5, rows + columns], 2).astype(np.uint8))


@cache
def bases() -> dict[str, bytes]:
    """Valid files by name: golden ones, and some of two tiles, with alpha, with metadata and without losses."""
    files = {
        name: (GOLDEN / f"{name}.lic").read_bytes() for name in ("q1", "context", "torchac", "grey", "dot", "regions")
    }

    def encode(image: Image.Image, model: str = "hyperprior") -> bytes:
        return coded(image, 3, model, effort=0).data

    files["tiles"] = encode(gradient(1100, 20))
    veiled, described = gradient(24, 16), gradient(24, 16)
    veiled.putalpha(veiled.getchannel(0))
    files["alpha"] = encode(veiled)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    exif.get_ifd(0x8825)[1] = "N"
    described.info |= {"icc_profile": SRGB, "exif": exif.tobytes(), "xmp": b"<x:xmpmeta/>"}
    files["metadata"] = encode(described, "autoregressive")
    files["stored"] = lcomp.encode(described, lossless=True)
    files["deep"] = lcomp.encode(deep_samples(24, 16, 2), lossless=True)
    files["stored-grey"] = lcomp.encode(described.convert("L"), lossless=True)
    return files


@dataclass(frozen=True)
class Attack:
    """One attempt."""

    name: str
    tries: str
    build: Build
    error: type[LcompError] | None  # None where the file must be read
    text: str = ""  # part of the message
    base: str = "q1"  # the valid file that it starts from
    crop: tuple[int, int, int, int] | None = None

    @property
    def outcome(self) -> str:
        """What must happen, for people."""
        return "is read" if self.error is None else f"{self.error.__name__}: {self.text}"

    def file(self) -> bytes:
        """The malicious file."""
        return self.build(bases()[self.base])


def header(**changes: object) -> Build:
    """Lie in the header."""
    return lambda data: replace(split(data), **changes).write()


def sections(change: Callable[[list[Section]], list[Section]]) -> Build:
    """Have other sections."""

    def build(data: bytes) -> bytes:
        parts = split(data)
        return replace(parts, sections=tuple(change(list(parts.sections)))).write()

    return build


def first(change: Callable[[bytes], bytes]) -> Build:
    """Have another payload in the first section."""
    return sections(lambda old: [Section(old[0].tag, change(old[0].payload)), *old[1:]])


def stream(change: Callable[[bytes], bytes]) -> Build:
    """Have another stream in the first section."""
    return first(lambda payload: payload[:CHECKSUM] + change(payload[CHECKSUM:]))


def stored(payload: bytes) -> Build:
    """Have this as the stored picture, without other sections."""
    return sections(lambda old: [Section(Tag.STORED, payload)])


def more(*added: Section) -> Build:
    """Have more sections after those that are there."""
    return sections(lambda old: [*old, *added])


def alpha(payload: bytes) -> Build:
    """Have this as alpha."""
    return more(Section(Tag.ALPHA, payload))


def after(junk: bytes) -> Build:
    """Have bytes after the end."""
    return lambda data: data + junk
