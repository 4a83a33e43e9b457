"""Files of which only a part would be read: camera raw, previews, cubes; and those that only look like it."""

import contextlib
import io
import struct
import warnings
from typing import NamedTuple

import pytest
from PIL import Image

from helpers.pictures import ramp
from lcomp.errors import ImageError, UnsupportedError
from lcomp.pictures.reading import open_image, to_picture

RGB, CFA, LINEAR_RAW = 2, 32803, 34892
PAGE, PREVIEW, MASK = 0, 1, 4


class Page(NamedTuple):
    """A directory of a TIFF, with the pages below it."""

    size: tuple[int, int] = (8, 6)
    kind: int = PAGE
    photometric: int = RGB
    tags: tuple[tuple[int, int], ...] = ()
    below: tuple["Page", ...] = ()


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """A TIFF of uncompressed pages, each in one strip; the pixels of the nth page written are all n."""
    file = io.BytesIO()
    word, offset_code = ("QQ", "Q") if big else ("HI", "I")
    header = {"<": b"II", ">": b"MM"}[order] + (
        struct.pack(f"{order}HHH", 43, 8, 0) if big else struct.pack(f"{order}H", 42)
    )
    file.write(header + bytes(struct.calcsize(order + offset_code)))
    written = 0

    def write(page: Page) -> tuple[int, int]:
        """Write a page; returns where its directory is, and where the offset of the next one belongs."""
        nonlocal written
        below = [write(inner)[0] for inner in page.below]
        pixels, written = bytes([written]) * (page.size[0] * page.size[1] * 3), written + 1
        place = file.tell()
        file.write(pixels)
        bits = file.tell()
        file.write(struct.pack(f"{order}HHH", 8, 8, 8))
        subs = file.tell()
        file.write(struct.pack(f"{order}{len(below)}{offset_code}", *below))
        entries = [
            *((254, 4, 1, page.kind), (256, 4, 1, page.size[0]), (257, 4, 1, page.size[1]), (258, 3, 3, bits)),
            *((259, 4, 1, 1), (262, 4, 1, page.photometric), (273, 4, 1, place), (277, 4, 1, 3)),
            *((278, 4, 1, page.size[1]), (279, 4, 1, len(pixels)), *((tag, 4, 1, value) for tag, value in page.tags)),
        ]
        if below:
            entries.append((330, 16 if big else 4, len(below), subs if len(below) > 1 else below[0]))
        directory = file.tell()
        file.write(struct.pack(order + word[0], len(entries)))
        for tag, kind, count, value in sorted(entries):
            inline = offset_code if tag in (258, 330) else "I"
            if tag == 258 and big:  # three shorts fit
                payload = struct.pack(f"{order}HHH", 8, 8, 8)
            else:
                payload = struct.pack(order + inline, value)
            file.write(struct.pack(f"{order}HH{offset_code}", tag, kind, count))
            file.write(payload.ljust(struct.calcsize(order + offset_code), b"\0"))
        following = file.tell()
        file.write(bytes(struct.calcsize(order + offset_code)))
        return directory, following

    link = len(header)
    for page in pages:
        directory, following = write(page)
        file.seek(link)
        file.write(struct.pack(order + offset_code, directory))
        file.seek(0, io.SEEK_END)
        link = following
    return file.getvalue()


SMALL, LARGE = (4, 3), (16, 12)
DNG = ((50706, 0x00000401),)
RAW = {
    "dng": Page(SMALL, PREVIEW, tags=DNG, below=(Page(LARGE, photometric=CFA),)),
    "nef": Page(SMALL, PREVIEW, below=(Page(LARGE), Page(LARGE))),
    "pef": Page(LARGE, photometric=CFA),
    "linear": Page(LARGE, photometric=LINEAR_RAW),
    "version alone": Page(LARGE, tags=DNG),
    "unmarked": Page(SMALL, below=(Page(LARGE),)),
    "sensor below": Page(LARGE, below=(Page(LARGE, photometric=CFA),)),
}


@pytest.mark.parametrize("frame", [None, 0])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", RAW)
def test_camera_raw_is_refused(name: str, order: str, big: bool, frame: int | None) -> None:
    with pytest.raises(UnsupportedError, match="camera raw file: convert it first"):
        to_picture(open_image(tiff(RAW[name], order=order, big=big)), frame)


def test_camera_raw_opened_by_others_is_refused() -> None:
    with (
        Image.open(io.BytesIO(tiff(RAW["dng"]))) as image,
        pytest.raises(UnsupportedError, match="camera raw file"),
    ):
        to_picture(image)


@pytest.mark.parametrize(
    "start",
    [
        b"II*\0\x10\0\0\0CR\x02\0",
        *(b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0", b"IIRS\x08\0\0\0", b"MMOR\0\0\0\x08", b"IIU\0\x18\0\0\0"),
        *(b"\0\0\0\x18ftypcrx ", b"II\x1a\0\0\0HEAPCCDR", b"FOVb\0\0\2\0", b"\0MRM\0\0\0\0"),
    ],
)
def test_camera_raw_that_pillow_does_not_open_is_called_so(start: bytes) -> None:
    with pytest.raises(UnsupportedError, match="camera raw file"):
        open_image(start + bytes(5000))


def test_a_preview_needs_to_be_asked_for() -> None:
    for pages in ((Page(SMALL, PREVIEW),), (Page(SMALL, PREVIEW), Page(LARGE)), (Page(tags=((255, 2),)), Page(LARGE))):
        with pytest.raises(UnsupportedError, match="reduced-resolution preview"):
            to_picture(open_image(tiff(*pages)))
    with Image.open(io.BytesIO(tiff(Page(SMALL, PREVIEW)))) as image:
        image.load()
        image.fp = image._fp = None  # as for files by name
        with pytest.raises(UnsupportedError, match="reduced-resolution preview"):
            to_picture(image)
        assert to_picture(image, 0).pixels.shape == (3, 4, 3)
    data = tiff(Page(SMALL, PREVIEW), Page(LARGE))
    assert to_picture(open_image(data), 0).pixels.shape == (3, 4, 3)
    assert to_picture(open_image(data), 1).pixels.shape == (12, 16, 3)


@pytest.mark.parametrize("big", [False, True])
def test_previews_and_masks_are_no_pages(big: bool) -> None:
    half = Page(SMALL, PREVIEW)
    pyramids = [
        (Page(LARGE), half, half),
        (Page(LARGE, below=(half, half)),),
        (Page(LARGE), Page(LARGE, MASK)),
        (Page(LARGE), Page(SMALL, tags=((255, 2),))),
        (Page(LARGE, below=(Page(SMALL),)),),
    ]
    for pages in pyramids:
        image = open_image(tiff(*pages, big=big))
        for _ in range(2):  # decoded by the second time
            picture = to_picture(image)
            assert picture.pixels.shape == (12, 16, 3)
            assert not picture.notes
    several = tiff(Page(LARGE), half, Page(LARGE), big=big)
    with pytest.raises(UnsupportedError, match="--frame N"):
        to_picture(open_image(several))
    assert to_picture(open_image(several), 2).pixels.tolist() == [[[2, 2, 2]] * 16] * 12


def test_damaged_directories_are_left_to_pillow() -> None:
    data = tiff(Page(LARGE, below=(Page(SMALL, PREVIEW),)))
    for cut in range(8, len(data), 7):
        with contextlib.suppress(ImageError, UnsupportedError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            to_picture(open_image(data[:cut]))
    circle = bytearray(tiff(Page(LARGE)))
    circle[-4:] = circle[4:8]
    assert to_picture(open_image(bytes(circle))).pixels.shape == (12, 16, 3)


def fits(*axes: int, first: bytes = b"") -> bytes:
    """A FITS file of 8-bit samples with these axes."""
    cards = [b"SIMPLE  =                    T", b"BITPIX  =                    8"]
    cards += [f"NAXIS   = {len(axes):20}".encode()]
    cards += [f"NAXIS{number:<3}= {length:20} / pixels".encode() for number, length in enumerate(axes, 1)]
    header = b"".join(card.ljust(80) for card in [*cards, b"END"])
    count = 1
    for length in axes:
        count *= length
    return header.ljust(2880) + bytes(count).ljust(-(-count // 2880) * 2880, b"\0")


def test_only_planes_of_fits_are_read() -> None:
    for axes in ((8, 6), (8, 6, 1), (8, 6, 1, 1)):
        assert to_picture(open_image(fits(*axes))).pixels.shape == (6, 8, 3)
    for axes in ((8, 6, 3), (8, 6, 2), (8, 6, 1, 3)):
        with pytest.raises(UnsupportedError, match="FITS cube"):
            open_image(fits(*axes))
    with Image.open(io.BytesIO(fits(8, 6, 3))) as image, pytest.raises(UnsupportedError, match="FITS cube"):
        to_picture(image)
    extended = fits() + fits(8, 6, 3).replace(b"SIMPLE  =                    T", b"XTENSION= 'IMAGE   '          ")
    with pytest.raises(UnsupportedError, match="FITS cube"):
        open_image(extended)


def test_the_largest_picture_of_an_icon_is_taken() -> None:
    for kind in ("ICO", "ICNS"):
        file = io.BytesIO()
        ramp("RGBA").resize((64, 64)).save(file, kind, sizes=[(16, 16), (64, 64), (32, 32)])
        image = to_picture(open_image(file.getvalue()))
        assert image.pixels.shape == ((64, 64, 3) if kind == "ICO" else (1024, 1024, 3))


def png_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_the_largest_picture_of_an_icon_is_that_of_most_pixels() -> None:
    blocks = [(b"ic12", png_of(Image.new("RGBA", (64, 64), "red")))]  # 32 points, doubled
    blocks += [(b"ih32", bytes(48 * 48 * 3)), (b"h8mk", bytes(48 * 48))]
    body = b"".join(name + struct.pack(">I", 8 + len(data)) + data for name, data in blocks)
    assert to_picture(open_image(b"icns" + struct.pack(">I", 8 + len(body)) + body)).pixels.shape == (64, 64, 3)


def test_of_an_icon_the_version_with_most_colours_is_taken() -> None:
    poor, rich = (png_of(Image.new("RGB", (16, 16), colour)) for colour in ("black", "teal"))
    head = struct.pack("<HHH", 0, 1, 2)
    places = (38, 38 + len(poor))
    entries = [(4, poor, places[0]), (32, rich, places[1])]
    head += b"".join(struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, bits, len(data), place) for bits, data, place in entries)
    assert to_picture(open_image(head + poor + rich)).pixels[0, 0].tolist() == [0, 128, 128]
