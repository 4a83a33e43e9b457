"""Files of which Pillow reads a part only, without a word: camera raw, of which it finds a preview, and FITS cubes."""

import contextlib
import io
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from lcomp.errors import FrameError, UnsupportedError
from lcomp.pictures.directories import Directory, below, chain

MAGIC_NUMBERS = (
    b"FUJIFILMCCD-RAW",
    *(b"IIRO", b"IIRS", b"MMOR"),
    b"IIU\0",
    b"II\x1a\0\0\0HEAPCCDR",
    b"FOVb",
    b"\0MRM",
)
"""How camera raw files begin: RAF, ORF, RW2, CRW, X3F, MRW."""

TIFF, CR2 = b"II*\0", b"CR\x02"
"""The first four bytes of CR2 files, and what they have behind the next four."""

CR3 = b"ftypcrx "
"""What CR3 files have behind their first four bytes."""

CAMERA_RAW = "camera raw file: convert it first, with a raw converter"
HIDDEN = "only a preview can be read, as in a camera raw file: convert it first, with a raw converter"
PREVIEW = "a reduced-resolution preview of another picture"

FITS = b"SIMPLE  ="
CARD, BLOCK = 80, 2880
"""Bytes of a line in the header of a FITS file, and of what headers are filled up to."""


@contextlib.contextmanager
def place_kept(file: BinaryIO) -> Iterator[None]:
    """Return to where a file was read."""
    before = file.tell()
    try:
        yield
    finally:
        file.seek(before)


def refuse_camera_raw(file: BinaryIO) -> None:
    """Raise UnsupportedError for camera raw, and for other TIFF whose picture is in a directory that is not read."""
    file.seek(0)
    start = file.read(16)
    is_cr2 = start.startswith(TIFF) and start[8:].startswith(CR2)
    if start.startswith(MAGIC_NUMBERS) or start[4:12] == CR3 or is_cr2:
        raise UnsupportedError(CAMERA_RAW)
    for first in islice(chain(file), 1):
        others = list(below(file, first))
        if any(directory.sensor for directory in (first, *others)):
            raise UnsupportedError(CAMERA_RAW)
        if any(directory.pixels > first.pixels for directory in others if not directory.mask):
            raise UnsupportedError(HIDDEN)


def has_pages(file: BinaryIO) -> bool:
    """Whether a TIFF holds further pictures, and not just previews and masks of the first.

    Raises FrameError where the first is itself a preview.
    """

    def is_page(directory: Directory) -> bool:
        return not (directory.reduced or directory.mask)

    with place_kept(file):
        directories = chain(file)
        if any(first.reduced for first in islice(directories, 1)):
            raise FrameError(PREVIEW)
        return any(map(is_page, directories))


def refuse_cube(file: BinaryIO) -> None:
    """Raise UnsupportedError for a FITS file whose first array has more than two dimensions: Pillow reads one plane."""
    file.seek(0)
    is_fits, axes = file.read(len(FITS)) == FITS, 0
    file.seek(0)
    while is_fits and (card := file.read(CARD)):
        keyword, _, value = card.partition(b"=")
        name, number = keyword.strip().removeprefix(b"Z"), value.split(b"/")[0].strip()
        if name == b"END":
            if axes:
                return
            file.seek(-file.tell() % BLOCK, io.SEEK_CUR)
        elif name == b"NAXIS" and number.isdigit():
            axes = max(axes, int(number))
        elif name.startswith(b"NAXIS") and name[5:].isdigit() and int(name[5:]) > 2 and number != b"1":
            raise UnsupportedError("FITS cube: only files of one grey plane can be read")


def refuse_partial(file: BinaryIO) -> None:
    """Raise UnsupportedError for a file of which Pillow would read a part only."""
    with place_kept(file):
        refuse_camera_raw(file)
        refuse_cube(file)
