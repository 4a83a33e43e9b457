"""lcomp: learned image compression as software.

    import lcomp
    data = lcomp.encode(image, quality=4)   # Pillow image -> .lic bytes
    image = lcomp.decode(data)

Pillow then opens and saves `.lic` files like any others (`lcomp.pillow_plugin`).

Functions and `Codec` are imported lazily, on first use, so that `import lcomp` stays cheap.
"""

import importlib
from typing import TYPE_CHECKING

from lcomp import errors, pillow_plugin
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
from lcomp.options import DecodeOptions, EncodeOptions, Region

if TYPE_CHECKING:
    from lcomp.about import info, models
    from lcomp.api import Codec
    from lcomp.functions import decode, encode, open, save, thumbnail
    from lcomp.many import decode_many, encode_many

__version__ = "1.0.0"

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
    "Region",
    "TruncatedError",
    "UnsupportedError",
    "__version__",
    "decode",
    "decode_many",
    "encode",
    "encode_many",
    "errors",
    "info",
    "models",
    "open",
    "save",
    "thumbnail",
]

LAZY = {
    "Codec": "lcomp.api",
    **dict.fromkeys(("decode", "encode", "open", "save", "thumbnail"), "lcomp.functions"),
    **dict.fromkeys(("decode_many", "encode_many"), "lcomp.many"),
    **dict.fromkeys(("info", "models"), "lcomp.about"),
}
"""Modules of the lazily imported names."""

pillow_plugin.register()


def __getattr__(name: str) -> object:
    if name in LAZY:
        from lcomp.workers import giving_way

        with giving_way():
            return getattr(importlib.import_module(LAZY[name]), name)
    raise AttributeError(f"module 'lcomp' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
