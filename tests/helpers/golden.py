"""What golden files are compared by."""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

from lcomp.encoding.distortion import psnr
from lcomp.format.container import LicFile
from lcomp.format.qualities import of_tile
from lcomp.model.loaded import LoadedModel
from lcomp.model.tile_codec import Latents
from lcomp.zoo.registry import model_by_name

METADATA = ("icc_profile", "exif", "xmp")


def latents(file: LicFile, codec: LoadedModel) -> Iterator[Latents]:
    """The exact latents of a file's tiles."""
    for number, encoded in enumerate(file.tiles):
        assert encoded is not None
        assert file.coder is not None
        tile = file.grid.rectangle(number)
        quality = of_tile(file.quality, tile)
        yield codec.tile.decode(encoded, quality, tile.height, tile.width, file.coder, number)


def latents_sha256(file: LicFile, model: str, device: str = "cpu") -> str:
    """SHA-256 of the exact latents of a file's tiles."""
    digest = hashlib.sha256()
    for tile in latents(file, LoadedModel(model_by_name(model).coding, torch.device(device))):
        digest.update(tile.y_hat().cpu().numpy().tobytes())
    return digest.hexdigest()


def colours_psnr(decoded: Image.Image, original: Image.Image) -> float:
    """PSNR in dB of the colours, whatever the alpha."""
    kind = "L" if original.mode == "L" else "RGB"
    return psnr(np.asarray(decoded.convert(kind)), np.asarray(original.convert(kind)))
