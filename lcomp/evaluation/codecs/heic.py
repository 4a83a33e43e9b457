"""HEIC: HEVC intra by x265."""

import io
from dataclasses import dataclass
from typing import Self

from PIL import Image

from lcomp.evaluation.codecs.adapter import Adapter, MissingLibraryError, library

DEFAULT_TUNE = "ssim"
"""What libheif takes by itself."""


@dataclass(frozen=True)
class Heic(Adapter):
    """HEIC without chroma subsampling."""

    tune: str = DEFAULT_TUNE

    @classmethod
    def open(cls, tune: str) -> Self:
        """The codec with x265's `tune`; raises MissingLibraryError without libheif or its encoder."""
        pillow_heif = library("pillow_heif", "pillow-heif")
        encoder = pillow_heif.libheif_info()["HEIF"]
        if not encoder:
            raise MissingLibraryError("this build of pillow-heif cannot encode")
        version = f"pillow-heif {pillow_heif.__version__}, {encoder}, preset slow, tune={tune}"
        name = "heic" if tune == DEFAULT_TUNE else f"heic-{tune}"
        title = f"HEIC 4:4:4 tune={tune}, preset slow"
        return cls(name, title, "HEIC", version, (4, 14, 26, 38, 50, 64), 0, 1, tune=tune)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a quality of 0 to 100."""
        pillow_heif = library("pillow_heif", "pillow-heif")
        stream = io.BytesIO()
        parameters = {"preset": "slow", "tune": self.tune}
        pillow_heif.from_pillow(image).save(stream, quality=round(setting), chroma=444, enc_params=parameters)
        return stream.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Decode by libde265."""
        image: Image.Image = library("pillow_heif", "pillow-heif").open_heif(data).to_pillow()
        return image
