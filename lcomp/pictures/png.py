"""Chunks of a PNG that Pillow would not take: damaged ones beside the picture, and large compressed metadata."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from PIL import PngImagePlugin

from lcomp.format.metadata import MAX_METADATA

SIGNATURE = b"\x89PNG\r\n\x1a\n"

ANCILLARY = 0x20
"""Bit in the first byte of a chunk's name: the picture can be decoded without it."""

COMPRESSED = (b"iCCP", b"zTXt", b"iTXt")

FRAMES = (b"acTL", b"fcTL", b"fdAT")
"""Chunks of animations: without one of them, others are out of step."""


class Chunk(NamedTuple):
    """One chunk of a PNG."""

    name: bytes
    start: int  # of the whole chunk
    end: int

    @property
    def body(self) -> slice:
        """Where its data is."""
        return slice(self.start + 8, self.end - 4)


class Mended(NamedTuple):
    """A PNG that Pillow takes."""

    data: bytes
    profile: bytes | None = None  # the ICC profile, where the file held one that is too large for Pillow
    lost: tuple[str, ...] = ()  # names of the chunks that were left out, each once


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG, up to one that is cut off."""
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        [length] = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        if end > len(data):
            return
        yield Chunk(data[position + 4 : position + 8], position, end)
        position = end


def is_sound(data: bytes, chunk: Chunk) -> bool:
    """Whether the checksum of a chunk matches."""
    with memoryview(data) as view:
        return zlib.crc32(view[chunk.start + 4 : chunk.end - 4]) == int.from_bytes(view[chunk.end - 4 : chunk.end])


def inflated(payload: bytes, most: int) -> bytes | None:
    """Compressed metadata; None where it is damaged or larger than `most`."""
    decompressor = zlib.decompressobj()
    try:
        found = decompressor.decompress(payload, most + 1)
    except zlib.error:
        return None
    return found if len(found) <= most else None


def split(name: bytes, body: bytes) -> tuple[bytes, bytes]:
    """The head of a compressed chunk, as it is where the text is not compressed, and its compressed data, if any."""
    keyword, _, rest = body.partition(b"\0")
    if name != b"iTXt":
        return keyword + b"\0", rest[1:] if rest[:1] == b"\0" else b""
    if rest[:2] != b"\1\0" or rest.count(b"\0", 2) < 2:
        return body, b""
    language, translated, payload = rest[2:].split(b"\0", 2)
    return keyword + b"\0\0\0" + language + b"\0" + translated + b"\0", payload


def mended(data: bytes) -> Mended:
    """A PNG without its damaged ancillary chunks, as libpng has it, and with large compressed metadata inflated.

    Metadata is inflated up to MAX_METADATA bytes in all, and up to a damaged chunk: what is behind is left to Pillow.
    Other files are returned as they are.
    """
    if not data.startswith(SIGNATURE):
        return Mended(data)
    kept, position, budget = io.BytesIO(), 0, MAX_METADATA
    profile: bytes | None = None
    lost: list[str] = []
    for chunk in chunks(data):
        if not (chunk.name.isalpha() and chunk.name[0] & ANCILLARY) or chunk.name in FRAMES:
            continue
        replacement = b""
        if not is_sound(data, chunk):
            lost.append(chunk.name.decode())
        elif chunk.name in COMPRESSED and budget:
            head, payload = split(chunk.name, data[chunk.body])
            text = inflated(payload, budget) if payload else b""
            budget = 0 if text is None else budget - len(text)
            if text is None or len(text) <= PngImagePlugin.MAX_TEXT_CHUNK:
                continue
            if chunk.name == b"iCCP":
                profile = text
            else:
                name = b"tEXt" if chunk.name == b"zTXt" else b"iTXt"
                body = name + head + text
                replacement = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        else:
            continue
        kept.write(data[position : chunk.start])
        kept.write(replacement)
        position = chunk.end
    if not position:
        return Mended(data)
    kept.write(data[position:])
    return Mended(kept.getvalue(), profile, tuple(dict.fromkeys(lost)))
