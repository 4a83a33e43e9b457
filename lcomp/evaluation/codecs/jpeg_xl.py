"""JPEG XL by libjxl."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from lcomp.evaluation.codecs.adapter import Adapter, MissingLibraryError, library

DEFAULT_EFFORT = 7


@dataclass(frozen=True)
class JpegXl(Adapter):
    """Lossy JPEG XL."""

    effort: int = DEFAULT_EFFORT

    @classmethod
    def open(cls, effort: int) -> Self:
        """The codec at an effort of 1 to 10; raises MissingLibraryError without libjxl."""
        name = "jxl" if effort == DEFAULT_EFFORT else f"jxl@{effort}"
        settings = (15, 8, 5, 3, 1.8, 1, 0.5)
        title = f"JPEG XL, effort {effort}"
        return cls(name, title, "JPEG XL", jxl_version(effort), settings, 25, 0.05, "distance", effort=effort)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a Butteraugli distance."""
        imagecodecs = library("imagecodecs", "imagecodecs")
        return bytes(imagecodecs.jpegxl_encode(np.asarray(image), distance=setting, effort=self.effort))

    def decode(self, data: bytes) -> Image.Image:
        """Decode by libjxl."""
        return Image.fromarray(library("imagecodecs", "imagecodecs").jpegxl_decode(data))


def jxl_version(effort: int) -> str:
    """Versions of the library, and the effort; raises MissingLibraryError without libjxl."""
    imagecodecs = library("imagecodecs", "imagecodecs")
    if not imagecodecs.JPEGXL.available:
        raise MissingLibraryError("this build of imagecodecs has no JPEG XL")
    return f"imagecodecs {imagecodecs.__version__}, {imagecodecs.jpegxl_version()}, effort {effort}"
