"""ICC profiles: whether one fits the pixels, and small ones made of primaries and a transfer curve.

A made profile is ICC v4, matrix and curve for RGB, a curve alone for grey. All colours are adapted to the white D50.
"""

import io
import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

from lcomp.errors import UNREADABLE
from lcomp.format.container import Mode

HEAD = 128
"""Bytes of the header of a profile."""

SPACES = {Mode.RGB: b"RGB ", Mode.L: b"GRAY"}
"""The colour space of the profiles that fit pixels of a mode."""

CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
"""Classes of the profiles of pictures; the others are links between devices, abstract, or named colours."""

D50 = (0.9642, 1.0, 0.8249)
"""XYZ of the white of all profiles."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""XYZ to the cone responses in which whites are adapted."""

Chromaticity = tuple[float, float]
"""CIE x and y."""


class Primaries(NamedTuple):
    """The colours that red, green, blue and white of a picture stand for."""

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity


@dataclass(frozen=True)
class ToneCurve:
    """How sample values become light: a power, the function of sRGB and its like, or a table."""

    gamma: float = 1.0
    linear: tuple[float, float, float, float] | None = None  # a, b, c, d of ICC's parametric curve of type 3
    table: tuple[int, ...] = ()  # 16-bit light of evenly spaced samples

    @property
    def tag(self) -> bytes:
        """The curve as data of an ICC tag."""
        if self.table:
            return b"curv" + bytes(4) + struct.pack(f">I{len(self.table)}H", len(self.table), *self.table)
        values = (self.gamma, *(self.linear or ()))
        numbers = [round(65536 * value) for value in values]
        return b"para" + bytes(4) + struct.pack(f">HH{len(numbers)}i", 3 if self.linear else 0, 0, *numbers)


SRGB_CURVE = ToneCurve(2.4, (1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))


def of_picture(profile: bytes, mode: Mode) -> bool:
    """Whether a profile is whole and fits pixels of a mode."""
    if len(profile) < HEAD + 4 or profile[36:40] != b"acsp":
        return False
    size, count = struct.unpack_from(">I", profile)[0], struct.unpack_from(">I", profile, HEAD)[0]
    if size > len(profile) or profile[12:16] not in CLASSES or profile[16:20] != SPACES[mode]:
        return False
    if HEAD + 4 + 12 * count > size:
        return False
    tags = struct.iter_unpack(">4sII", profile[HEAD + 4 : HEAD + 4 + 12 * count])
    return all(offset + length <= size for _, offset, length in tags) and is_usable(profile, mode)


def misfit(profile: bytes, mode: Mode) -> str:
    """Why a profile does not fit pixels of a mode, in few words."""
    space = profile[16:20]
    if profile[36:40] != b"acsp" or space == SPACES[mode] or not space.strip().isalnum():
        return "it is damaged, or none of pictures"
    return f"it is for {space.decode('ascii').strip()} pixels, not for {SPACES[mode].decode().strip()}"


def is_usable(profile: bytes, mode: Mode) -> bool:
    """Whether Little CMS can convert pixels of a mode from a profile."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode.name, "RGB")
    except (ImageCms.PyCMSError, *UNREADABLE):
        return False
    return True


def xyz(colour: Chromaticity) -> NDArray[np.float64]:
    """XYZ of a chromaticity, of luminance 1; raises ZeroDivisionError where y is 0."""
    x, y = colour
    return np.array([x / y, 1.0, (1 - x - y) / y])


def adaptation(white: Chromaticity) -> NDArray[np.float64]:
    """The matrix [3, 3] that adapts XYZ from a white to D50, after Bradford."""
    scale = (BRADFORD @ D50) / (BRADFORD @ xyz(white))
    return np.linalg.solve(BRADFORD, scale[:, None] * BRADFORD)


def colorants(primaries: Primaries) -> NDArray[np.float64]:
    """XYZ of red, green and blue in the columns of a matrix [3, 3], adapted to D50.

    Raises ArithmeticError or LinAlgError for impossible primaries.
    """
    columns = np.stack([xyz(primaries.red), xyz(primaries.green), xyz(primaries.blue)], 1)
    return adaptation(primaries.white) @ (columns * np.linalg.solve(columns, xyz(primaries.white)))


def text(words: str) -> bytes:
    """A text as data of an ICC tag."""
    return b"mluc" + struct.pack(">4x2I4sII", 1, 12, b"enUS", 2 * len(words), 28) + words.encode("utf-16-be")


def fixed(values: NDArray[np.float64]) -> bytes:
    """Numbers with 16 fractional bits; raises struct.error where they are out of range."""
    return struct.pack(f">{values.size}i", *np.rint(65536 * values.ravel()).astype(int).tolist())


def made(name: str, mode: Mode, primaries: Primaries, curve: ToneCurve, cicp: bytes | None = None) -> bytes:
    """A profile of primaries and a curve; `cicp` are four code points of H.273 that say the same.

    Raises ArithmeticError, LinAlgError or struct.error for impossible primaries.
    """
    tags = [(b"desc", text(name)), (b"cprt", text("CC0")), (b"wtpt", b"XYZ \0\0\0\0" + fixed(np.array(D50)))]
    tags.append((b"chad", b"sf32\0\0\0\0" + fixed(adaptation(primaries.white))))
    if mode is Mode.RGB:
        for letter, column in zip((b"r", b"g", b"b"), colorants(primaries).T, strict=True):
            tags.append((letter + b"XYZ", b"XYZ \0\0\0\0" + fixed(column)))
        tags += [(letter + b"TRC", curve.tag) for letter in (b"r", b"g", b"b")]
        if cicp:
            tags.append((b"cicp", b"cicp\0\0\0\0" + cicp))
    else:
        tags.append((b"kTRC", curve.tag))
    start = HEAD + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags:
        if data not in places:  # equal tags share their data
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", tag, places[data], len(data))
    head = bytearray(HEAD)
    struct.pack_into(">I4x4s4s4s4s", head, 0, start + len(body), b"\x04\x40\0\0", b"mntr", SPACES[mode], b"XYZ ")
    struct.pack_into(">6H4s", head, 24, 2024, 1, 1, 0, 0, 0, b"acsp")
    head[68:80] = fixed(np.array(D50))
    return bytes(head) + table + body
