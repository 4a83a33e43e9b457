"""Pictures at a reduced size, made of their latents directly or averaged from pixels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcomp.decoding.area import Decoded, decode_tiles
from lcomp.format.container import Header, LicFile
from lcomp.format.tiles import Rectangle
from lcomp.model.loaded import LoadedModel
from lcomp.model.reduced import reduced_decoder
from lcomp.types import Progress


def covering(header: Header, area: Rectangle, factor: int) -> Rectangle:
    """The part of a picture that the reduced pixels of an area are averages of."""
    around = area.aligned(factor).shared(Rectangle(0, 0, header.width, header.height))
    assert around is not None, "an area lies within its picture"
    return around


def averaged(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Pixels [H, W] or [H, W, 3] averaged over squares of `factor` pixels; those at the far edges may be smaller."""
    return np.asarray(Image.fromarray(pixels).reduce(factor))


def decode_reduced(
    model: LoadedModel,
    file: LicFile,
    area: Rectangle,
    factor: int,
    salvage: bool = False,
    progress: Progress | None = None,
) -> Decoded:
    """The pixels of a picture `factor` times smaller that an area touches; raises as `decode_tiles` does.

    Of a picture that was coded at half size, one reduction has been made already.
    """
    header = file.header
    assert file.coder is not None, "a stored picture has no latents"
    left = factor // 2 if header.half else factor
    wanted = area.reduced(factor)
    coded = Rectangle(*(side * left for side in wanted)).shared(file.grid.picture)
    assert coded is not None, "an area lies within its picture"
    decoder = reduced_decoder(model.transforms, model.info.architecture, left, file.quality)
    decoded = decode_tiles(model, file.tiles, file.quality, file.grid, file.coder, coded, salvage, progress, decoder)
    return decoded.doubled() if header.half else decoded
