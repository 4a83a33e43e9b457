"""AVIF by libaom, tuned for one metric or another."""

import io
from dataclasses import dataclass
from typing import Self

from PIL import Image

from lcomp.evaluation.codecs.adapter import Adapter, decode_pillow, pillow_version

THREADS = 2
"""A fixed number: files differ by about 1 % with it, and must not depend on the machine."""

DEFAULT_TUNE, DEFAULT_SPEED = "iq", 4
"""The tuning that libavif takes for stills, and a speed that is slower and better than its 6."""


@dataclass(frozen=True)
class Avif(Adapter):
    """AVIF without chroma subsampling."""

    tune: str = DEFAULT_TUNE
    speed: int = DEFAULT_SPEED

    @classmethod
    def open(cls, tune: str, speed: int) -> Self:
        """The codec with libaom's `tune` and a speed of 0 (slow) to 10 (fast)."""
        version = f"{pillow_version('avif', 'libavif')}, {THREADS} threads, tune={tune}, speed {speed}"
        name = "avif" if tune == DEFAULT_TUNE else f"avif-{tune}"
        name += "" if speed == DEFAULT_SPEED else f"@{speed}"
        title = f"AVIF 4:4:4 tune={tune}, speed {speed}"
        return cls(name, title, "AVIF", version, (10, 25, 40, 55, 70, 85), 0, 1, tune=tune, speed=speed)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a quality of 0 to 100."""
        stream = io.BytesIO()
        options = {"subsampling": "4:4:4", "speed": self.speed, "max_threads": THREADS, "advanced": {"tune": self.tune}}
        image.save(stream, "AVIF", quality=round(setting), **options)
        return stream.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Decode by Pillow (dav1d)."""
        return decode_pillow(data)
