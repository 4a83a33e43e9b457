"""Lossy WebP, with plain and with sharp chroma."""

import io
from dataclasses import dataclass
from typing import Self

from PIL import Image

from lcomp.evaluation.codecs.adapter import Adapter, decode_pillow, library, pillow_version
from lcomp.evaluation.codecs.jpeg import EXTRA, vips_image

FAMILY = "WebP"
DEFAULT_METHOD = 6
SETTINGS = (0, 10, 25, 40, 55, 70, 85, 95)


@dataclass(frozen=True)
class Webp(Adapter):
    """WebP as Pillow writes it."""

    method: int = 6

    @classmethod
    def open(cls, method: int) -> Self:
        """The codec at a method of 0 (fast) to 6 (slow)."""
        version = f"{pillow_version('webp', 'libwebp')}, method {method}"
        name = "webp" if method == DEFAULT_METHOD else f"webp@{method}"
        return cls(name, f"WebP, method {method}", FAMILY, version, SETTINGS, 0, 1, method=method)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a quality of 0 to 100."""
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=round(setting), method=self.method)
        return stream.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Decode by Pillow."""
        return decode_pillow(data)


@dataclass(frozen=True)
class SharpWebp(Adapter):
    """WebP with sharp YUV: chroma that is chosen for the picture that comes out."""

    @classmethod
    def open(cls) -> Self:
        """The codec; raises MissingLibraryError without libvips."""
        pyvips = library("pyvips", "pyvips-binary", EXTRA)
        numbers = ".".join(str(pyvips.version(part)) for part in range(3))
        version = f"libvips {numbers}, sharp YUV, method {DEFAULT_METHOD}"
        title = f"WebP sharp YUV, method {DEFAULT_METHOD}"
        return cls("webp-sharp", title, FAMILY, version, SETTINGS, 0, 1)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a quality of 0 to 100."""
        source = vips_image(image)
        return bytes(source.webpsave_buffer(Q=round(setting), effort=DEFAULT_METHOD, smart_subsample=True, keep="none"))

    def decode(self, data: bytes) -> Image.Image:
        """Decode by Pillow."""
        return decode_pillow(data)
