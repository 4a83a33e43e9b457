"""Pictures that can be stored: PNG and WebP, byte by byte."""

import io
import struct
import zlib

from PIL import Image


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def head_chunk(width: int, height: int) -> bytes:
    """The IHDR of a grey PNG."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def png(width: int, height: int, *extra: bytes, rows: bytes | None = None) -> bytes:
    """A black PNG with chunks of one's own between head and data, and possibly other compressed rows."""
    if rows is None:
        rows = zlib.compress(bytes((width + 1) * height))
    return (
        b"\x89PNG\r\n\x1a\n" + head_chunk(width, height) + b"".join(extra) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def webp(width: int, height: int) -> bytes:
    """A lossless WebP of one colour: five codes of one symbol each, so that pixels take no bits at all."""
    codes = sum(8 << 4 * code for code in range(5)).to_bytes(3, "little")
    body = b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14) + codes
    return b"RIFF" + struct.pack("<I", len(body) + 12) + b"WEBPVP8L" + struct.pack("<I", len(body)) + body


def saved(kind: str) -> bytes:
    """A one-pixel picture in another format."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, kind)
    return buffer.getvalue()
