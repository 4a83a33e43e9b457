"""A small untrained lossless model, whose every tensor is non-trivial."""

from functools import cache

import torch
from PIL import Image
from torch import Tensor

from lcomp.encoding.stored import stored_file
from lcomp.families.lossless.description import LosslessInfo
from lcomp.families.lossless.files import LosslessFiles
from lcomp.families.lossless.loading import load_lossless
from lcomp.families.lossless.network import LosslessNetworks
from lcomp.families.lossless.prediction import COEFFICIENT_BITS, count_taps
from lcomp.families.lossless.tables import residual_tables
from lcomp.families.lossless.tensors import all_passes, exact_codec, exact_tensors
from lcomp.families.lossless.tile import LosslessCodec
from lcomp.families.registry import find_model
from lcomp.format.container import LicFile
from lcomp.options import EncodeOptions
from lcomp.pictures.reading import to_picture
from lcomp.pictures.stored import write_stored


def lossless_model() -> LosslessInfo:
    """The installed model."""
    model = find_model("lossless")
    assert isinstance(model, LosslessInfo)
    return model


def random_networks(hidden: int = 8) -> LosslessNetworks:
    """Untrained float networks."""
    torch.manual_seed(5)
    networks = LosslessNetworks(hidden)
    with torch.no_grad():
        for parameter in networks.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.3)
    return networks


@cache
def random_tensors() -> dict[str, Tensor]:
    """What its weights file holds."""
    generator = torch.Generator().manual_seed(6)
    coefficients = {}
    for step in all_passes():
        noise = torch.randn(count_taps(step.plane), generator=generator) * 2**COEFFICIENT_BITS / 16
        coefficients[step] = noise.to(torch.int16)
    return exact_tensors(random_networks(), coefficients, residual_tables())


@cache
def random_codec() -> LosslessCodec:
    """The model on the CPU."""
    return exact_codec(random_tensors(), torch.device("cpu"))


def coded_losslessly(image: Image.Image, max_error: int = 0) -> LicFile:
    """The file of a picture that the installed model codes, even where storing it takes less."""
    picture = to_picture(image)
    alpha = None if picture.alpha is None else write_stored(picture.alpha)
    model = lossless_model()
    codec = LosslessFiles(model, load_lossless(model, torch.device("cpu")))
    options = EncodeOptions(lossless=True, max_error=max_error)
    return codec.coded(stored_file(picture, alpha, strip=False), codec.tiles(picture, options), options)
