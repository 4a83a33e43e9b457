"""What is to be shown, read and checked. Needs no torch."""

from dataclasses import dataclass

from lcomp.errors import LcompError
from lcomp.format.container import LicFile
from lcomp.pictures.reading import Picture


@dataclass(frozen=True, eq=False)
class OriginalPicture:
    """What a file was made from."""

    name: str
    size: int  # bytes
    picture: Picture


@dataclass(frozen=True, eq=False)
class OpenedFile:
    """A `.lic` file whose checksums are verified; raises LcompError for an original of another size."""

    name: str
    data: bytes
    file: LicFile
    original: OriginalPicture | None = None

    def __post_init__(self) -> None:
        header = self.file.header
        if self.original is not None:
            height, width = self.original.picture.pixels.shape[:2]
            if (width, height) != (header.width, header.height):
                raise LcompError(
                    f"{self.original.name} is not the original of {self.name}: {width}x{height} pixels, not "
                    f"{header.width}x{header.height}"
                )
