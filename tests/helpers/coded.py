"""Files that are coded by a model whatever they take: the encoder itself stores pictures where that is smaller."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

import lcomp
from lcomp.families.hyperprior.codec import HyperpriorCodec
from lcomp.format.container import LicFile
from lcomp.options import EncodeOptions, Region
from lcomp.pictures.panorama import Panorama
from lcomp.pictures.reading import to_picture

EQUATOR = Panorama(0.01, -0.01, around=True)
"""A strip along the equator, whose rows all weigh the same."""


def coded(
    image: Image.Image,
    quality: float = 4.0,
    model: str = "hyperprior",
    coder: str = "constriction",
    effort: int = 1,
    roi: Sequence[Region] = (),
    wraps: bool = False,
) -> LicFile:
    """The file of a picture on the CPU."""
    codec, options = lcomp.Codec(model, "cpu", coder), EncodeOptions(quality, effort, roi=roi)
    picture = replace(to_picture(image), panorama=EQUATOR if wraps else None)
    encoder = HyperpriorCodec(codec.model, codec.device, codec.precision).encoder(picture, options, codec.coder)
    return encoder.at(round(1000 * quality))
