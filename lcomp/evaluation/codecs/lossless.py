"""Lossless codecs, each with the one setting 0."""

import io
from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from lcomp.evaluation.codecs.adapter import Adapter, MissingLibraryError, decode_pillow, library, pillow_version
from lcomp.evaluation.codecs.jpeg_xl import jxl_version


@dataclass(frozen=True)
class PillowLossless(Adapter):
    """PNG (zlib at its best, filters chosen per row) or lossless WebP."""

    kind: str = "PNG"

    @classmethod
    def open(cls, kind: str) -> Self:
        """The codec of a Pillow format."""
        version = pillow_version("zlib" if kind == "PNG" else "webp", "zlib" if kind == "PNG" else "libwebp")
        title = "PNG, optimised" if kind == "PNG" else "WebP lossless, method 4"
        name = "png" if kind == "PNG" else "webp-lossless"
        return cls(name, title, kind, version, (0,), 0, 1, "", lossless=True, kind=kind)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode; the setting means nothing."""
        stream = io.BytesIO()
        if self.kind == "PNG":
            image.save(stream, "PNG", optimize=True)
        else:
            image.save(stream, "WEBP", lossless=True)
        return stream.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Decode by Pillow."""
        return decode_pillow(data)


@dataclass(frozen=True)
class LosslessJpegXl(Adapter):
    """Lossless JPEG XL by libjxl."""

    effort: int = 7

    @classmethod
    def open(cls, effort: int) -> Self:
        """The codec at an effort of 1 to 10; raises MissingLibraryError without libjxl."""
        title = f"JPEG XL lossless, effort {effort}"
        name = f"jxl-lossless@{effort}"
        return cls(name, title, "JPEG XL", jxl_version(effort), (0,), 0, 1, "", lossless=True, effort=effort)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode; the setting means nothing."""
        imagecodecs = library("imagecodecs", "imagecodecs")
        return bytes(imagecodecs.jpegxl_encode(np.asarray(image), lossless=True, effort=self.effort))

    def decode(self, data: bytes) -> Image.Image:
        """Decode by libjxl."""
        return Image.fromarray(library("imagecodecs", "imagecodecs").jpegxl_decode(data))


@dataclass(frozen=True)
class ImagecodecsLossless(Adapter):
    """JPEG-LS, reversible JPEG 2000 or QOI, by imagecodecs."""

    kind: str = "qoi"

    @classmethod
    def open(cls, name: str, title: str, kind: str) -> Self:
        """The codec whose functions of imagecodecs begin with `kind`; raises MissingLibraryError without it."""
        imagecodecs = library("imagecodecs", "imagecodecs")
        if not getattr(imagecodecs, kind.upper()).available:
            raise MissingLibraryError(f"this build of imagecodecs has no {title}")
        version = f"imagecodecs {imagecodecs.__version__}, {getattr(imagecodecs, f'{kind}_version')()}"
        return cls(name, title, title, version, (0,), 0, 1, "", lossless=True, kind=kind)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode; the setting means nothing."""
        imagecodecs = library("imagecodecs", "imagecodecs")
        pixels = np.asarray(image)
        if self.kind == "jpeg2k":
            return bytes(imagecodecs.jpeg2k_encode(pixels, reversible=True))
        return bytes(getattr(imagecodecs, f"{self.kind}_encode")(pixels))

    def decode(self, data: bytes) -> Image.Image:
        """Decode by imagecodecs."""
        return Image.fromarray(getattr(library("imagecodecs", "imagecodecs"), f"{self.kind}_decode")(data))
