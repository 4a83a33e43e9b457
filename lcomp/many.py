"""`encode_many` and `decode_many`: many pictures, in this process or in several."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lcomp.api import Codec
from lcomp.errors import LcompError
from lcomp.exchange import DecodedPicture, Output, PictureSource, as_output, check_output
from lcomp.files import Source, read_source
from lcomp.options import AUTO, DecodeOptions, EncodeOptions
from lcomp.pictures.reading import Picture
from lcomp.types import Progress, Samples16
from lcomp.workers import side_by_side

Made = TypeVar("Made")

Portable = bytes | str | Picture | NDArray[np.generic]
"""What is sent to another process."""


DIED = "out of memory, or in a script whose code does not stand under `if __name__ == '__main__':`"


class Numbered(NamedTuple):
    """A picture or file, or why it cannot be read, and its place among the others."""

    place: int
    given: object


@dataclass(frozen=True)
class Result(Generic[Made]):
    """What became of one of many."""

    made: Made | None
    error: Exception | None = None


@dataclass(frozen=True)
class CodecSetting:
    """The arguments of a `Codec`, which itself stays in its process."""

    model: str | None
    device: str
    threads: int | None

    def codec(self) -> Codec:
        """The codec; its models are loaded once per process."""
        return Codec(self.model, self.device, precision=AUTO, threads=self.threads)


def portable(given: Source) -> bytes | str:
    """A file that can be sent to another process, which reads what has a path itself."""
    return os.fspath(given) if isinstance(given, str | os.PathLike) else read_source(given)


@dataclass(frozen=True)
class EncodeOne:
    """Encodes one picture; picklable."""

    setting: CodecSetting
    options: EncodeOptions

    def __call__(self, given: PictureSource | Picture) -> bytes:
        """The `.lic` file of a picture."""
        codec = self.setting.codec()
        if isinstance(given, Picture):
            return codec.encode_picture(given, self.options).data
        return codec.encode(given, self.options)

    def portable(self, given: PictureSource) -> Portable:
        """A picture that can be sent to another process: images are read here, where their files are open."""
        if isinstance(given, Image.Image | Tensor):
            return self.setting.codec().read(given, self.options)
        return given if isinstance(given, np.ndarray) else portable(given)


@dataclass(frozen=True)
class DecodeOne:
    """Decodes one file; picklable."""

    setting: CodecSetting
    options: DecodeOptions
    as_array: bool  # which may hold samples that no Pillow image does

    def __call__(self, given: Source) -> Image.Image | NDArray[np.uint8] | Samples16:
        """The picture of a `.lic` file."""
        codec = self.setting.codec()
        return codec.decode_array(given, self.options) if self.as_array else codec.decode(given, self.options)

    def portable(self, given: Source) -> Portable:
        """A file that can be sent to another process."""
        return portable(given)


@dataclass(frozen=True)
class Attempted(Generic[Made]):
    """Does one of many and returns its error, instead of raising it in another process."""

    work: Callable[..., Made]

    def __call__(self, item: Numbered) -> Result[Made]:
        """The outcome."""
        if isinstance(item.given, Exception):
            return Result(None, item.given)
        try:
            return Result(self.work(item.given))
        except Exception as error:
            return Result(None, error)


def made_of(outcome: Result[Made] | None, place: int) -> Made:
    """What was made of the picture at a place; raises its error, with the place as a note."""
    if outcome is None:
        raise LcompError(f"the process of picture {place} died: {DIED}")
    if outcome.error is not None:
        outcome.error.add_note(f"picture {place}, counted from 0")
        raise outcome.error
    assert outcome.made is not None
    return outcome.made


def in_a_row(work: Callable[..., Made], given: Iterable[object]) -> Iterator[Made]:
    """Map `work` over what is given in this process; raises the first error."""
    for place, one in enumerate(given):
        yield made_of(Attempted(work)(Numbered(place, one)), place)


def spread(
    work: Callable[..., Made], portable: Callable[..., Portable], given: Iterable[object], workers: int
) -> Iterator[Made]:
    """Map `work` over what is given, in order, in `workers` processes; raises the first error met on the way."""
    read = map(Attempted(portable), itertools.starmap(Numbered, enumerate(given)))
    # one that cannot be read is an error at its place too, after the results of those before it
    items = (Numbered(place, one.error or one.made) for place, one in enumerate(read))
    waiting: dict[int, Result[Made] | None] = {}
    results = side_by_side(Attempted(work), items, workers)
    following = 0
    try:
        for done in results:
            waiting[done.item.place] = done.result
            while following in waiting:
                yield made_of(waiting.pop(following), following)
                following += 1
    finally:
        results.close()


def mapped(
    work: Callable[..., Made],
    portable: Callable[..., Portable],
    given: Iterable[object],
    workers: int,
    progress: Progress | None,
) -> Iterator[Made]:
    """Map `work` over what is given, in order; `progress` is told how many of how many are done."""
    total = len(given) if isinstance(given, Sized) else 0
    made = in_a_row(work, given) if workers == 1 else spread(work, portable, given, workers)
    for count, one in enumerate(made, 1):
        if progress:
            progress(count, total)
        yield one


def check_many(given: object, workers: int) -> None:
    """Raise TypeError for a single picture or file, LcompError for a number of workers that is none."""
    if isinstance(given, str | bytes | bytearray | memoryview | os.PathLike | Image.Image) or hasattr(given, "read"):
        raise TypeError(f"several pictures are needed, as in a list, not one {type(given).__name__}")
    if workers < 1:
        raise LcompError(f"workers {workers} is out of range: use 1 or more")


def encode_many(
    pictures: Iterable[PictureSource],
    options: EncodeOptions = EncodeOptions(),
    *,
    model: str | None = None,
    device: str = "auto",
    workers: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[bytes]:
    r"""Encode pictures, or a batch [B, 3, H, W], one after the other as they are asked for: `.lic` files, in order.

    With several `workers` pictures are encoded side by side, in processes that share the processors, or have `threads`
    each. `progress` is called with the number of pictures done and in total, 0 where that is not known.

    Raises what `Codec.encode` does, with the place of the picture as a note, and TypeError for a single picture.

    >>> import numpy as np
    >>> [lic[:4] for lic in encode_many(np.zeros((2, 16, 24, 3), np.uint8))]
    [b'\xacL\r\n', b'\xacL\r\n']
    """
    check_many(pictures, workers)
    setting = CodecSetting(model, device, threads)
    setting.codec()
    work = EncodeOne(setting, options)
    return mapped(work, work.portable, pictures, workers, progress)


@overload
def decode_many(
    files: Iterable[Source],
    options: DecodeOptions = DecodeOptions(),
    *,
    output: Literal["pil"] = "pil",
    device: str = "auto",
    workers: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Image.Image]: ...


@overload
def decode_many(
    files: Iterable[Source],
    options: DecodeOptions = DecodeOptions(),
    *,
    output: Literal["numpy"],
    device: str = "auto",
    workers: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[NDArray[np.uint8] | Samples16]: ...


@overload
def decode_many(
    files: Iterable[Source],
    options: DecodeOptions = DecodeOptions(),
    *,
    output: Literal["torch"],
    device: str = "auto",
    workers: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Tensor]: ...


def decode_many(
    files: Iterable[Source],
    options: DecodeOptions = DecodeOptions(),
    *,
    output: Output = "pil",
    device: str = "auto",
    workers: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[DecodedPicture]:
    """Decode `.lic` files one after the other as they are asked for: pictures, in order.

    `output` is what each is given back as; `workers`, `threads` and `progress` are those of `encode_many`.

    Raises what `Codec.decode` does, with the place of the file as a note, and TypeError for a single file.

    >>> import numpy as np
    >>> files = encode_many([np.zeros((16, 24), np.uint8), np.zeros((8, 8, 3), np.uint8)])
    >>> [tensor.shape for tensor in decode_many(files, output="torch")]
    [torch.Size([1, 16, 24]), torch.Size([3, 8, 8])]
    """
    check_output(output)
    check_many(files, workers)
    setting = CodecSetting(None, device, threads)
    setting.codec()
    work = DecodeOne(setting, options, as_array=output != "pil")
    decoded = mapped(work, work.portable, files, workers, progress)
    return (as_output(picture, output) for picture in decoded)
