"""lcomp's own models."""

import zlib
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Self

from PIL import Image

from lcomp import DecodeOptions, EncodeOptions, __version__
from lcomp.api import Codec
from lcomp.evaluation.codecs.adapter import Adapter, View
from lcomp.families.registry import load
from lcomp.model.devices import memory_errors
from lcomp.model.precision import prefers_bf16
from lcomp.options import LOSSLESS

REALISMS = (0.7, 0.4)
"""Realisms that the report shows besides 1; at 0 it is the picture of the mse decoder."""


@cache
def code_mark() -> str:
    """CRC-32 of the codec's source files, part of its version: another encoder may choose other symbols."""
    package = Path(__file__).parents[2]
    apart = {"cli", "cluster", "evaluation", "ray", "training", "viewer"}
    files = [
        path for path in package.rglob("*.py") if apart.isdisjoint(path.relative_to(package).with_suffix("").parts)
    ]
    return f"{zlib.crc32(b''.join(path.read_bytes() for path in sorted(files))):08x}"


def counted(threads: int | None) -> str:
    """What a version says of threads: times of another number of them are not the same measurement."""
    return f", {threads} threads" if threads else ""


@dataclass(frozen=True)
class LcompModel(Adapter):
    """One of lcomp's lossy models, at the default effort."""

    codec: Codec = field(kw_only=True, repr=False, compare=False)

    @classmethod
    def open(cls, name: str, qualities: tuple[float, ...], device: str, threads: int | None = None) -> Self:
        """A model, loaded; raises ModelError where it is unknown or its weights are unusable."""
        codec = Codec(name, device, threads=threads)
        with memory_errors("the model"):
            load(codec.model, codec.device, codec.precision).load_all()
        # the fingerprint covers the bitstream only: the digests cover every weight
        digests = " ".join(model.sha256[:8] for model in codec.model.lineage)
        runs_on = f"{codec.device} {'bf16' if prefers_bf16(codec.device) else 'fp32'}{counted(threads)}"
        version = f"lcomp {__version__}, code {code_mark()}, weights {digests}, {runs_on}"
        return cls(name, f"lcomp {name}", "lcomp", version, qualities, 1, 0.01, "-q", True, codec=codec)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a quality of 0 to 8."""
        return self.codec.encode(image, EncodeOptions(setting))

    def decode(self, data: bytes) -> Image.Image:
        """Decode with the decoder that the file was made for."""
        return self.codec.decode(data)

    @property
    def views(self) -> tuple[View, ...]:
        """The file at less realism, for a model that invents texture."""
        return tuple(
            View(f"{self.title}, realism {each:g}", partial(self.codec.decode, options=DecodeOptions(realism=each)))
            for each in (REALISMS if self.codec.model.inventive else ())
        )


@dataclass(frozen=True)
class LcompLossless(Adapter):
    """lcomp's lossless model."""

    codec: Codec = field(kw_only=True, repr=False, compare=False)

    @classmethod
    def open(cls, device: str, threads: int | None = None) -> Self:
        """The model; raises ModelError where its weights are unusable."""
        codec = Codec(LOSSLESS, device, threads=threads)
        version = f"lcomp {__version__}, code {code_mark()}, {codec.device}{counted(threads)}"
        title = "lcomp --lossless"
        return cls("lcomp-lossless", title, "lcomp", version, (0,), 0, 1, "", True, True, codec=codec)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode every pixel exactly; the setting means nothing."""
        return self.codec.encode(image)

    def decode(self, data: bytes) -> Image.Image:
        """Decode."""
        return self.codec.decode(data)
