"""The functions of the package that work on one picture: `encode`, `decode`, `open` and `save`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lcomp.api import Codec
from lcomp.errors import LcompError, OutputExistsError
from lcomp.exchange import DecodedPicture, Output, PictureSource, as_output, check_output
from lcomp.files import Source, read_source
from lcomp.format.binary import Reader
from lcomp.format.container import read_header
from lcomp.options import (
    AUTO,
    DEFAULT_EFFORT,
    DEFAULT_QUALITY,
    MAX_PIXELS,
    DecodeOptions,
    EncodeOptions,
    GivenRegion,
    sufficient_scale,
)
from lcomp.pictures.description import describe
from lcomp.places.finding import place
from lcomp.types import Progress, Samples16


def encode(
    picture: PictureSource,
    quality: float = DEFAULT_QUALITY,
    model: str | None = None,
    device: str = "auto",
    coder: str = "constriction",
    *,
    effort: int = DEFAULT_EFFORT,
    size: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    ssimulacra2: float | None = None,
    strip: bool = False,
    frame: int | None = None,
    max_pixels: int = MAX_PIXELS,
    keep_hidden: bool = False,
    lossless: bool = False,
    max_error: int = 0,
    resize: tuple[int, int] | None = None,
    roi: Sequence[GivenRegion] = (),
    importance: NDArray[np.generic] | None = None,
    projection: str = AUTO,
    protect: Sequence[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Encode a Pillow image, array, tensor or picture file as `.lic` bytes.

    Options and errors are those of `EncodeOptions` and `Codec`. Models stay loaded between calls.

    >>> from PIL import Image
    >>> len(encode(Image.new("L", (32, 32), 128), quality=1)) < 100
    True
    """
    options = EncodeOptions(
        quality,
        effort,
        size,
        bpp,
        psnr,
        ssimulacra2,
        strip,
        frame,
        max_pixels,
        keep_hidden,
        lossless,
        max_error,
        resize,
        roi,
        importance,
        projection,
        protect,
    )
    return Codec(model, device, coder, threads=threads).encode(picture, options, progress)


@overload
def decode(
    source: Source,
    device: str = "auto",
    *,
    output: Literal["pil"] = "pil",
    decoder: str | None = None,
    realism: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    salvage: bool = False,
    max_pixels: int = MAX_PIXELS,
    scale: float = 1.0,
    partial: bool = False,
    upscale: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Image.Image: ...


@overload
def decode(
    source: Source,
    device: str = "auto",
    *,
    output: Literal["numpy"],
    decoder: str | None = None,
    realism: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    salvage: bool = False,
    max_pixels: int = MAX_PIXELS,
    scale: float = 1.0,
    partial: bool = False,
    upscale: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> NDArray[np.uint8] | Samples16: ...


@overload
def decode(
    source: Source,
    device: str = "auto",
    *,
    output: Literal["torch"],
    decoder: str | None = None,
    realism: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    salvage: bool = False,
    max_pixels: int = MAX_PIXELS,
    scale: float = 1.0,
    partial: bool = False,
    upscale: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Tensor: ...


def decode(
    source: Source,
    device: str = "auto",
    *,
    output: Output = "pil",
    decoder: str | None = None,
    realism: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    salvage: bool = False,
    max_pixels: int = MAX_PIXELS,
    scale: float = 1.0,
    partial: bool = False,
    upscale: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> DecodedPicture:
    """Decode a `.lic` file as a Pillow image, or as `output` says an array [H, W, C] or a tensor [C, H, W].

    Both are of uint8, or uint16 where the file has 16 bits per sample.

    Options and errors are those of `DecodeOptions` and `Codec.decode`. Models stay loaded between calls.

    >>> from PIL import Image
    >>> decode(encode(Image.new("L", (32, 32), 128)), crop=(8, 8, 16, 4)).size
    (16, 4)
    >>> decode(encode(Image.new("RGB", (32, 24))), output="numpy").shape
    (24, 32, 3)
    """
    check_output(output)
    options = DecodeOptions(decoder, realism, crop, salvage, max_pixels, scale, partial, upscale)
    codec = Codec(device=device, threads=threads)
    if output == "pil":
        return codec.decode(source, options, progress)
    return as_output(codec.decode_array(source, options, progress), output)


def thumbnail(source: Source, size: tuple[int, int], device: str = "auto", max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a `.lic` file at the smallest scale that suffices, and fit it into a width and height.

    It keeps its proportions, is never enlarged and has 8 bits per sample. Raises LcompError for a size below 1, and
    what `decode` does.

    >>> from PIL import Image
    >>> thumbnail(encode(Image.new("RGB", (96, 64), "teal")), (12, 12)).size
    (12, 8)
    """
    if min(size) < 1:
        raise LcompError(f"a thumbnail of {size[0]}x{size[1]} pixels: both are 1 at least")
    data = read_source(source)
    header = read_header(Reader(data), max_pixels)
    scale = sufficient_scale(header.width, header.height, *size)
    image = Codec(device=device).decode_picture(data, DecodeOptions(max_pixels=max_pixels, scale=scale)).image
    image.thumbnail(size, Image.Resampling.LANCZOS, reducing_gap=None)
    info = image.info
    describe(image, info.get("icc_profile"), info.get("exif"), info.get("xmp"), moved=True)
    return image


def open(path: Source) -> Image.Image:
    """Decode a `.lic` file with the decoder that it was made for; raises as `decode` does.

    >>> import io
    >>> open(io.BytesIO(Codec().encode(Image.new("RGB", (24, 16))))).size
    (24, 16)
    """
    return Codec().decode(path)


def save(
    picture: PictureSource,
    path: str | Path,
    options: EncodeOptions = EncodeOptions(),
    *,
    model: str | None = None,
    force: bool = False,
) -> None:
    """Encode a picture to a file, which is written atomically: never in part.

    Raises OutputExistsError where `path` exists and `force` is not given, OSError where it cannot be written, and what
    `Codec.encode` raises.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Image.new("RGB", (24, 16)), Path(folder, "a.lic"))
    ...     open(Path(folder, "a.lic")).size
    (24, 16)
    """
    output = place(path)

    def refuse_to_overwrite() -> None:
        if output.is_taken() and not force:
            raise OutputExistsError(f"output {output.shown} exists: use force to overwrite it")

    refuse_to_overwrite()
    output.write(Codec(model).encode(picture, options), refuse_to_overwrite, replace=force)
