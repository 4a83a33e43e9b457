"""The interface of a model family: how its models are described, and what a loaded one does.

    models/NAME.toml -- Family.read --> Description -- Family.load --> PictureCodec -- encode, decode

A family is a package in `lcomp.families` that exposes one `FAMILY`. Its trainer, where it has one, is the `TRAINER` of
the package's submodule `training`. docs/families.md builds one step by step. Needs no torch.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lcomp.options import DecodeOptions, EncodeOptions
from lcomp.types import Progress
from lcomp.zoo.description import Description

if TYPE_CHECKING:
    import torch

    from lcomp.decoding.area import Decoded
    from lcomp.format.container import Coder, LicFile
    from lcomp.format.tiles import Rectangle
    from lcomp.pictures.reading import Picture

Info = TypeVar("Info", bound=Description)


class PictureCodec(ABC):
    """A loaded model: pictures to files and back."""

    @abstractmethod
    def encode(
        self, picture: "Picture", options: EncodeOptions, coder: "Coder", progress: Progress | None = None
    ) -> "LicFile":
        """The file that the options ask for, with the picture's alpha and metadata.

        `progress` is called with the number of pixels done and in total. The options are within what the model's
        description says it can do; `coder` is for families whose streams may be coded by either.

        Raises LcompError for a rate target that cannot be met.
        """

    @abstractmethod
    def decode(
        self, file: "LicFile", area: "Rectangle", options: DecodeOptions, progress: Progress | None = None
    ) -> "Decoded":
        """The pixels of an area, from the tiles that it needs; a grey picture's are [H, W, 3] or [H, W].

        With `options.salvage`, damaged tiles are filled in and returned as lost. Of the other options, only those that
        the family knows matter. `progress` is called with the number of pixels of the area done and in total.

        Raises FormatError for impossible data and ChecksumError where it is not what the encoder wrote.
        """

    def load_all(self) -> None:  # noqa: B027
        """Load what decoding its own files takes too; by default all is loaded. Raises ModelError."""


class Family(ABC, Generic[Info]):
    """A kind of models.

    >>> from lcomp.families.registry import families
    >>> [family.tables for family in families()]
    [('architecture', 'context', 'decoder', 'light'), ('lossless',), ('upscaler',)]
    """

    tables: tuple[str, ...]
    """Names of the tables in a model's TOML of which one or more tell the family."""

    description: type[Info]
    """What its models are described by; says what they can do."""

    @abstractmethod
    def read(self, path: Path, table: dict[str, Any]) -> Info:
        """The model that a TOML describes; raises ModelError where it is malformed or incomplete."""

    @abstractmethod
    def load(self, info: Info, device: "torch.device", precision: str) -> PictureCodec:
        """A model on a device, its weights loaded once per process; `precision` is one of `lcomp.options.PRECISIONS`.

        Raises ModelError where weights are missing or not the right ones. Imports torch only here.
        """
