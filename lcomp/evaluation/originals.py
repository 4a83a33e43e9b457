"""The pictures that codecs are measured on."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lcomp.errors import FrameError, LimitError, UnsupportedError
from lcomp.evaluation.metrics.metric import Pair
from lcomp.options import MAX_PIXELS
from lcomp.pictures.hidden import without_hidden
from lcomp.pictures.reading import open_image, to_picture
from lcomp.types import Pixels, Plane

TRANSPARENT = "has transparency: compared over mid grey, alpha itself is not coded"
SCALED = "was scaled down"


class Original(NamedTuple):
    """A picture that codecs are measured on."""

    image: Image.Image  # upright RGB, without metadata; what nobody sees is filled in
    alpha: Plane | None  # how much each pixel counts; None where the picture is opaque
    notes: tuple[str, ...]  # what was done to it

    @property
    def pixels(self) -> Pixels:
        """What codecs are given."""
        return np.asarray(self.image)

    def against(self, decoded: Pixels) -> Pair:
        """Decoded pixels beside its own."""
        return Pair(decoded, self.pixels, self.alpha)


@lru_cache(maxsize=1)
def open_original(path: Path, max_side: int | None = None) -> Original:
    """Read a picture, scaled down where a side is longer than `max_side`.

    Raises OSError, ImageError, LimitError or UnsupportedError. These give no advice on options, as those of encoding
    are no options here.
    """
    try:
        picture = to_picture(open_image(path.read_bytes()))
    except FrameError as error:
        raise UnsupportedError(error.reason) from error
    except LimitError as error:
        raise LimitError(f"picture has more than {MAX_PIXELS} pixels") from error
    notes = list(picture.losses)
    if picture.alpha is not None:
        notes.append(TRANSPARENT)
    picture = without_hidden(picture)
    image, alpha = Image.fromarray(picture.pixels), picture.alpha
    if max_side and max(image.size) > max_side:
        scale = max_side / max(image.size)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
        alpha = None if alpha is None else np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.LANCZOS))
        notes.append(SCALED)
    return Original(image, alpha, tuple(notes))
