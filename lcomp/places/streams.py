"""Reading of streams, in parts and no further than wanted."""

import errno
import io
import os
from typing import BinaryIO

from lcomp.errors import LimitError

PART = 2**22
"""Bytes to read at a time."""


def read_from(stream: BinaryIO, start: bytes, most: int | None) -> bytes:
    """Read a stream to its end, or just far enough to see that it does not begin with `start`.

    Raises LimitError beyond `most` bytes and BlockingIOError where a non-blocking stream has no data yet.
    """
    read = io.BytesIO()
    wanted = len(start) or PART
    while part := stream.read(wanted):
        read.write(part)
        if most is not None and read.tell() > most:
            raise LimitError(f"input has more than {most} bytes")
        with read.getbuffer() as known:
            if known[: len(start)] != start[: len(known)]:
                break
        wanted = PART
    if part is None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return read.getvalue()
