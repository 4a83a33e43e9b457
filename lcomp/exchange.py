"""Pictures as they are handed over and wanted back: Pillow images, files, numpy arrays and torch tensors."""

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lcomp.errors import ImageError, LcompError, UnsupportedError
from lcomp.files import Source, read_source
from lcomp.options import MAX_PIXELS, EncodeOptions
from lcomp.pictures.arrays import array_of_image, image_of_array
from lcomp.pictures.deep_arrays import picture_of
from lcomp.pictures.reading import Picture, open_image, to_picture
from lcomp.types import Samples16

PictureSource = Image.Image | Source | NDArray[np.generic] | Tensor
"""A Pillow image, an array, a tensor, or a picture file: its path, its bytes, or the open file."""

Output = Literal["pil", "numpy", "torch"]
"""What a decoded picture is wanted as."""

DecodedPicture = Image.Image | NDArray[np.uint8] | Samples16 | Tensor

SLACK = 0.5
"""How far floats may lie outside 0 .. 1, as those of a network may, before they are taken for another range."""


def image_of_tensor(tensor: Tensor) -> Image.Image:
    """Pillow image of a tensor [C, H, W] or [1, C, H, W]: uint8, or floats from 0 to 1, which are rounded to 8 bits.

    Raises UnsupportedError for other samples and ImageError for other shapes.

    >>> image_of_tensor(torch.full((3, 2, 5), 0.5)).getpixel((0, 0))
    (128, 128, 128)
    """
    shape = list(tensor.shape)
    if tensor.ndim == 4 and len(tensor) == 1:
        tensor = tensor[0]
    if tensor.ndim == 4:
        raise ImageError(f"a batch of {len(tensor)} pictures: use encode_many")
    if tensor.ndim not in (2, 3):
        raise ImageError(f"a tensor [3, H, W] is needed, not {shape}")
    if tensor.ndim == 3 and tensor.shape[0] not in (1, 2, 3, 4):
        hint = ": use tensor.permute(2, 0, 1)" if tensor.shape[2] in (1, 3, 4) else ""
        raise ImageError(f"a tensor [3, H, W] is needed, not {shape}{hint}")
    tensor = tensor.detach().cpu()
    if 0 in tensor.shape:
        raise ImageError("picture has no pixels")
    if tensor.is_floating_point():
        low, high = tensor.min().item(), tensor.max().item()
        if not (low >= -SLACK and high <= 1 + SLACK):  # NaN too
            raise UnsupportedError(f"floats from 0 to 1 are needed, not from {low:.3g} to {high:.3g}")
        tensor = tensor.float().mul(255).round().clamp(0, 255).to(torch.uint8)
    if tensor.dtype != torch.uint8:
        raise UnsupportedError(f"a tensor of uint8 or of floats from 0 to 1 is needed, not {tensor.dtype}")
    array = tensor.numpy()
    return image_of_array(array.transpose(1, 2, 0) if array.ndim == 3 else array)


def image_of(picture: PictureSource, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Pillow image of whatever holds a picture; one of a file is not decoded yet.

    Raises OSError where a file cannot be read, ImageError, LimitError or UnsupportedError for what is no picture that
    can be coded, and TypeError for anything else.

    >>> image_of(np.zeros((4, 6), np.uint8)).size
    (6, 4)
    """
    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, np.ndarray):
        return image_of_array(picture)
    if isinstance(picture, Tensor):
        return image_of_tensor(picture)
    if isinstance(picture, list | tuple):
        raise TypeError(f"one picture is needed, not a {type(picture).__name__} of them: use encode_many")
    try:
        data = read_source(picture)
    except TypeError as error:
        raise TypeError(f"no Pillow image, array, tensor or picture file: {error}") from error
    return open_image(data, max_pixels)


def read_source_picture(picture: PictureSource, options: EncodeOptions) -> Picture:
    """The picture of whatever holds it, before it is resized; raises as `Codec.encode_file` does."""
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint16:
        return picture_of(picture.astype(np.uint16, copy=False), options)
    image = image_of(picture, options.max_pixels)
    return to_picture(image, options.frame, options.max_pixels, deep=options.lossless)


def check_output(output: str) -> None:
    """Raise LcompError for an unknown kind of output."""
    if output not in get_args(Output):
        raise LcompError(f"unknown output '{output}': use {', '.join(get_args(Output))}")


def as_output(picture: Image.Image | NDArray[np.uint8] | Samples16, output: Output) -> DecodedPicture:
    """A decoded picture as it is, or as an array ([H, W] or [H, W, C]) or a tensor [C, H, W].

    >>> tuple(as_output(Image.new("RGBA", (5, 2)), "torch").shape)
    (4, 2, 5)
    """
    if output == "pil":
        return picture
    array = array_of_image(picture) if isinstance(picture, Image.Image) else picture
    if output == "numpy":
        return array
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(planes))
