"""Types and units that all layers share; needs neither torch nor Pillow."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB picture [H, W, 3]."""

Plane = NDArray[np.uint8]
"""Alpha [H, W], 0 transparent .. 255 opaque."""

Samples16 = NDArray[np.uint16]
"""A picture of 16 bits per sample: grey [H, W], grey and alpha [H, W, 2], RGB [H, W, 3] or RGBA [H, W, 4]."""

Progress = Callable[[int, int], None]
"""Callback with the number of pixels done and in total."""

QUALITY_STEPS = 1000
"""Quality is stored in thousandths."""

Quality = int | NDArray[np.int64]
"""A quality in thousandths, or one [h, w] for every hyper-latent, or latent, of a tile or picture."""

STRIDE = 16
"""Pixels per latent, in both directions."""

HYPER_STRIDE = 4
"""Latents per hyper-latent, in both directions."""
