"""lcomp: learned image compression as software.

    import lcomp
    data = lcomp.encode(image, quality=4)   # Pillow image -> .lic bytes
    image = lcomp.decode(data)

Names are loaded on first use, so that importing the package stays cheap.
"""

import importlib
from typing import TYPE_CHECKING

from lcomp.errors import (
    ChecksumError,
    FormatError,
    ImageError,
    LcompError,
    LimitError,
    ModelError,
    TruncatedError,
    UnsupportedError,
)
from lcomp.format.container import Header

if TYPE_CHECKING:
    from lcomp.api import Codec, decode, encode, info

__version__ = "0.1.0"

__all__ = [
    "ChecksumError",
    "Codec",
    "FormatError",
    "Header",
    "ImageError",
    "LcompError",
    "LimitError",
    "ModelError",
    "TruncatedError",
    "UnsupportedError",
    "__version__",
    "decode",
    "encode",
    "info",
]


def __getattr__(name: str) -> object:
    if name in ("Codec", "decode", "encode", "info"):
        return getattr(importlib.import_module("lcomp.api"), name)
    raise AttributeError(f"module 'lcomp' has no attribute '{name}'")
