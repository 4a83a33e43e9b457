"""Training pictures in shards: tar files, as WebDataset and others write them, of which a part is held in memory."""

import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from queue import Empty, Queue
from threading import Thread

import numpy as np
import torch
from torch import Tensor

from lcomp.errors import LcompError
from lcomp.files import MAC_ATTRIBUTES, walk
from lcomp.log import log
from lcomp.pictures.reading import PICTURE_SUFFIXES
from lcomp.training.data import Pool, Split, tensor_of

SHARD_SUFFIXES = frozenset({".tar"})

HELD_OUT = "val"
"""How the names of shards begin that are held out for validation; without any it is the first by name."""

MOST_VALIDATED = 64
"""Pictures of the validation shards that are used."""

MEMORY = 4 * 10**9
"""Bytes of pictures that are held at once by default."""

AHEAD = 32
"""Pictures that are read before they are asked for."""


def find_shards(folder: Path) -> Split | None:
    """The shards below a folder, None where it has none; raises LcompError for a single one."""
    found = walk(folder, SHARD_SUFFIXES)
    for error in found.errors:
        raise LcompError(f"{error.filename}: {error.strerror}") from error
    if not found.files:
        return None
    held_out = [path for path in found.files if path.name.startswith(HELD_OUT)] or found.files[:1]
    train = [path for path in found.files if path not in held_out]
    if not train:
        raise LcompError(f"{folder}: at least two shards are needed for training and validation")
    return Split(train, held_out)


def is_picture(name: str) -> bool:
    """Whether the name of a file in a shard is that of a picture."""
    path = PurePosixPath(name)
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(MAC_ATTRIBUTES)


def pictures_in(shard: Path) -> Iterator[Tensor]:
    """Pictures (uint8 [3, H, W]) of a shard; damaged ones are named and left out.

    Raises LcompError where the shard cannot be read.
    """
    try:
        with tarfile.open(shard, "r|*") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() and is_picture(member.name) else None
                if stream is None:
                    continue
                try:
                    yield tensor_of(stream.read(), f"{shard}: {member.name}")
                except LcompError as error:
                    log.warning("%s: left out", error)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise LcompError(f"{shard}: {error}") from error


def pictures_of(shards: list[Path]) -> Iterator[Tensor]:
    """Pictures of several shards in a row."""
    for shard in shards:
        yield from pictures_in(shard)


class StreamedPool(Pool):
    """Pictures of shards, of which so many bytes are held at once, or all where they fit.

    With every crop that is drawn, the picture held longest gives way to the next one of the stream, which goes through
    the shards again and again, each time in another order. A thread reads it.

    Raises LcompError where a shard cannot be read or none has a picture.
    """

    def __init__(self, shards: list[Path], device: torch.device, most: int, random: np.random.Generator) -> None:
        super().__init__([], device)
        self.shards, self.most, self.random, self.held = shards, most, random, 0
        stream = pictures_of(self.shuffled())
        while self.held < most and (picture := next(stream, None)) is not None:
            self.hold(picture)
        if not self.pictures:
            raise LcompError(f"{shards[0]}: there is no picture in the shards")
        self.following: Queue[Tensor | LcompError] = Queue(AHEAD)
        if self.held >= most:
            Thread(target=self.read_on, args=(stream,), daemon=True).start()

    def shuffled(self) -> list[Path]:
        """The shards in random order."""
        return [self.shards[index] for index in self.random.permutation(len(self.shards))]

    def read_on(self, stream: Iterator[Tensor]) -> None:
        """Read pictures for ever; an error is told to the thread that asks for pictures."""
        try:
            while True:
                for picture in stream:
                    self.following.put(picture)
                stream = pictures_of(self.shuffled())
        except LcompError as error:
            self.following.put(error)

    def hold(self, picture: Tensor) -> None:
        """Add a picture, and let go of the oldest ones where there is no room."""
        self.pictures.append(picture.to(self.device))
        self.held += picture.numel()
        while self.held > self.most and len(self.pictures) > 1:
            self.held -= self.pictures.pop(0).numel()

    def crops(self, batch: int, side: int, random: np.random.Generator) -> Tensor:
        """See `Pool.crops`."""
        for _ in range(batch):
            try:
                found = self.following.get_nowait()
            except Empty:
                break
            if isinstance(found, LcompError):
                raise found
            self.hold(found)
        return super().crops(batch, side, random)


def validation_pool(shards: list[Path], device: torch.device) -> Pool:
    """The pictures for validation; raises LcompError where a shard cannot be read."""
    return Pool(islice(pictures_of(shards), MOST_VALIDATED), device)
