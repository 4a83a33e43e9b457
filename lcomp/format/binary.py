"""Reading and writing of bytes: LEB128 integers and a cursor that never reads past the end."""

import zlib

from lcomp.errors import ChecksumError, FormatError, TruncatedError


def write_varint(value: int) -> bytes:
    """LEB128 bytes of a non-negative integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Reader:
    """Cursor over bytes that raises TruncatedError instead of reading past the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.position

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes."""
        if count > self.left:
            raise TruncatedError(f"file is truncated: it ends inside its {what}")
        self.position += count
        return self.data[self.position - count : self.position]

    def varint(self, what: str) -> int:
        """The next LEB128 integer, below 2^35; raises FormatError for more bytes than it needs."""
        value = 0
        for index in range(5):
            byte = self.take(1, what)[0]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if byte == 0 and index:
                    break
                return value
        raise FormatError(f"invalid integer in the {what}")

    def check(self, start: int, what: str) -> None:
        """Verify the CRC-32 of everything since `start`, which follows in four bytes; raises ChecksumError."""
        expected = zlib.crc32(self.data[start : self.position])
        if int.from_bytes(self.take(4, what), "little") != expected:
            raise ChecksumError(f"file is damaged: wrong checksum of the {what}")
