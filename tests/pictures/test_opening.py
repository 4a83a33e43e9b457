"""Pillow's limits, which belong to the whole process, are left alone, and ours hold all the same."""

import io
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from helpers.pictures import ramp
from helpers.profiles import SRGB
from lcomp.errors import ImageError, LcompError, LimitError
from lcomp.pictures.opening import PROGRAMS, UNDECODED, readable_suffixes
from lcomp.pictures.reading import open_image, to_picture

KINDS = [
    "PNG",
    "JPEG",
    "WEBP",
    "TIFF",
    "GIF",
    "BMP",
    "PPM",
    "AVIF",
    "JPEG2000",
    "ICO",
    "ICNS",
    "TGA",
    "QOI",
    "DDS",
    "MPO",
]


def limits() -> tuple[object, ...]:
    """What Pillow allows anyone in this process."""
    return (
        *(Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY),
        *(ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK),
    )


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    before = limits()
    yield
    assert limits() == before


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_threads_do_not_meet() -> None:
    """While some read with a small limit, others open their own large pictures, and find the limits as they were."""
    before, stop = limits(), Event()
    large = saved(Image.new("RGB", (300, 200)), "PNG")
    small = [saved(ramp("RGB"), kind, **({"sizes": [(16, 16)]} if kind == "ICO" else {})) for kind in KINDS]

    def watch() -> int:
        count = 0
        while not stop.is_set() or not count:
            assert limits() == before
            with Image.open(io.BytesIO(large)) as image:
                assert image.size == (300, 200)
            count += 1
        return count

    def work(number: int) -> None:
        data = small[number % len(small)]
        assert to_picture(open_image(data), max_pixels=2**20).pixels.size
        with pytest.raises(LimitError):
            to_picture(open_image(data, 10), max_pixels=10)

    with ThreadPoolExecutor(6) as executor:
        watchers = [executor.submit(watch) for _ in range(2)]
        try:
            for done in [executor.submit(work, number) for number in range(60)]:
                done.result()
        finally:
            stop.set()
        assert all(watcher.result() for watcher in watchers)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("ICO", "ICNS", "WEBP")])
def test_our_limit_may_be_larger_than_pillows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(ramp("RGB"), kind)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert to_picture(open_image(data), max_pixels=600).pixels.shape == (20, 30, 3)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_tiff_larger_than_pillows_limit_is_read_alike(
    compression: str | None, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(ramp("RGB"), "TIFF", compression=compression, exif=exif)
    expected = to_picture(open_image(data)).pixels
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert np.array_equal(to_picture(open_image(data)).pixels, expected)


def test_plugins_that_ask_pillows_guard_raise_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(ramp("RGB"), "WEBP")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(LimitError, match="MAX_IMAGE_PIXELS"):
        open_image(data)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"II*\0\x08\0\0\0\0\0\0\0\0\0"}])
def test_a_webp_is_refused_before_its_decoder_is_made(options: dict[str, object]) -> None:
    data = saved(ramp("RGB"), "WEBP", **options)
    assert open_image(data, 600).size == (30, 20)
    with pytest.raises(LimitError, match="30x20"):
        open_image(data, 599)


def test_what_icons_hide_is_refused() -> None:
    for kind in ("ICO", "ICNS"):
        data = bytearray(saved(ramp("RGBA").resize((64, 64)), kind, sizes=[(64, 64)]))
        start = data.index(b"\x89PNG")
        data[start + 16 : start + 24] = struct.pack(">II", 30_000, 30_000)
        with pytest.raises(LimitError, match="30000x30000"):
            open_image(bytes(data))
    data = bytearray(saved(ramp("RGBA").resize((64, 64)), "ICO", sizes=[(64, 64)], bitmap_format="bmp"))
    assert open_image(bytes(data), 64 * 64).size == (64, 64)
    data[22 + 4 : 22 + 12] = struct.pack("<ii", 30_000, 60_000)
    with pytest.raises(LimitError, match="30000x30000"):
        open_image(bytes(data))


def test_frames_of_a_gif_may_not_grow_beyond_the_limit() -> None:
    frames = [Image.new("L", (8, 8), grey) for grey in (80, 160, 240)]
    data = bytearray(saved(Image.new("L", (8, 8)), "GIF", save_all=True, append_images=frames))
    frame = data.index(b"\x2c", data.index(b"\x2c") + 1)
    data[frame + 5 : frame + 9] = struct.pack("<HH", 5000, 5000)
    for number in (1, 2):
        with pytest.raises(LcompError, match="5000x5000"):
            to_picture(open_image(bytes(data)), number, 1000)


def chunk(name: bytes, body: bytes, damage: int = 0) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ damage)


def with_chunks(data: bytes, *chunks: bytes) -> bytes:
    """A PNG with chunks behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


LARGE = bytes(range(256)) * 2**13
"""2 MiB, more than Pillow takes of compressed metadata."""


def test_large_compressed_metadata_of_png_is_kept() -> None:
    data = saved(ramp("RGB"), "PNG", icc_profile=SRGB + LARGE)
    assert to_picture(open_image(data)).icc == SRGB + LARGE
    xmp = b"<x>" + LARGE.replace(b"\0", b" ")[: 2**21 - 7].decode("latin-1").encode() + b"</x>"
    body = b"XML:com.adobe.xmp\0\1\0en\0title\0" + zlib.compress(xmp)
    comment = b"Comment\0\0" + zlib.compress(LARGE)
    picture = to_picture(
        open_image(with_chunks(saved(ramp("RGB"), "PNG"), chunk(b"iTXt", body), chunk(b"zTXt", comment)))
    )
    assert picture.xmp == xmp
    assert picture.notes == ("left out: PNG text (Comment)",)


def test_metadata_that_grows_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcomp.pictures.png.MAX_METADATA", 2**21)
    bomb = zlib.compress(bytes(2**21 + 1))
    for name, body in ((b"zTXt", b"Comment\0\0"), (b"iCCP", b"icc\0\0"), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0")):
        with pytest.raises(LcompError):
            to_picture(open_image(with_chunks(saved(ramp("RGB"), "PNG"), chunk(name, body + bomb))))


def test_damaged_parts_beside_a_png_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    data = saved(ramp("RGB"), "PNG")
    chunks = [chunk(name, b"Comment\0text", 1) for name in (b"tEXt", b"prVt", b"tEXt")] + [
        chunk(b"tEXt", b"Title\0any")
    ]
    assert np.array_equal(to_picture(open_image(with_chunks(data, *chunks))).pixels, np.asarray(ramp("RGB")))
    assert caplog.messages == ["damaged parts of the PNG left out: tEXt, prVt"]
    behind = data[:-12] + chunk(b"eXIf", b"II*\0", 7) + data[-12:]
    assert to_picture(open_image(behind)).exif is None
    header = bytearray(data)
    header[29] ^= 1  # the checksum of IHDR
    with pytest.raises(LcompError):
        open_image(bytes(header))


@pytest.mark.parametrize("data", [b"", b"\0", b"RIFF", b"\x89PNG", b"II*\0", b"%!PS"[:3]])
def test_files_of_next_to_nothing_are_no_pictures(data: bytes) -> None:
    with pytest.raises(ImageError, match="not a picture that can be read"):
        open_image(data)


def test_readable_suffixes_are_those_of_readable_formats() -> None:
    suffixes = readable_suffixes()
    assert {
        ".jpg",
        ".png",
        ".hif",
        ".heic",
        ".mpo",
        ".qoi",
        ".dds",
        ".icns",
        ".avifs",
        ".jpf",
        ".j2c",
        ".fits",
    } <= suffixes
    assert not suffixes & {".eps", ".wmf", ".pdf", ".mpg", ".h5", ".dng", ".lic", ".txt"}
    assert {*PROGRAMS, *UNDECODED} <= set(Image.OPEN), "a format has another name now"


def test_many_chunks_that_grow_take_little_time() -> None:
    grown = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(2**24)))
    broken = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**22))[:-100] + bytes(90))
    data = with_chunks(saved(ramp("RGB"), "PNG"), *[broken] * 300, *[grown] * 300)
    started = time.process_time()
    with pytest.raises(LcompError):
        to_picture(open_image(data))
    assert time.process_time() - started < 5
