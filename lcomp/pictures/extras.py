"""What picture files hold beside the picture, read from their bytes: Pillow tells little of it."""

import io
import re
from dataclasses import dataclass

from PIL import Image

from lcomp.pictures.boxes import read_boxes
from lcomp.pictures.colours import Cicp
from lcomp.pictures.png import chunks

REMEMBERED = "_lcomp_extras"
"""Attribute of an image in which its `Extras` are cached: once it is decoded its file may be closed."""

READ = ("PNG", "JPEG", "MPO", "AVIF", "HEIF", "JPEG2000")
"""Formats whose bytes are looked at: the others hold nothing of the kind."""

MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that ends the entropy-coded data of a JPEG."""

START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers of JPEG that no segment follows."""

PADDING = b"\0\xff\t\r\n "

GAIN_MAP = re.compile(rb"hdrgm:Version|urn:iso:std:iso:ts:21496:-1|urn:com:apple:photo:20\d\d:aux:hdrgainmap")
VIDEO = re.compile(rb"ftyp|MotionPhoto_Data")


@dataclass(frozen=True)
class Extras:
    """What a file holds beside the picture, as far as it was there to be read."""

    cicp: Cicp | None = None
    profile: bytes | None = None  # ICC, where Pillow does not read it
    narrow: bool = False  # whether samples are of video's narrow range
    was_read: bool = False
    has_gain_map: bool = False
    has_video: bool = False
    deep: bool = False  # whether samples have more than 8 bits, of which Pillow does not tell
    trailer: int = 0  # bytes behind the end of a JPEG, padding not counted

    @property
    def may_hold_more(self) -> bool:
        """Whether claims about other parts of the file may be true."""
        return self.trailer > 0 or not self.was_read


def bytes_of(image: Image.Image) -> bytes:
    """The file of an image that is not decoded yet; nothing where it cannot be read."""
    stream = getattr(image, "fp", None)
    if isinstance(stream, io.BytesIO):
        return stream.getvalue() if not stream.closed else b""
    try:
        before = stream.tell()  # type: ignore[union-attr]
        stream.seek(0)  # type: ignore[union-attr]
        data: bytes = stream.read()  # type: ignore[union-attr]
        stream.seek(before)  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        return b""
    return data


def extras_of(image: Image.Image) -> Extras:
    """The `Extras` of a picture, cached on the image."""
    if image.format not in READ:
        return Extras(was_read=True)
    if not isinstance(getattr(image, REMEMBERED, None), Extras):
        setattr(image, REMEMBERED, read_extras(bytes_of(image), image.format))
    found: Extras = getattr(image, REMEMBERED)
    return found


def read_extras(data: bytes, kind: str | None) -> Extras:
    """What the bytes of a file say; nothing where they are damaged."""
    if kind == "PNG":
        return of_png(data)
    if kind in ("JPEG", "MPO"):
        return of_jpeg(data)
    found = read_boxes(data)
    return Extras(
        *(found.cicp, found.profile, False, bool(data), found.has_gain_map, found.has_video),
        deep=found.bits > 8,
    )


def of_png(data: bytes) -> Extras:
    """What the chunks before the pixels of a PNG say."""
    cicp, narrow, has_gain_map = None, False, False
    for chunk in chunks(data):
        if chunk.name == b"IDAT":
            break
        body = data[chunk.body] if chunk.name == b"cICP" else b""
        if len(body) == 4:
            cicp, narrow = Cicp(body[0], body[1]), body[3] == 0
        has_gain_map |= chunk.name in (b"gMAP", b"gDAT")
    return Extras(cicp, narrow=narrow, was_read=bool(data), has_gain_map=has_gain_map)


def end_of_jpeg(data: bytes) -> int:
    """Where the picture at the start of a JPEG file ends; the length of the file where that is not to be found."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return len(data)
        marker = data[place + 1]
        if marker == END_OF_IMAGE:
            return place + 2
        if marker == 0xFF:
            place += 1
        elif marker in ALONE:
            place += 2
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
            if marker == START_OF_SCAN:
                found = MARKER.search(data, place)
                if found is None:
                    return len(data)
                place = found.start()
    return min(place + 2, len(data)) if data[place : place + 2] == b"\xff\xd9" else len(data)


def of_jpeg(data: bytes) -> Extras:
    """What follows a JPEG."""
    rest = data[end_of_jpeg(data) :].strip(PADDING)
    return Extras(
        was_read=bool(data),
        has_gain_map=GAIN_MAP.search(rest) is not None,
        has_video=VIDEO.search(rest) is not None,
        trailer=len(rest),
    )
