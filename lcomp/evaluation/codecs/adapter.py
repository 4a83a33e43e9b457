"""What the evaluation asks of a codec."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import PIL
from PIL import Image, features

from lcomp.errors import LcompError
from lcomp.pictures.reading import open_image

Decode = Callable[[bytes], Image.Image]


class MissingLibraryError(LcompError):
    """A codec's library is not installed or was built without the codec."""


@dataclass(frozen=True)
class View:
    """Another way to decode the same file, for the report."""

    title: str
    decode: Decode


@dataclass(frozen=True)
class Adapter(ABC):
    """A codec as the evaluation sees it: RGB pictures to the bytes of a file and back."""

    name: str  # what `--codecs` takes
    title: str  # names tuning and speed, where the library has such
    family: str  # codecs of a family differ in tuning and speed alone
    version: str  # of the library; for lcomp of code, weights, device and precision
    settings: tuple[float, ...]  # measured ones, from small files to large ones
    smallest: float  # setting of the smallest file
    step: float  # resolution of a search for the setting
    scale: str = "quality"  # what the setting is called
    learned: bool = False
    lossless: bool = False  # has one setting that means nothing

    @abstractmethod
    def encode(self, image: Image.Image, setting: float) -> bytes:
        """The file of an RGB picture, without metadata; whatever it raises concerns this picture alone."""

    @abstractmethod
    def decode(self, data: bytes) -> Image.Image:
        """The picture of a file."""

    @property
    def views(self) -> tuple[View, ...]:
        """Other ways to decode the same file."""
        return ()


def library(module: str, package: str, extra: str = "eval") -> ModuleType:
    """An optional library; raises MissingLibraryError where it is not installed."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a shared library that it needs is missing
        raise MissingLibraryError(f"{package} is not installed: pip install 'lcomp[{extra}]'") from error


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
