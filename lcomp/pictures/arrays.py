"""Pictures as numpy arrays: what an array must look like to be one, and the array of a decoded picture."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcomp.errors import ImageError, UnsupportedError

CHANNELS = (1, 2, 3, 4)
"""Channels of grey pictures and of RGB, each without and with alpha."""


def image_of_array(array: NDArray[np.generic]) -> Image.Image:
    """Pillow image of an array of uint8: [H, W], or [H, W, C] of grey or RGB, with or without alpha.

    Raises UnsupportedError for other types of samples and ImageError for other shapes.

    >>> image_of_array(np.zeros((2, 3, 4), np.uint8)).mode
    'RGBA'
    """
    if array.dtype == np.uint16:
        raise UnsupportedError("arrays of uint16 are coded losslessly only: scale to 0 .. 255, and convert to uint8")
    if array.dtype != np.uint8:
        raise UnsupportedError(f"an array of uint8 is needed, not {array.dtype}: scale it to 0 .. 255 and convert it")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 4:
        raise ImageError(f"an array of {len(array)} pictures: use encode_many")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in CHANNELS):
        first = array.ndim == 3 and array.shape[0] in CHANNELS
        hint = ": use array.transpose(1, 2, 0)" if first else ""
        raise ImageError(f"an array [H, W], [H, W, 3] or [H, W, 4] is needed, not {list(array.shape)}{hint}")
    if 0 in array.shape:
        raise ImageError("picture has no pixels")
    return Image.fromarray(np.ascontiguousarray(array))


def array_of_image(image: Image.Image) -> NDArray[np.uint8]:
    """Array [H, W] of a grey picture, else [H, W, C] of uint8.

    >>> array_of_image(Image.new("RGB", (3, 2))).shape
    (2, 3, 3)
    """
    return np.array(image)
