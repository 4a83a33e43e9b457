"""JPEG 2000 by OpenJPEG."""

import io
from dataclasses import dataclass
from typing import Self

from PIL import Image

from lcomp.evaluation.codecs.adapter import Adapter, decode_pillow, pillow_version


@dataclass(frozen=True)
class Jpeg2000(Adapter):
    """JPEG 2000 with the 9/7 wavelet and the colour transform."""

    @classmethod
    def open(cls) -> Self:
        """The codec; raises MissingLibraryError where Pillow lacks it."""
        settings = (240, 120, 60, 36, 22, 14, 8)
        version = pillow_version("jpg_2000", "OpenJPEG")
        return cls("jpeg2000", "JPEG 2000", "JPEG 2000", version, settings, 2000, 0.25, "ratio")

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a compression ratio."""
        stream = io.BytesIO()
        # Pillow leaves the colour transform out unless asked for it
        image.save(stream, "JPEG2000", irreversible=True, mct=1, quality_mode="rates", quality_layers=[setting])
        return stream.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Decode by Pillow."""
        return decode_pillow(data)
