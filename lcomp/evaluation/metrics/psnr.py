"""PSNR: of RGB, of YCbCr with the field's weights, and of panoramas on the sphere."""

import math

import numpy as np
from numpy.typing import NDArray

from lcomp.encoding.distortion import psnr
from lcomp.evaluation.metrics.metric import Metric, Pair
from lcomp.types import Pixels

KR, KB = 0.2126, 0.0722
"""Weights of red and blue in luma, by BT.709."""


class RgbPsnr(Metric):
    """PSNR over all samples of 8-bit RGB, weighted by alpha where there is one."""

    name, title, decimals, axis = "psnr", "PSNR", 3, "PSNR (RGB), dB"
    by_default = True

    def measure(self, pair: Pair) -> float:
        """In dB; an exact copy counts as if a single sample were wrong by one."""
        return psnr(pair.decoded, pair.original, pair.alpha)


def ycbcr(pixels: Pixels) -> NDArray[np.float64]:
    """Planes [3, H, W] of full-range YCbCr by BT.709, not rounded."""
    red, green, blue = np.moveaxis(pixels.astype(np.float64), -1, 0)
    y = KR * red + (1 - KR - KB) * green + KB * blue
    return np.stack([y, (blue - y) / (2 * (1 - KB)), (red - y) / (2 * (1 - KR))])


class YuvPsnr(Metric):
    """Mean of the PSNRs of Y, Cb and Cr, weighted 6:1:1, as video standards are compared."""

    name, title, decimals, axis = "yuv_psnr", "YUV-PSNR", 3, "YUV-PSNR 6:1:1 (BT.709), dB"
    by_default = True

    def measure(self, pair: Pair) -> float:
        """In dB; a plane without errors counts as if one sample of it were wrong by one."""
        squares = np.square(ycbcr(pair.after) - ycbcr(pair.before)).mean((1, 2))
        least = 1 / pair.original[..., 0].size
        values = [10 * math.log10(255**2 / max(float(square), least)) for square in squares]
        return (6 * values[0] + values[1] + values[2]) / 8


class WsPsnr(Metric):
    """WS-PSNR of equirectangular panoramas (Sun 2017): errors weighted by the area that a pixel has on the sphere.

    Every picture is taken for a whole one: of others, the rows in the middle count most.
    """

    name, title, decimals, axis = "ws_psnr", "WS-PSNR", 3, "WS-PSNR (RGB), dB"

    def measure(self, pair: Pair) -> float:
        """In dB; an exact copy counts as if a single sample were wrong by one."""
        height = len(pair.original)
        weights = np.cos((np.arange(height) + 0.5 - height / 2) * math.pi / height)
        rows = np.square(pair.after.astype(np.float64) - pair.before).mean((1, 2))
        square = float((weights * rows).sum() / weights.sum())
        return 10 * math.log10(255**2 / max(square, 1 / pair.original.size))
