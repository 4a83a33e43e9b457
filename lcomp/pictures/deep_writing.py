"""Writing of pictures of 16 bits per sample as PNG and TIFF, for which Pillow has no modes; other formats get 8 bits.

Metadata is what Pillow writes of it, so that files of 8 and of 16 bits do not differ in that.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from lcomp.errors import ImageError
from lcomp.pictures.deep_arrays import DecodedSamples
from lcomp.pictures.metadata import HEADER, as_tiff
from lcomp.pictures.png import SIGNATURE, chunks
from lcomp.pictures.writing import METADATA, fits, save_image
from lcomp.types import Samples16

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Colour types of PNG by number of channels."""

BLOCK = 2**22
"""Bytes that are filtered and compressed at a time, and of a strip of a TIFF."""

LARGEST_TIFF = 2**32 - 2**20
"""Bytes that offsets of 32 bits reach, with some to spare for tags."""

DEFLATE, DIFFERENCES, BLACK_IS_ZERO, RGB, STRAIGHT_ALPHA = 8, 2, 1, 2, 2
"""Values of tags of TIFF: of the compression, the predictor, the colours and the extra sample."""

REDUCED = "16 bits per sample (reduced to 8)"


def blocks(samples: Samples16) -> Iterator[slice]:
    """Rows to work on at a time."""
    step = max(1, BLOCK // samples[0].nbytes)
    return (slice(top, top + step) for top in range(0, len(samples), step))


def filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """Rows [N, B] below the row `above` [B] behind the types of their PNG filters, as [N, 1 + B].

    Of every row that is taken whose sum of absolute differences is least. A pixel has `pixel` bytes.
    """
    up = np.concatenate([above[None], rows[:-1]])
    left, corner = (np.pad(part[:, :-pixel], ((0, 0), (pixel, 0))) for part in (rows, up))
    a, b, c = (part.astype(np.int16) for part in (left, up, corner))
    from_a, from_b, from_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    paeth = np.where((from_a <= from_b) & (from_a <= from_c), left, np.where(from_b <= from_c, up, corner))
    guesses = (np.zeros_like(rows), left, up, ((a + b) >> 1).astype(np.uint8), paeth)
    best, least = np.empty((len(rows), rows.shape[1] + 1), np.uint8), np.full(len(rows), np.inf)
    for kind, guess in enumerate(guesses):
        difference = rows - guess
        cost = np.abs(difference.view(np.int8).astype(np.int16)).sum(1)
        better = cost < least
        least[better], best[better, 0], best[better, 1:] = cost[better], kind, difference[better]
    return best


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_pixels(samples: Samples16) -> Iterator[bytes]:
    """The chunks of the pixels."""
    pixel = samples[0].nbytes // samples.shape[1]
    above, compressor = np.zeros(samples[0].nbytes, np.uint8), zlib.compressobj()
    for rows in blocks(samples):
        part = samples[rows].astype(">u2").view(np.uint8).reshape(-1, len(above))
        if packed := compressor.compress(filtered(part, above, pixel).tobytes()):
            yield png_chunk(b"IDAT", packed)
        above = part[-1]
    yield png_chunk(b"IDAT", compressor.flush())


def save_png(picture: DecodedSamples, samples: Samples16, stream: BinaryIO) -> list[str]:
    """Write a PNG; returns what it cannot keep."""
    small, empty = io.BytesIO(), Image.new(picture.image.mode, (1, 1))
    empty.info = picture.image.info
    lost = save_image(empty, small, "PNG")
    data = small.getvalue()
    height, width = samples.shape[:2]
    channels = samples.size // (height * width)
    stream.write(SIGNATURE)
    for chunk in chunks(data):
        if chunk.name == b"IHDR":
            stream.write(
                png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0))
            )
        elif chunk.name == b"IDAT":
            stream.writelines(png_pixels(samples))
        else:
            stream.write(data[chunk.start : chunk.end])
    return lost


def tiff_strip(rows: Samples16, order: str) -> bytes:
    """Rows [N, W, channels] as differences from pixel to pixel, compressed."""
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.astype(f"{order}u2").tobytes())


def save_tiff(picture: DecodedSamples, samples: Samples16, stream: BinaryIO) -> list[str]:
    """Write a TIFF, whose tags are those of EXIF and some more; returns what it cannot keep.

    Raises ImageError for more than offsets of 32 bits reach.
    """
    info = picture.image.info
    there = {name: info[name] for name in METADATA if info.get(name)}
    kept = {name: payload for name, payload in there.items() if fits(name, payload, "TIFF", picture.image.mode)}
    height, width = samples.shape[:2]
    deep = samples.reshape(height, width, -1)
    channels = deep.shape[2]
    tags = as_tiff(kept.get("exif"), kept.get("xmp"))
    tags.bigtiff, tags.endian = False, tags.endian or "<"
    strips = [tiff_strip(deep[rows], tags.endian) for rows in blocks(deep)]
    lengths = [len(strip) for strip in strips]
    if sum(lengths) > LARGEST_TIFF:
        raise ImageError(f"cannot be saved as TIFF: {sum(lengths)} bytes, which is beyond offsets of 32 bits")
    layout: dict[int, object] = {
        TiffImagePlugin.IMAGEWIDTH: width,
        TiffImagePlugin.IMAGELENGTH: height,
        TiffImagePlugin.BITSPERSAMPLE: (16,) * channels,
        TiffImagePlugin.COMPRESSION: DEFLATE,
        TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: RGB if channels > 2 else BLACK_IS_ZERO,
        TiffImagePlugin.STRIPOFFSETS: tuple(accumulate([0, *lengths[:-1]])),  # Pillow adds where the tags end
        TiffImagePlugin.SAMPLESPERPIXEL: channels,
        TiffImagePlugin.ROWSPERSTRIP: min(next(blocks(deep)).stop, height),
        TiffImagePlugin.STRIPBYTECOUNTS: tuple(lengths),
        TiffImagePlugin.PLANAR_CONFIGURATION: 1,
        TiffImagePlugin.PREDICTOR: DIFFERENCES,
    }
    if channels in (2, 4):
        layout[TiffImagePlugin.EXTRASAMPLES] = (STRAIGHT_ALPHA,)
    if "icc_profile" in kept:
        layout[TiffImagePlugin.ICCPROFILE] = kept["icc_profile"]
    for tag, value in layout.items():
        tags[tag] = value
    stream.write(tags.tobytes().removeprefix(HEADER))
    stream.writelines(strips)
    return [name.removesuffix("_profile").upper() for name in there if name not in kept]


def save_picture(picture: DecodedSamples, stream: BinaryIO, kind: str, quality: int | None = None) -> list[str]:
    """Write a decoded picture as Pillow format `kind` with its metadata; returns what that format cannot keep.

    PNG and TIFF keep samples of 16 bits, the others get 8. `quality` is that of `save_image`. Raises ImageError as that
    does.
    """
    samples = picture.samples
    if samples is None:
        return save_image(picture.image, stream, kind, quality)
    if kind in ("PNG", "TIFF"):
        return (save_png if kind == "PNG" else save_tiff)(picture, samples, stream)
    image = Image.fromarray(((samples + np.uint32(128)) // 257).astype(np.uint8))
    image.info = picture.image.info
    return [REDUCED, *save_image(image, stream, kind, quality)]
