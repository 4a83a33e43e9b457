"""Every codec that is measured, behind one interface: lcomp's models and the libraries a user would pick instead."""

import importlib
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from types import ModuleType

import numpy as np
import PIL
from PIL import Image, features

from lcomp import DecodeOptions, EncodeOptions, __version__
from lcomp.errors import LcompError
from lcomp.pictures.reading import open_image

Encode = Callable[[Image.Image, float], bytes]
Decode = Callable[[bytes], Image.Image]

QUALITIES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
"""Qualities of lcomp's models that are measured by default."""


REALISMS = (0.7, 0.4)
"""Realisms that the report shows besides 1; at 0 it is the picture of the mse decoder."""


class MissingLibraryError(LcompError):
    """A codec's library is not installed or was built without the codec."""


@dataclass(frozen=True)
class View:
    """Another way to decode the same file, for the report."""

    title: str
    decode: Decode


@dataclass(frozen=True)
class Adapter:
    """A codec as the evaluation sees it: RGB pictures to the bytes of a file and back."""

    name: str
    title: str
    version: str  # of the library; for lcomp of code, weights, device and precision
    settings: tuple[float, ...]  # measured ones, from small files to large ones
    smallest: float  # setting of the smallest file
    step: float  # resolution of a search for the setting
    encode: Encode
    decode: Decode
    learned: bool = False
    views: tuple[View, ...] = ()


def library(module: str, package: str) -> ModuleType:
    """An optional library; raises MissingLibraryError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(f"{package} is not installed: pip install 'lcomp[eval]'") from error


def pillow_version(feature: str, name: str) -> str:
    """Versions of Pillow and of the library it wraps; raises MissingLibraryError where it was built without that."""
    if not features.check(feature):
        raise MissingLibraryError(f"this build of Pillow has no {name}")
    return f"Pillow {PIL.__version__}, {name} {features.version(feature)}"


def decode_pillow(data: bytes) -> Image.Image:
    """Decode any file Pillow reads."""
    image = open_image(data)
    image.load()
    return image


def jpeg(name: str, subsampling: str) -> Adapter:
    """JPEG with Pillow's default Huffman tables."""

    def encode(image: Image.Image, setting: float) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=round(setting), subsampling=subsampling)
        return stream.getvalue()

    version = pillow_version("libjpeg_turbo" if features.check("libjpeg_turbo") else "jpg", "libjpeg")
    settings = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
    return Adapter(name, f"JPEG {subsampling}", version, settings, 1, 1, encode, decode_pillow)


def webp() -> Adapter:
    """Lossy WebP, slowest method."""

    def encode(image: Image.Image, setting: float) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=round(setting), method=6)
        return stream.getvalue()

    version = pillow_version("webp", "libwebp")
    return Adapter("webp", "WebP", version, (0, 10, 25, 40, 55, 70, 80, 90, 95), 0, 1, encode, decode_pillow)


def avif(name: str = "avif", tune: str = "iq", speed: int = 4) -> Adapter:
    """AVIF without chroma subsampling, two threads; libavif's default is tune=iq."""

    def encode(image: Image.Image, setting: float) -> bytes:
        stream = io.BytesIO()
        # a fixed number of threads: files differ by about 1 % with it, and must not depend on the machine
        options = {"subsampling": "4:4:4", "speed": speed, "max_threads": 2, "advanced": {"tune": tune}}
        image.save(stream, "AVIF", quality=round(setting), **options)
        return stream.getvalue()

    version = f"{pillow_version('avif', 'libavif')}, 2 threads, tune={tune}, speed {speed}"
    title = "AVIF 4:4:4" if name == "avif" else f"AVIF 4:4:4 tune={tune}, speed {speed}"
    return Adapter(name, title, version, (10, 20, 30, 40, 50, 60, 70, 80, 90), 0, 1, encode, decode_pillow)


def jpeg2000() -> Adapter:
    """JPEG 2000 with the 9/7 wavelet and the colour transform; the setting is the compression ratio."""

    def encode(image: Image.Image, setting: float) -> bytes:
        stream = io.BytesIO()
        # Pillow leaves the colour transform out unless asked for it
        image.save(stream, "JPEG2000", irreversible=True, mct=1, quality_mode="rates", quality_layers=[setting])
        return stream.getvalue()

    version = pillow_version("jpg_2000", "OpenJPEG")
    settings = (240, 160, 96, 60, 40, 26, 18, 12, 8)
    return Adapter("jpeg2000", "JPEG 2000", version, settings, 2000, 0.25, encode, decode_pillow)


def jxl() -> Adapter:
    """JPEG XL, effort 7; the setting is the Butteraugli distance."""
    imagecodecs = library("imagecodecs", "imagecodecs")
    if not imagecodecs.JPEGXL.available:
        raise MissingLibraryError("this build of imagecodecs has no JPEG XL")

    def encode(image: Image.Image, setting: float) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(np.asarray(image), distance=setting, effort=7))

    def decode(data: bytes) -> Image.Image:
        return Image.fromarray(imagecodecs.jpegxl_decode(data))

    version = f"imagecodecs {imagecodecs.__version__}, {imagecodecs.jpegxl_version()}"
    settings = (15, 10, 7, 5, 3.5, 2.5, 1.8, 1.2, 0.8, 0.5)
    return Adapter("jxl", "JPEG XL", version, settings, 25, 0.05, encode, decode)


def heic() -> Adapter:
    """HEIC (HEVC intra, x265) without chroma subsampling."""
    pillow_heif = library("pillow_heif", "pillow-heif")
    encoder = pillow_heif.libheif_info()["HEIF"]
    if not encoder:
        raise MissingLibraryError("this build of pillow-heif cannot encode")

    def encode(image: Image.Image, setting: float) -> bytes:
        stream = io.BytesIO()
        pillow_heif.from_pillow(image).save(stream, quality=round(setting), chroma=444)
        return stream.getvalue()

    def decode(data: bytes) -> Image.Image:
        return pillow_heif.open_heif(data).to_pillow()

    version = f"pillow-heif {pillow_heif.__version__}, {encoder}"
    return Adapter("heic", "HEIC 4:4:4", version, (8, 16, 24, 32, 40, 48, 56, 64), 0, 1, encode, decode)


@cache
def code_mark() -> str:
    """CRC-32 of the codec's source files, part of its version: another encoder may choose other symbols."""
    package = Path(__file__).parent.parent
    apart = {"cli", "evaluation", "training"}
    files = [
        path for path in package.rglob("*.py") if apart.isdisjoint(path.relative_to(package).with_suffix("").parts)
    ]
    return f"{zlib.crc32(b''.join(path.read_bytes() for path in sorted(files))):08x}"


def lcomp_model(name: str, qualities: tuple[float, ...], device: str) -> Adapter:
    """One of lcomp's own models, loaded; raises ModelError where it is unknown or its weights are unusable."""
    from lcomp.api import Codec
    from lcomp.families.registry import load
    from lcomp.model.devices import memory_errors
    from lcomp.model.precision import prefers_bf16

    codec = Codec(name, device)
    with memory_errors("the model"):
        load(codec.model, codec.device, codec.precision).load_all()
    # the fingerprint covers the bitstream only: the digests cover every weight
    digests = " ".join(model.sha256[:8] for model in codec.model.lineage)
    precision = "bf16" if prefers_bf16(codec.device) else "fp32"
    version = f"lcomp {__version__}, code {code_mark()}, weights {digests}, {codec.device} {precision}"
    views = tuple(
        View(f"lcomp {name}, realism {realism:g}", partial(codec.decode, options=DecodeOptions(realism=realism)))
        for realism in (REALISMS if codec.model.inventive else ())
    )

    def encode(image: Image.Image, quality: float) -> bytes:
        return codec.encode(image, EncodeOptions(quality))

    return Adapter(name, f"lcomp {name}", version, qualities, 1, 0.01, encode, codec.decode, True, views)


BASELINES: dict[str, Callable[[], Adapter]] = {
    "jpeg": lambda: jpeg("jpeg", "4:2:0"),
    "jpeg444": lambda: jpeg("jpeg444", "4:4:4"),
    "webp": webp,
    "avif": avif,
    "avif-psnr": lambda: avif("avif-psnr", "psnr"),
    "avif-ssimulacra2": lambda: avif("avif-ssimulacra2", "ssimulacra2", 2),
    "jpeg2000": jpeg2000,
    "jxl": jxl,
    "heic": heic,
}
"""The codecs to compare with, by the names `--codecs` takes."""

USUAL = tuple(name for name in BASELINES if not name.startswith("avif-"))
"""Those measured by default: AVIF with its default tuning only; tuned for one metric, it is the slowest of all."""


@lru_cache
def open_adapter(name: str, qualities: tuple[float, ...], device: str) -> Adapter:
    """The baseline or model called `name`; raises MissingLibraryError or ModelError."""
    return BASELINES[name]() if name in BASELINES else lcomp_model(name, qualities, device)
