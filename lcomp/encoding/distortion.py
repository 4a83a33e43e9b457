"""Distortion between RGB pictures, and the finest band of a picture's Laplacian pyramid."""

import math

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from lcomp.types import Pixels, Plane

ROWS = 256
"""Rows whose differences are held in memory at a time."""


def psnr(ours: Pixels, original: Pixels, alpha: Plane | None = None) -> float:
    """Peak signal-to-noise ratio in dB, over all samples, weighted by the alpha [H, W] where there is one.

    An exact copy counts as if a single sample were wrong by one, so that means over pictures stay finite.
    """
    squares = 0
    for row in range(0, len(original), ROWS):
        rows = slice(row, row + ROWS)
        difference = ours[rows].astype(np.int16) - original[rows]
        square = np.square(difference, dtype=np.int32)
        if alpha is not None:
            square *= alpha[rows, :, None]
        squares += int(square.sum(dtype=np.int64))
    if alpha is None or not alpha.any():
        return 10 * math.log10(255**2 * original.size / max(squares, 1))
    return 10 * math.log10(255**2 * original.shape[2] * int(alpha.sum(dtype=np.int64)) / max(squares, 255))


def squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """Mean squared errors [B] of pictures [B, 3, H, W] in [-1, 1], in squared grey levels (of 255)."""
    return ((x_hat - x) * 127.5).square().mean((1, 2, 3))


def finest_band(x: Tensor) -> Tensor:
    """The finest band of the Laplacian pyramid (Burt and Adelson 1983) of pictures [B, C, H, W].

    A last odd row or column is left out.
    """
    x = x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    return x - F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
