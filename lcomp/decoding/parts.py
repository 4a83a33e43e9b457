"""The parts of a picture that a crop consists of, two across the meridian of a panorama, and what is lost of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lcomp.decoding.area import Decoded
from lcomp.errors import LcompError
from lcomp.format.container import AROUND, LicFile
from lcomp.format.tiles import Grid, Rectangle
from lcomp.log import log
from lcomp.pictures.panorama import WHOLE, Panorama, panorama_in
from lcomp.types import Plane, Progress, Samples16


class DecodedPart(NamedTuple):
    """Pixels of a part of a picture, with what is stored beside them."""

    decoded: Decoded
    alpha: Plane | None
    samples: Samples16 | None  # where these have 16 bits
    lost: tuple[str, ...]  # names of the sections that are damaged

    def beside(self, left: "DecodedPart") -> "DecodedPart":
        """With another part on the left."""
        ours, theirs = self.decoded, left.decoded
        decoded = Decoded(
            np.concatenate([theirs.pixels, ours.pixels], 1),
            tuple(dict.fromkeys((*theirs.lost, *ours.lost))),
            tuple(dict.fromkeys((*theirs.cut, *ours.cut))),
        )
        alpha = None if self.alpha is None or left.alpha is None else np.concatenate([left.alpha, self.alpha], 1)
        both = self.samples is not None and left.samples is not None
        samples = np.concatenate([left.samples, self.samples], 1) if both else None
        return DecodedPart(decoded, alpha, samples, self.lost)


def panorama_of_file(file: LicFile) -> Panorama | None:
    """The equirectangular panorama that a file is of by its XMP, or its projection; None for other pictures."""
    return panorama_in(file.xmp) or (WHOLE if file.projection == AROUND else None)


def parts_of(file: LicFile, area: Rectangle) -> list[Rectangle]:
    """The parts of a picture that show an area, from left to right.

    Raises LcompError where it is not within the picture, unless that is a panorama and only its right edge is crossed.
    """
    grid = Grid(file.header.width, file.header.height)
    if area.shared(grid.picture) == area:
        return [area]
    turned, shown = area.shared(grid.picture._replace(width=2 * grid.width)), panorama_of_file(file)
    around = shown is not None and (shown.around or file.projection == AROUND)
    if turned != area or area.x >= grid.width or area.width > grid.width or not around:
        raise LcompError(f"crop {area} is not within the picture of {grid.width}x{grid.height} pixels")
    return [part for part, _ in grid.parts(area)]


def progress_of(progress: Progress | None, parts: Sequence[Rectangle], number: int) -> Progress | None:
    """The progress of one of the parts, as that of all of them."""
    if progress is None or len(parts) == 1:
        return progress
    told, sizes = progress, [part.width * part.height for part in parts]
    before, size = sum(sizes[:number]), sizes[number]
    return lambda done, total: told(before + done * size // total, sum(sizes))


def report_losses(sections: tuple[str, ...], decoded: Decoded, grid: Grid, salvage: bool) -> None:
    """Log the sections and the tiles that are lost or shown in part, in one line each.

    What `salvage` could not recover is an error; what has not arrived yet is none.
    """
    say, reason = (log.error, "damaged") if salvage else (log.warning, "missing")
    if sections:
        say("damaged and left out: %s", ", ".join(sections))
    if decoded.lost:
        places = " ".join(map(str, decoded.lost))
        say("%d of %d tiles %s and filled in, at x,y,width,height: %s", len(decoded.lost), grid.count, reason, places)
    for tile in decoded.cut:
        place = f"one of {grid.count} tiles, at x,y,width,height: {tile}," if grid.count > 1 else "the picture"
        say("%s is cut off and shown as far as it goes", place)
