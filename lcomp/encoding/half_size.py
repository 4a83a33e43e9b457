"""Half size: at very low rates, a picture coded at half its width and height and upsampled by the decoder.

The encoder tries both at low qualities, at equal bytes, and keeps what comes nearer to the original.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from lcomp.encoding.rate_target import LOWEST, SIZE_TOLERANCE, File, bracket, coded_size
from lcomp.types import QUALITY_STEPS, Pixels

TRIED = 2 * QUALITY_STEPS
"""Quality in thousandths below which half size may win under a decoder that has the upscaler (docs/lab/LOG.md)."""

WORTH = 0.25
"""Share of the distortion of the plain file that half size may lose by itself, where it is tried from q = 1 on.

With more, it did not win on any photograph that was tried, and the attempts take five times the time of the plain file.
"""

HIGHEST = 8 * QUALITY_STEPS
"""Upper end of the search, in thousandths."""


def halve(pixels: Pixels) -> Pixels:
    """A picture [H, W, 3] at half its size, by Lanczos resampling; odd sides are rounded up."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    size = even.shape[1] // 2, even.shape[0] // 2
    return np.asarray(Image.fromarray(even).resize(size, Image.Resampling.LANCZOS))


def halved_and_doubled(pixels: Pixels) -> Pixels:
    """A picture [H, W, 3] at half its size, interpolated to all of it: about what half size loses by itself."""
    small, (height, width) = halve(pixels), pixels.shape[:2]
    size = 2 * small.shape[1], 2 * small.shape[0]
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))[:height, :width]


def better(plain: File, encode_half: Callable[[int], File], nearness: Callable[[File], float], fixed: int) -> File:
    """The plain file, or the half-size file of at most as many bytes, whichever comes nearer to the picture.

    `encode_half` makes the latter at a quality in thousandths; `nearness` decodes and measures a file, more is better.
    `fixed` bytes of both are header, metadata and alpha.
    """
    files: dict[int, File] = {}

    def size(quality: int) -> float:
        files[quality] = encode_half(quality)
        return coded_size(len(files[quality]), fixed)

    low, _ = bracket(size, coded_size(len(plain), fixed), SIZE_TOLERANCE, LOWEST, HIGHEST)
    if low is None:
        return plain
    half = files[low.quality]
    return half if nearness(half) > nearness(plain) else plain
