"""Pictures in sections, which are WebP or PNG: of those alone Pillow makes samples."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from second.container import Damaged


def decode_picture(payload: bytes, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """The samples [height, width, channels] of a picture in WebP or PNG; a plane is the first channel."""
    with Image.open(io.BytesIO(payload), formats=("WEBP", "PNG")) as image:
        samples = np.atleast_3d(np.asarray(image))[..., :channels]
    if samples.shape != (height, width, channels) or samples.dtype != np.uint8:
        raise Damaged("a section's picture is not as the header says")
    return samples


def deepened(high: NDArray[np.uint8], section: bytes | None) -> NDArray[np.uint16]:
    """Samples of 16 bits, of their high bytes and the section of their low ones; low = high without one."""
    low = high
    if section is not None:
        if not section or section[0] > 8:
            raise Damaged("a shift beyond the limits")
        low = (high.astype(np.uint16) >> section[0]).astype(np.uint8)
        if len(section) > 1:
            low = low + decode_picture(section[1:], *high.shape)
    return high.astype(np.uint16) << 8 | low
