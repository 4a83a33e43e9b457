"""Training pictures: a pool of them on the training device, crops cut out of it."""

import csv
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from lcomp.errors import LcompError
from lcomp.pictures.reading import open_image, pictures_below, to_picture

VALIDATION_SIDE = 256

VALIDATION_QUALITIES = (1.0, 2.5, 4.0, 6.0, 8.0)

VALIDATION_SHARE = 33
"""Without an index.csv every 33rd picture (by name) is held out for validation."""


class Split(NamedTuple):
    """Files of a data set, pictures or shards of them."""

    train: list[Path]
    validation: list[Path]


def held_out_names(index: Path) -> set[str]:
    """Names of the files that an index holds out for validation; raises LcompError where it cannot be read."""
    try:
        with index.open(newline="", encoding="utf-8-sig") as stream:
            return {row["file"] for row in csv.DictReader(stream) if row["split"] == "val"}
    except KeyError as error:
        raise LcompError(f"{index} has no column {error}") from error
    except (ValueError, csv.Error) as error:
        raise LcompError(f"{index}: {error}") from error


def find_pictures(folder: Path) -> Split:
    """Pictures below `folder`; an `index.csv` with columns file and split decides the validation set.

    Raises LcompError where there are none or a folder cannot be read.
    """
    if not folder.is_dir():
        raise LcompError(f"{folder} is no folder")
    files = pictures_below(folder)
    index = folder / "index.csv"
    if index.is_file():
        held_out = held_out_names(index)
    else:
        held_out = {path.name for path in files[::VALIDATION_SHARE]}
    split = Split(
        [path for path in files if path.name not in held_out],
        [path for path in files if path.name in held_out],
    )
    if not split.train or not split.validation:
        raise LcompError(f"{folder}: at least two pictures are needed for training and validation")
    return split


def tensor_of(data: bytes, name: str) -> Tensor:
    """The picture in a file's bytes as uint8 [3, H, W]; raises LcompError, with its name, where it cannot be read."""
    try:
        pixels = to_picture(open_image(data)).pixels
    except LcompError as error:
        raise type(error)(f"{name}: {error}") from error
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous()


def read_tensor(path: Path) -> Tensor:
    """Picture as uint8 [3, H, W]; raises LcompError, with its name, where it cannot be read."""
    return tensor_of(path.read_bytes(), str(path))


class Pool:
    """Pictures (uint8 [3, H, W]) on a device."""

    def __init__(self, pictures: Iterable[Tensor], device: torch.device) -> None:
        self.device = device
        self.pictures = [picture.to(device) for picture in pictures]

    @classmethod
    def read(cls, files: list[Path], device: torch.device) -> Self:
        """All pictures of some files; raises LcompError, with its name, for one that cannot be read."""
        with ThreadPoolExecutor() as executor:
            return cls(executor.map(read_tensor, files), device)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of each picture."""
        return [(picture.shape[1], picture.shape[2]) for picture in self.pictures]

    def crops(self, batch: int, side: int, random: np.random.Generator) -> Tensor:
        """Random crops, uint8 [batch, 3, side, side], mirrored at random; pictures are drawn in proportion to area.

        Raises LcompError where no picture is large enough.
        """
        weights = np.array([(h * w if min(h, w) >= side else 0) for h, w in self.sizes], np.float64)
        if not weights.any():
            raise LcompError(f"no training picture is {side} pixels wide and high")
        cuts = []
        for index in random.choice(len(weights), batch, p=weights / weights.sum()):
            picture = self.pictures[index]
            top, left = (random.integers(length - side + 1) for length in picture.shape[1:])
            cut = picture[:, top : top + side, left : left + side]
            cuts.append(cut.flip(-1) if random.random() < 0.5 else cut)
        return torch.stack(cuts)


class Pools(NamedTuple):
    """Pictures of a run."""

    train: Pool
    validation: Pool


def stratified_qualities(batch: int, random: np.random.Generator) -> Tensor:
    """Stratified random qualities [batch] in [1, 8]: one in each of `batch` equal parts of the range."""
    return torch.from_numpy(1 + 7 * (np.arange(batch) + random.random(batch)) / batch).float()


def to_signal(pixels: Tensor) -> Tensor:
    """uint8 pixels to float32 in [-1, 1], channels last."""
    return (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def centres(pool: Pool, most: int, multiple: int) -> list[Tensor]:
    """Centre crops of all pictures that are large enough, uint8 [1, 3, side, side]; sides are multiples up to `most`.

    Raises LcompError where all are smaller than one `multiple`.
    """
    found = []
    for index, (height, width) in enumerate(pool.sizes):
        side = min(most, height // multiple * multiple, width // multiple * multiple)
        top, left = (height - side) // 2, (width - side) // 2
        if side:
            found.append(pool.pictures[index][None, :, top : top + side, left : left + side])
    if not found:
        raise LcompError(f"no validation picture is {multiple} pixels wide and high")
    return found


def validation_crops(pool: Pool) -> Iterator[Tensor]:
    """Centre crops of all pictures as [1, 3, H, W] in [-1, 1]; raises LcompError where all are too small."""
    return map(to_signal, centres(pool, VALIDATION_SIDE, 64))
