"""The places of a picture that are to be coded better because of what is found there."""

import time
from collections.abc import Sequence

from lcomp.detection.weights import check_installed
from lcomp.format.tiles import Rectangle
from lcomp.log import log
from lcomp.options import Region
from lcomp.types import Pixels, Plane


def look_for(kind: str, pixels: Pixels, alpha: Plane | None, threads: int) -> list[Rectangle]:
    """Where faces or text are; raises UnsupportedError where the extra is missing."""
    check_installed()
    # libraries that take a while to import
    if kind == "faces":
        from lcomp.detection.faces import find_faces

        return find_faces(pixels, alpha, threads)
    from lcomp.detection.text import find_text

    return find_text(pixels, alpha, threads)


def find(kinds: Sequence[str], pixels: Pixels, alpha: Plane | None, threads: int) -> tuple[Region, ...]:
    """The regions of a picture [H, W, 3] that hold what is asked for; raises UnsupportedError without the extra."""
    regions: list[Region] = []
    for kind in dict.fromkeys(kinds):
        started = time.perf_counter()
        found = look_for(kind, pixels, alpha, threads)
        places = " ".join(map(str, found))
        seconds = time.perf_counter() - started
        log.debug("  looking for %s %.3f s: %d found%s", kind, seconds, len(found), places and f", at {places}")
        regions += [Region(*place) for place in found]
    return tuple(regions)
