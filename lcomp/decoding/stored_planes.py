"""What is stored beside the pixels of a file: the alpha plane, and the low bytes of 16-bit samples."""

import numpy as np
from numpy.typing import NDArray

from lcomp.decoding.area import Decoded
from lcomp.errors import FormatError
from lcomp.format.container import LicFile
from lcomp.format.sections import Tag
from lcomp.format.tiles import Rectangle
from lcomp.pictures.planes import joined, read_low
from lcomp.pictures.stored import read_alpha
from lcomp.types import Plane, Samples16

NAMES = {Tag.LOW: "low plane", Tag.LOW_ALPHA: "low alpha plane"}


class StoredPlanes:
    """Reads these planes for an area of a picture; with `salvage`, damaged ones are named in `lost` instead."""

    def __init__(self, file: LicFile, area: Rectangle, salvage: bool) -> None:
        self.file, self.area, self.salvage = file, area, salvage
        self.size = file.header.width, file.header.height
        self.place = area.within(Rectangle(0, 0, *self.size))
        self.lost: list[str] = []

    def alpha(self) -> Plane | None:
        """The alpha plane [H, W], if there is one; raises FormatError."""
        if self.file.alpha is None:
            return None
        try:
            return read_alpha(self.file.alpha, *self.size)[self.place]
        except FormatError:
            if not self.salvage:
                raise
            self.lost.append(Tag.ALPHA.name)
            return None

    def low(self, tag: Tag, payload: bytes | None, high: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The low bytes of a section, those below `high`; where they are lost, these are repeated."""
        if payload is None:
            return high
        try:
            return read_low(payload, high, self.size, self.place, NAMES[tag])
        except FormatError:
            if not self.salvage:
                raise
            self.lost.append(tag.name)
            return high

    def samples(self, decoded: Decoded, alpha: Plane | None) -> Samples16:
        """The samples of a picture, of whose pixels and alpha plane the high bytes are given; raises FormatError."""
        low = self.low(Tag.LOW, self.file.low, decoded.pixels).copy()
        for tile in decoded.lost:
            lost = tile.shared(self.area)
            assert lost is not None, "only tiles of the area are decoded"
            low[lost.within(self.area)] = decoded.pixels[lost.within(self.area)]
        samples = joined(decoded.pixels, low)
        if alpha is None:
            return samples
        veil = joined(alpha, self.low(Tag.LOW_ALPHA, self.file.low_alpha, alpha))
        return np.concatenate([np.atleast_3d(samples), veil[..., None]], 2)
