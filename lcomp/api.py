"""`Codec` and the functions of the package: pictures to `.lic` files and back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcomp.decoding.area import Decoded, decode_area
from lcomp.decoding.lossless import decode_lossless
from lcomp.decoding.stored_planes import StoredPlanes
from lcomp.encoding.lossless import check_exact, lossless_file
from lcomp.encoding.picture import PictureEncoder
from lcomp.errors import LcompError, OutputExistsError, UnsupportedError
from lcomp.files import Source, read_source, write_atomically
from lcomp.format import container
from lcomp.format.container import CODERS, LicFile, Mode
from lcomp.format.salvage import Recovered, recover
from lcomp.format.tiles import Grid, Rectangle
from lcomp.log import log
from lcomp.lossless.loading import load_lossless
from lcomp.model.cache import load_decoder, load_model
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
from lcomp.pictures.arrays import NO_MODE, DecodedPicture, picture_of
from lcomp.pictures.kept import describe
from lcomp.pictures.reading import to_picture
from lcomp.pictures.stored import read_picture
from lcomp.pictures.writing import to_image
from lcomp.types import Progress, Samples16
from lcomp.zoo.registry import lossless_by_number, lossless_model, model_by_name, model_by_number


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
        identical with any. With the model `lossless`, pictures are encoded as with the option of that name.

        Raises LcompError for an unknown coder, precision or device, or a device that does not work, and ModelError for
        an unknown model.
        """
        if precision not in PRECISIONS:
            raise LcompError(f"unknown precision '{precision}': use {', '.join(PRECISIONS)}")
        if coder not in CODERS:
            raise LcompError(f"unknown coder '{coder}': use {' or '.join(CODERS)}")
        self.coder = CODERS[coder]
        self.device, self.precision = choose_device(device), precision
        self.lossless = model == LOSSLESS
        self.model = model_by_name(DEFAULT_MODEL if self.lossless else model or DEFAULT_MODEL)

    def encode(
        self, image: Image.Image | Samples16, options: EncodeOptions = EncodeOptions(), progress: Progress | None = None
    ) -> bytes:
        """Encode a picture as `.lic` bytes; raises as `encode_file` does."""
        return self.encode_file(image, options, progress).data

    def encode_file(
        self, image: Image.Image | Samples16, options: EncodeOptions = EncodeOptions(), progress: Progress | None = None
    ) -> LicFile:
        """Encode a picture, with its alpha, ICC profile, EXIF and XMP.

        Below quality 1 it is also coded at half size, and the better of the two files is returned. Where a lossless
        file is smaller, that is. An array of 16 bits per sample is encoded losslessly only. `progress` is called with
        the number of pixels done and in total.

        Raises LcompError for a rate target that cannot be met or a frame that does not exist, ImageError for a damaged
        picture, LimitError beyond `max_pixels` and UnsupportedError for pictures that cannot be coded.
        """
        if not isinstance(options, EncodeOptions):
            raise TypeError(f"the options are to be EncodeOptions(...), not {type(options).__name__}")
        if self.lossless:
            options = replace(options, lossless=True)
        with memory_errors():
            if isinstance(image, np.ndarray):
                picture = picture_of(image, options)
            else:
                picture = to_picture(image, options.frame, options.max_pixels, deep=options.lossless)
            if options.lossless:
                check_exact(picture)
            for note in picture.notes:
                log.warning(note)
            if options.lossless:
                codec = load_lossless(lossless_model(), self.device)
                return lossless_file(picture, options.strip, codec, progress)
            loaded = load_model(self.model.coding, self.device, self.precision)
            return PictureEncoder(picture, self.model, loaded, self.coder, options, progress).wanted()

    def decode(
        self, source: Source, options: DecodeOptions = DecodeOptions(), progress: Progress | None = None
    ) -> Image.Image:
        """Decode a `.lic` file; metadata is in the image's `info` (`icc_profile`, `exif`, `xmp`, `dpi`).

        `progress` is called with the number of pixels done and in total. With `salvage`, what is lost is logged. A
        lossless file decodes to the same picture whatever `decoder` and `realism` are asked for. One of 16 bits per
        sample is of mode `I;16`.

        Raises FormatError, TruncatedError, ChecksumError, UnsupportedError, LimitError or ModelError, and LcompError
        for a crop that is not within the picture or a realism for a decoder that has none. UnsupportedError is raised
        for 16 bits per sample with colours or alpha too, which Pillow has no mode for.
        """
        read = read_file(source, options)
        if read.file.deep and (read.file.header.mode is Mode.RGB or read.file.alpha is not None):
            raise UnsupportedError(NO_MODE)
        return self.decode_file(read, options, progress).pillow_image()

    def decode_array(
        self, source: Source, options: DecodeOptions = DecodeOptions(), progress: Progress | None = None
    ) -> NDArray[np.uint8] | Samples16:
        """Decode a `.lic` file to an array of uint8 or uint16, as it was encoded; otherwise as `decode`.

        Its shape is [H, W] for grey, [H, W, 2] for grey and alpha, [H, W, 3] for RGB and [H, W, 4] for RGBA.
        """
        return self.decode_picture(source, options, progress).array

    def decode_picture(
        self, source: Source, options: DecodeOptions = DecodeOptions(), progress: Progress | None = None
    ) -> DecodedPicture:
        """Decode a `.lic` file to what `lcomp.pictures.deep_writing` saves; otherwise as `decode`."""
        return self.decode_file(read_file(source, options), options, progress)

    def decode_file(self, read: Recovered, options: DecodeOptions, progress: Progress | None) -> DecodedPicture:
        """Decode a file that is read; raises as `decode` does."""
        file, lost = read
        header = file.header
        whole = Rectangle(0, 0, header.width, header.height)
        area = whole if options.crop is None else Rectangle(*options.crop)
        if area.shared(whole) != area:
            raise LcompError(f"crop {area} is not within the picture of {header.width}x{header.height} pixels")
        with memory_errors():
            decoded = self.decode_pixels(file, area, options, progress)
            planes = StoredPlanes(file, area, options.salvage)
            alpha = planes.alpha()
            image = to_image(decoded.pixels, header.mode, alpha)
            samples = planes.samples(decoded, alpha) if file.deep else None
        report_losses((*lost, *planes.lost), decoded.lost, header.grid)
        describe(image, file.icc, file.exif, file.xmp, moved=area != whole)
        return DecodedPicture(image, samples)

    def decode_pixels(
        self, file: LicFile, area: Rectangle, options: DecodeOptions, progress: Progress | None
    ) -> Decoded:
        """The pixels of an area, stored or made of latents; raises as `decode` does."""
        header = file.header
        if file.stored is not None:
            pixels = read_picture(file.stored, header.width, header.height, header.mode is Mode.L)
            if progress:
                progress(area.width * area.height, area.width * area.height)
            return Decoded(pixels[area.within(Rectangle(0, 0, header.width, header.height))], ())
        if header.lossless:
            codec = load_lossless(lossless_by_number(header.model, header.fingerprint), self.device)
            return decode_lossless(codec, file, area, options.salvage, progress)
        model = model_by_number(header.model, header.fingerprint)
        loaded = load_model(model.coding, self.device, self.precision)
        decoder = load_decoder(options.decoder or model.decoder_name, model, loaded, options.realism)
        return decode_area(loaded, file, area, decoder, options.salvage, progress)


def read_file(source: Source, options: DecodeOptions) -> Recovered:
    """Read a file as far as it is to be; raises as `Codec.decode` does."""
    if not isinstance(options, DecodeOptions):
        raise TypeError(f"the options are to be DecodeOptions(...), not {type(options).__name__}")
    data, limit = read_source(source), options.max_pixels
    return recover(data, limit) if options.salvage else Recovered(container.read(data, limit), ())


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
