"""lcomp: learned image compression as software.

    import lcomp
    data = lcomp.encode(image, quality=4)   # Pillow image -> .lic bytes
    image = lcomp.decode(data)

Functions and `Codec` are imported lazily, on first use, so that `import lcomp` stays cheap.
"""

import importlib
from typing import TYPE_CHECKING

from lcomp import errors
from lcomp.errors import (
    ChecksumError,
    FormatError,
    ImageError,
    LcompError,
    LimitError,
    ModelError,
    OutputExistsError,
    TruncatedError,
    UnsupportedError,
)
from lcomp.format.container import Header
from lcomp.options import DecodeOptions, EncodeOptions

if TYPE_CHECKING:
    from lcomp.about import info, models
    from lcomp.api import Codec, decode, encode, open, save, thumbnail

__version__ = "0.1.0"

__all__ = [
    "ChecksumError",
    "Codec",
    "DecodeOptions",
    "EncodeOptions",
    "FormatError",
    "Header",
    "ImageError",
    "LcompError",
    "LimitError",
    "ModelError",
    "OutputExistsError",
    "TruncatedError",
    "UnsupportedError",
    "__version__",
    "decode",
    "encode",
    "errors",
    "info",
    "models",
    "open",
    "save",
    "thumbnail",
]

LAZY = dict.fromkeys(("Codec", "decode", "encode", "open", "save", "thumbnail"), "lcomp.api") | dict.fromkeys(
    ("info", "models"), "lcomp.about"
)
"""Modules of the lazily imported names."""


def __getattr__(name: str) -> object:
    if name in LAZY:
        from lcomp.workers import giving_way

        with giving_way():
            return getattr(importlib.import_module(LAZY[name]), name)
    raise AttributeError(f"module 'lcomp' has no attribute '{name}'")
