"""`Codec` and the functions of the package: pictures to `.lic` files and back."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from lcomp.decoding.area import Decoded
from lcomp.encoding.stored import check_exact
from lcomp.errors import FormatError, LcompError, OutputExistsError
from lcomp.families.registry import find_model, load, model_of
from lcomp.files import Source, read_source, write_atomically
from lcomp.format import container
from lcomp.format.container import CODERS, LicFile, Mode
from lcomp.format.salvage import recover
from lcomp.format.tiles import Grid, Rectangle
from lcomp.log import log
from lcomp.model.devices import choose_device, memory_errors
from lcomp.options import (
    AUTO,
    DEFAULT_EFFORT,
    DEFAULT_MODEL,
    DEFAULT_QUALITY,
    LOSSLESS,
    MAX_PIXELS,
    PRECISIONS,
    DecodeOptions,
    EncodeOptions,
)
from lcomp.pictures.kept import describe
from lcomp.pictures.reading import to_picture
from lcomp.pictures.stored import read_alpha, read_picture
from lcomp.pictures.writing import to_image
from lcomp.types import Progress


class Codec:
    """Encoder and decoder whose models stay loaded from one picture to the next.

    >>> from PIL import Image
    >>> codec = Codec("hyperprior", device="cpu")
    >>> file = codec.encode_file(Image.new("RGB", (48, 32), "teal"), EncodeOptions(quality=3))
    >>> codec.decode(file.data).size
    (48, 32)
    """

    def __init__(
        self, model: str | None = None, device: str = "auto", coder: str = "constriction", precision: str = AUTO
    ) -> None:
        """Choose the model and entropy coder to encode with, and the device and precision for everything.

        `precision` (`auto`, `fp32` or `bf16`) is that of the float networks' convolutions; the decoded latents are
        identical with any. A model without losses encodes as with the option `lossless`.

        Raises LcompError for an unknown coder, precision or device, or a device that does not work, and ModelError for
        an unknown model.
        """
        if precision not in PRECISIONS:
            raise LcompError(f"unknown precision '{precision}': use {', '.join(PRECISIONS)}")
        if coder not in CODERS:
            raise LcompError(f"unknown coder '{coder}': use {' or '.join(CODERS)}")
        self.coder = CODERS[coder]
        self.device, self.precision = choose_device(device), precision
        self.model = find_model(model or DEFAULT_MODEL)

    def encode(
        self, image: Image.Image, options: EncodeOptions = EncodeOptions(), progress: Progress | None = None
    ) -> bytes:
        """Encode a picture as `.lic` bytes; raises as `encode_file` does."""
        return self.encode_file(image, options, progress).data

    def encode_file(
        self, image: Image.Image, options: EncodeOptions = EncodeOptions(), progress: Progress | None = None
    ) -> LicFile:
        """Encode a picture, with its alpha, ICC profile, EXIF and XMP.

        Below quality 1 it is also coded at half size, and the better of the two files is returned. Where a lossless
        file is smaller, that is. `progress` is called with the number of pixels done and in total.

        Raises LcompError for a rate target that cannot be met or a frame that does not exist, ImageError for a damaged
        picture, LimitError beyond `max_pixels` and UnsupportedError for pictures that cannot be coded.
        """
        if not isinstance(options, EncodeOptions):
            raise TypeError(f"the options are to be EncodeOptions(...), not {type(options).__name__}")
        model = find_model(LOSSLESS) if options.lossless and not self.model.lossless else self.model
        if model.lossless:
            options = replace(options, lossless=True)
        elif not model.has_quality and (options.has_target or options.quality != DEFAULT_QUALITY):
            raise LcompError(f"model '{model.name}' has no quality: leave quality, size, bpp, psnr and ssimulacra2 out")
        with memory_errors():
            picture = to_picture(image, options.frame, options.max_pixels)
            if options.lossless:
                check_exact(picture)
            for note in picture.notes:
                log.warning(note)
            return load(model, self.device, self.precision).encode(picture, options, self.coder, progress)

    def decode(
        self, source: Source, options: DecodeOptions = DecodeOptions(), progress: Progress | None = None
    ) -> Image.Image:
        """Decode a `.lic` file; metadata is in the image's `info` (`icc_profile`, `exif`, `xmp`, `dpi`).

        `progress` is called with the number of pixels done and in total. With `salvage`, what is lost is logged. A
        lossless file decodes to the same picture whatever `decoder` and `realism` are asked for.

        Raises FormatError, TruncatedError, ChecksumError, UnsupportedError, LimitError or ModelError, and LcompError
        for a crop that is not within the picture or a realism for a decoder that has none.
        """
        if not isinstance(options, DecodeOptions):
            raise TypeError(f"the options are to be DecodeOptions(...), not {type(options).__name__}")
        data = read_source(source)
        limit = options.max_pixels
        file, lost = recover(data, limit) if options.salvage else (container.read(data, limit), ())
        header = file.header
        whole = Rectangle(0, 0, header.width, header.height)
        area = whole if options.crop is None else Rectangle(*options.crop)
        if area.shared(whole) != area:
            raise LcompError(f"crop {area} is not within the picture of {header.width}x{header.height} pixels")
        with memory_errors():
            decoded = self.decode_pixels(file, area, options, progress)
            alpha = None
            if file.alpha is not None:
                try:
                    alpha = read_alpha(file.alpha, header.width, header.height)[area.within(whole)]
                except FormatError:
                    if not options.salvage:
                        raise
                    lost = (*lost, "ALPHA")
            image = to_image(decoded.pixels, header.mode, alpha)
        report_losses(lost, decoded.lost, header.grid)
        describe(image, file.icc, file.exif, file.xmp, moved=area != whole)
        return image

    def decode_pixels(
        self, file: LicFile, area: Rectangle, options: DecodeOptions, progress: Progress | None
    ) -> Decoded:
        """The pixels of an area, stored or coded by a model; raises as `decode` does."""
        header = file.header
        if file.stored is not None:
            pixels = read_picture(file.stored, header.width, header.height, header.mode is Mode.L)
            if progress:
                progress(area.width * area.height, area.width * area.height)
            return Decoded(pixels[area.within(Rectangle(0, 0, header.width, header.height))], ())
        return load(model_of(header), self.device, self.precision).decode(file, area, options, progress)


def report_losses(sections: tuple[str, ...], tiles: tuple[Rectangle, ...], grid: Grid) -> None:
    """Log the sections and the tiles that `salvage` could not recover, in one line each."""
    if sections:
        log.error("damaged and left out: %s", ", ".join(sections))
    if tiles:
        places = " ".join(map(str, tiles))
        log.error("%d of %d tiles damaged and filled in, at x,y,width,height: %s", len(tiles), grid.count, places)


def encode(
    image: Image.Image,
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
) -> bytes:
    """Encode a picture as `.lic` bytes; options and errors are those of `EncodeOptions` and `Codec`.

    Models stay loaded between calls.

    >>> from PIL import Image
    >>> len(encode(Image.new("L", (32, 32), 128), quality=1)) < 100
    True
    """
    options = EncodeOptions(
        quality, effort, size, bpp, psnr, ssimulacra2, strip, frame, max_pixels, keep_hidden, lossless
    )
    return Codec(model, device, coder).encode(image, options)


def decode(
    source: Source,
    device: str = "auto",
    *,
    decoder: str | None = None,
    realism: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    salvage: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """Decode a `.lic` file; options and errors are those of `DecodeOptions` and `Codec.decode`.

    Models stay loaded between calls.

    >>> from PIL import Image
    >>> decode(encode(Image.new("L", (32, 32), 128)), crop=(8, 8, 16, 4)).size
    (16, 4)
    """
    return Codec(device=device).decode(source, DecodeOptions(decoder, realism, crop, salvage, max_pixels))


def open(path: Source) -> Image.Image:
    """Decode a `.lic` file with the decoder that it was made for; raises as `decode` does."""
    return decode(path)


def save(
    image: Image.Image,
    path: str | Path,
    options: EncodeOptions = EncodeOptions(),
    *,
    model: str | None = None,
    force: bool = False,
) -> None:
    """Encode a picture to a file, which is written atomically: never in part.

    Raises OutputExistsError where `path` exists and `force` is not given, OSError where it cannot be written, and what
    `Codec.encode` raises.
    """
    path = Path(path)
    if path.exists() and not force:
        raise OutputExistsError(f"output {path} exists: use force to overwrite it")
    write_atomically(path, Codec(model).encode(image, options))
