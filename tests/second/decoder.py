"""A whole file: docs/FORMAT.md from its first byte to pixels."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from second.arithmetic import Array
from second.container import ALPHA, EXIF, ICC, LOW_ALPHA, LOW_BYTES, STORED, XMP, DamagedError, LicFile, parse
from second.latents import decode_latents, together
from second.lossless import decode_pixels
from second.stored import decode_picture, deepened
from second.synthesis import pixels
from second.weights import Model, load

ROOT = Path(__file__).resolve().parents[2]
"""What holds `models` and `weights`."""


@dataclass(frozen=True)
class Picture:
    """What a file holds: samples [height, width, 1 or 3] and alpha [height, width], of 8 or 16 bits, and metadata."""

    samples: Array
    alpha: Array | None
    icc_profile: bytes | None
    exif: bytes | None
    xmp: bytes | None


@cache
def installed(number: int) -> Model:
    """The model of a number."""
    return load(number, ROOT)


def model_of(file: LicFile) -> Model:
    """The model of a file; DamagedError where its tensors are not those that the file was coded with."""
    model = installed(file.model)
    if model.fingerprint != file.fingerprint or model.lossless != file.lossless:
        raise DamagedError("a file of other weights")
    return model


def colours(file: LicFile) -> NDArray[np.uint8]:
    """The samples, or their high bytes."""
    if (stored := file.sections.get(STORED)) is not None:
        return decode_picture(stored, file.height, file.width, 1 if file.grey else 3)
    model = model_of(file)
    if not file.lossless:
        return pixels(file, model, together(file, list(decode_latents(file, model))))
    picture = np.zeros((file.height, file.width, 1 if file.grey else 3), np.uint8)
    for tile, payload in zip(file.grid(), file.tiles, strict=True):
        place = slice(tile.top, tile.top + tile.height), slice(tile.left, tile.left + tile.width)
        picture[place] = decode_pixels(file, model, payload, tile)
    return picture


def decode(data: bytes) -> Picture:
    """The picture of a file; DamagedError where the page does not allow it."""
    file = parse(data)
    samples: Array = colours(file)
    alpha: Array | None = None
    if (section := file.sections.get(ALPHA)) is not None:
        alpha = decode_picture(section, file.height, file.width, 1)
    if file.sections.keys() & {LOW_BYTES, LOW_ALPHA}:
        samples = deepened(samples, file.sections.get(LOW_BYTES))
        alpha = None if alpha is None else deepened(alpha, file.sections.get(LOW_ALPHA))
    return Picture(
        samples,
        None if alpha is None else alpha[..., 0],
        file.metadata(ICC),
        file.metadata(EXIF),
        file.metadata(XMP),
    )
