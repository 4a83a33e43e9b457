"""JPEG by the encoders in use: libjpeg-turbo, MozJPEG and jpegli."""

import io
from dataclasses import dataclass
from typing import Self

from PIL import Image, features

from lcomp.evaluation.codecs.adapter import Adapter, decode_pillow, library, pillow_version

FAMILY = "JPEG"
SETTINGS = (10, 20, 35, 50, 65, 80, 92)
EXTRA = "baselines"


@dataclass(frozen=True)
class Jpeg(Adapter):
    """JPEG by libjpeg-turbo, with its default Huffman tables."""

    subsampling: str = "4:2:0"

    @classmethod
    def open(cls, name: str, subsampling: str) -> Self:
        """The codec at a chroma subsampling."""
        version = pillow_version("libjpeg_turbo" if features.check("libjpeg_turbo") else "jpg", "libjpeg")
        title = f"JPEG {subsampling} (libjpeg-turbo)"
        return cls(name, title, FAMILY, version, SETTINGS, 1, 1, subsampling=subsampling)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a quality of 1 to 100."""
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=round(setting), subsampling=self.subsampling)
        return stream.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Decode by Pillow."""
        return decode_pillow(data)


@dataclass(frozen=True)
class MozJpeg(Adapter):
    """Progressive JPEG by MozJPEG, with trellis quantisation, as the wheel of libvips has it."""

    @classmethod
    def open(cls) -> Self:
        """The codec; raises MissingLibraryError without libvips."""
        pyvips = library("pyvips", "pyvips-binary", EXTRA)
        numbers = ".".join(str(pyvips.version(part)) for part in range(3))
        version = f"libvips {numbers} with MozJPEG, progressive, trellis, table 3"
        return cls("mozjpeg", "JPEG 4:2:0 (MozJPEG)", FAMILY, version, SETTINGS, 1, 1)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a quality of 1 to 100."""
        source = vips_image(image)
        return bytes(
            source.jpegsave_buffer(
                Q=round(setting),
                subsample_mode="on",
                interlace=True,
                optimize_coding=True,
                optimize_scans=True,
                trellis_quant=True,
                overshoot_deringing=True,
                quant_table=3,
                keep="none",
            )
        )

    def decode(self, data: bytes) -> Image.Image:
        """Decode by Pillow."""
        return decode_pillow(data)


@dataclass(frozen=True)
class Jpegli(Adapter):
    """JPEG by Google's jpegli."""

    @classmethod
    def open(cls) -> Self:
        """The codec; raises MissingLibraryError without its wheel."""
        version = f"pyjpegli {library('pyjpegli', 'pyjpegli', EXTRA).__version__}"
        return cls("jpegli", "JPEG 4:2:0 (jpegli)", FAMILY, version, (5, *SETTINGS), 1, 1)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a quality of 1 to 100."""
        return bytes(
            library("pyjpegli", "pyjpegli", EXTRA).encode(image.tobytes(), image.width, image.height, round(setting))
        )

    def decode(self, data: bytes) -> Image.Image:
        """Decode by Pillow."""
        return decode_pillow(data)


def vips_image(image: Image.Image):  # type: ignore[no-untyped-def]  # pyvips has no types
    """An RGB picture as libvips has it."""
    vips = library("pyvips", "pyvips-binary", EXTRA).Image
    return vips.new_from_memory(image.tobytes(), image.width, image.height, 3, "uchar").copy(interpretation="srgb")
