"""Arrays of 16 bits per sample in the place of pictures: Pillow has modes for grey ones only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcomp.errors import UnsupportedError
from lcomp.options import EncodeOptions, check_pixels
from lcomp.pictures.pixels import converted_16
from lcomp.pictures.reading import Picture
from lcomp.types import Samples16

NO_MODE = (
    "Pillow has no 16-bit pictures with colours or alpha: use Codec.decode_array, or `lcomp decode` to PNG or TIFF"
)


def picture_of(samples: Samples16, options: EncodeOptions) -> Picture:
    """A picture to encode, made of an array.

    Raises TypeError for other types of samples, UnsupportedError for other shapes and unless it is to be encoded
    losslessly, and LimitError beyond `max_pixels`.
    """
    if samples.dtype != np.uint16:
        raise TypeError(f"a Pillow image is needed, or an array of uint16, not ndarray of {samples.dtype}")
    if not options.lossless:
        raise UnsupportedError("arrays of 16 bits per sample are encoded with lossless=True only")
    shape = samples.shape
    if len(shape) < 2 or shape[2:] not in ((), (2,), (3,), (4,)) or 0 in shape:
        raise UnsupportedError(f"an array is to be of shape [H, W] or [H, W, 2, 3 or 4], not {shape}")
    check_pixels(shape[1], shape[0], options.max_pixels)
    made = converted_16(samples)
    return Picture(made.pixels, made.mode, made.alpha, low=made.low, low_alpha=made.low_alpha, notes=made.notes)


@dataclass(frozen=True)
class DecodedSamples:
    """What a file decodes to."""

    image: Image.Image  # with metadata; of the high bytes where there are 16 bits per sample
    samples: Samples16 | None = None  # where there are 16 bits per sample

    @property
    def array(self) -> NDArray[np.uint8] | Samples16:
        """The samples as an array: [H, W], or [H, W, 2, 3 or 4]."""
        return np.array(self.image) if self.samples is None else self.samples

    def pillow_image(self) -> Image.Image:
        """The picture as a Pillow image; raises UnsupportedError for 16 bits, unless it is grey without alpha."""
        if self.samples is None:
            return self.image
        if self.samples.ndim > 2:
            raise UnsupportedError(NO_MODE)
        image = Image.fromarray(self.samples)
        image.info = self.image.info
        return image
