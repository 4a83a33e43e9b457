"""`Codec`: pictures to `.lic` files and back."""

from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import get_num_threads

from lcomp.decoding.area import Decoded
from lcomp.decoding.parts import DecodedPart, parts_of, progress_of, report_losses
from lcomp.decoding.reduced import averaged, covering
from lcomp.decoding.stored_planes import StoredPlanes
from lcomp.decoding.upscaled import DECODED, Doubling, doubling_of, enlarged, in_colour, share_of
from lcomp.detection.places import find
from lcomp.encoding.distortion import psnr
from lcomp.encoding.stored import check_exact
from lcomp.errors import LcompError, UnsupportedError
from lcomp.exchange import PictureSource, image_of, read_source_picture
from lcomp.families.registry import find_model, load, model_of
from lcomp.files import Source, read_source
from lcomp.format import container
from lcomp.format.container import CODERS, LicFile, Mode
from lcomp.format.prefix import read_prefix
from lcomp.format.salvage import Recovered, recover
from lcomp.format.tiles import Rectangle
from lcomp.log import log
from lcomp.model.devices import choose_device, memory_errors
from lcomp.model.threads import check_threads, using_threads
from lcomp.options import (
    AUTO,
    DEFAULT_MODEL,
    DEFAULT_QUALITY,
    EQUIRECT,
    LOSSLESS,
    PRECISIONS,
    DecodeOptions,
    EncodeOptions,
    Region,
    check_pixels,
)
from lcomp.pictures.deep_arrays import NO_MODE, DecodedSamples
from lcomp.pictures.description import describe
from lcomp.pictures.panorama import WHOLE, Panorama, panorama_in, panorama_of_part
from lcomp.pictures.reading import Picture, to_picture
from lcomp.pictures.resizing import resized
from lcomp.pictures.stored import read_picture
from lcomp.pictures.writing import to_image
from lcomp.types import Progress, Samples16
from lcomp.zoo.description import Description


class Codec:
    """Encoder and decoder whose models stay loaded from one picture to the next.

    >>> from PIL import Image
    >>> codec = Codec("hyperprior", device="cpu")
    >>> file = codec.encode_file(Image.new("RGB", (48, 32), "teal"), EncodeOptions(quality=3))
    >>> codec.decode(file.data).size
    (48, 32)
    """

    def __init__(
        self,
        model: str | None = None,
        device: str = "auto",
        coder: str = "constriction",
        precision: str = AUTO,
        threads: int | None = None,
    ) -> None:
        """Choose the model and entropy coder to encode with, and the device, precision and threads for everything.

        `precision` (`auto`, `fp32` or `bf16`) is that of the float networks' convolutions; the decoded latents are
        identical with any. A model without losses encodes as with the option `lossless`. `threads` are those of torch
        on a CPU, by default as many as it chooses.

        Raises LcompError for an unknown coder, precision or device, or a device that does not work, and ModelError for
        an unknown model.
        """
        check_threads(threads)
        if precision not in PRECISIONS:
            raise LcompError(f"unknown precision '{precision}': use {', '.join(PRECISIONS)}")
        if coder not in CODERS:
            raise LcompError(f"unknown coder '{coder}': use {' or '.join(CODERS)}")
        self.coder = CODERS[coder]
        self.device, self.precision, self.threads = choose_device(device), precision, threads
        self.model = find_model(model or DEFAULT_MODEL)

    def encode(
        self, picture: PictureSource, options: EncodeOptions = EncodeOptions(), progress: Progress | None = None
    ) -> bytes:
        """Encode a picture as `.lic` bytes; raises as `encode_file` does.

        >>> len(Codec("hyperprior", "cpu").encode(Image.new("RGB", (24, 16)))) < 100
        True
        """
        return self.encode_file(picture, options, progress).data

    def encode_file(
        self, picture: PictureSource, options: EncodeOptions = EncodeOptions(), progress: Progress | None = None
    ) -> LicFile:
        """Encode a Pillow image, array, tensor or picture file, with its alpha, ICC profile, EXIF and XMP.

        Below quality 1 it is also coded at half size, and the better of the two files is returned. Where a lossless
        file is smaller, that is. An array of 16 bits per sample is encoded losslessly only. `progress` is called with
        the number of pixels done and in total.

        Raises LcompError for a rate target that cannot be met or a frame that does not exist, ImageError for a damaged
        picture, LimitError beyond `max_pixels` and UnsupportedError for pictures that cannot be coded.

        >>> Codec("hyperprior", "cpu").encode_file(Image.new("L", (24, 16))).header.width
        24
        """
        return self.encode_picture(self.read(picture, options), options, progress)

    def model_for(self, options: EncodeOptions) -> tuple[Description, EncodeOptions]:
        """The model that encodes with some options, and these as it has them; raises as `encode_file` does."""
        if not isinstance(options, EncodeOptions):
            raise TypeError(f"the options are to be EncodeOptions(...), not {type(options).__name__}")
        model = find_model(LOSSLESS) if options.lossless and not self.model.lossless else self.model
        if model.lossless:
            options = replace(options, lossless=True)
        elif not model.has_quality and (options.has_target or options.quality != DEFAULT_QUALITY):
            raise LcompError(f"model '{model.name}' has no quality: leave quality, size, bpp, psnr and ssimulacra2 out")
        elif not model.has_quality and options.regional:
            raise LcompError(f"model '{model.name}' has no quality: leave roi, importance and protect out")
        return model, options

    def read(self, picture: PictureSource, options: EncodeOptions) -> Picture:
        """What is encoded of a picture, before it is resized; raises as `encode_file` does.

        Unlike an opened Pillow image, that can be sent to another process with all that its file says.
        """
        _, options = self.model_for(options)
        with memory_errors():
            return read_source_picture(picture, options)

    def encode_picture(self, shown: Picture, options: EncodeOptions, progress: Progress | None = None) -> LicFile:
        """Encode a picture that was `read` with the same options; raises as `encode_file` does."""
        model, options = self.model_for(options)
        with using_threads(self.threads), memory_errors():
            read = resized(shown, options.resize)
            protected = find(options.protect, read.pixels, read.alpha, get_num_threads())
            read = replace(read, panorama=panorama_of(shown, options), protected=protected)
            options = replace(options, roi=regions_in(read, shown, options), protect=())
            if options.lossless:
                check_exact(read)
            for note in read.notes:
                log.warning(note)
            return load(model, self.device, self.precision).encode(read, options, self.coder, progress)

    def psnr(self, picture: PictureSource, file: LicFile, options: EncodeOptions = EncodeOptions()) -> float:
        """PSNR in dB of a file that a picture was encoded as with these options, weighted by alpha; decodes it.

        Raises as `encode_file` and `decode` do.

        >>> codec, image = Codec("hyperprior", "cpu"), Image.linear_gradient("L")
        >>> codec.psnr(image, codec.encode_file(image)) > 30
        True
        """
        read = resized(to_picture(image_of(picture), options.frame, options.max_pixels), options.resize)
        shown = self.decode(file.data, DecodeOptions(max_pixels=options.max_pixels)).convert("RGB")
        return psnr(np.asarray(shown), read.pixels, None if options.keep_hidden else read.alpha)

    def decode(
        self, source: Source, options: DecodeOptions = DecodeOptions(), progress: Progress | None = None
    ) -> Image.Image:
        """Decode a `.lic` file; metadata is in the image's `info` (`icc_profile`, `exif`, `xmp`, `dpi`).

        `progress` is called with the number of pixels done and in total. With `salvage` and `partial`, what is lost is
        logged. A lossless file, and a reduced `scale`, decode to the same picture whatever `decoder` and `realism` are
        asked for. One of 16 bits per sample is of mode `I;16`, and of 8 at any other size than its own. What `upscale`
        shows beyond the picture's own size is a guess, which a warning says.

        Raises FormatError, TruncatedError, ChecksumError, UnsupportedError, LimitError or ModelError, and LcompError
        for a crop that is not within the picture or a realism for a decoder that has none. UnsupportedError is raised
        for 16 bits per sample with colours or alpha too, which Pillow has no mode for.

        >>> codec = Codec("hyperprior", "cpu")
        >>> codec.decode(codec.encode(Image.new("L", (24, 16))), DecodeOptions(crop=(8, 0, 16, 4))).size
        (16, 4)
        """
        read = read_file(source, options)
        file = read.file
        own_size = options.factor == options.upscale == 1
        if file.deep and own_size and (file.header.mode is Mode.RGB or file.alpha is not None):
            raise UnsupportedError(NO_MODE)
        return self.decode_file(read, options, progress).pillow_image()

    def decode_array(
        self, source: Source, options: DecodeOptions = DecodeOptions(), progress: Progress | None = None
    ) -> NDArray[np.uint8] | Samples16:
        """Decode a `.lic` file to an array of uint8 or uint16, as it was encoded; otherwise as `decode`.

        Its shape is [H, W] for grey, [H, W, 2] for grey and alpha, [H, W, 3] for RGB and [H, W, 4] for RGBA.

        >>> samples = np.full((4, 6, 3), 40000, np.uint16)
        >>> codec = Codec(device="cpu")
        >>> np.array_equal(codec.decode_array(codec.encode(samples, EncodeOptions(lossless=True))), samples)
        True
        """
        return self.decode_picture(source, options, progress).array

    def decode_picture(
        self, source: Source, options: DecodeOptions = DecodeOptions(), progress: Progress | None = None
    ) -> DecodedSamples:
        """Decode a `.lic` file to what `lcomp.pictures.deep_writing` saves; otherwise as `decode`."""
        return self.decode_file(read_file(source, options), options, progress)

    def decode_file(self, read: Recovered, options: DecodeOptions, progress: Progress | None) -> DecodedSamples:
        """Decode a file that is read; raises as `decode` does."""
        file, lost = read
        header, factor = file.header, options.factor
        whole = Rectangle(0, 0, header.width, header.height)
        area = whole if options.crop is None else Rectangle(*options.crop)
        parts = parts_of(file, area)
        if options.upscale > 1:
            check_pixels(2 * area.width, 2 * area.height, options.max_pixels)
        with using_threads(self.threads), memory_errors():
            found = [
                self.decode_part(file, part, options, progress_of(progress, parts, number))
                for number, part in enumerate(parts)
            ]
            decoded, alpha, samples, damaged = reduce(lambda left, right: right.beside(left), found)
            image = to_image(decoded.pixels, header.mode, alpha)
            if factor > 1 and header.lossless:
                image = image.reduce(factor)
        if file.deep and samples is None:
            log.warning("16-bit samples reduced to 8 bits, as at every size but the picture's own")
        if options.upscale > 1:
            log.warning("shown at twice its size: detail that was not coded is a guess")
        report_losses((*lost, *damaged), decoded, header.grid, options.salvage)
        moved = area != whole or factor > 1 or options.upscale > 1
        describe(image, file.icc, file.exif, file.xmp, moved)
        if moved and file.xmp and (xmp := panorama_of_part(file.xmp, image.info.get("xmp"), whole, area, image.size)):
            image.info["xmp"] = xmp
        return DecodedSamples(image, samples)

    def decode_part(
        self, file: LicFile, area: Rectangle, options: DecodeOptions, progress: Progress | None
    ) -> DecodedPart:
        """An area of a file, at the size asked for unless that is reduced and lossless; raises as `decode` does."""
        factor, doubling = options.factor, self.doubling(file, options)
        shown = doubling.seen(area) if doubling else covering(file.header, area, factor)
        told = share_of(progress, area, 0, DECODED) if doubling else progress
        decoded = self.decode_pixels(file, shown, options, told)
        planes = StoredPlanes(file, shown, options.salvage)
        alpha = planes.alpha()
        samples = planes.samples(decoded, alpha) if file.deep and factor == 1 and not doubling else None
        if doubling:
            told = share_of(progress, area, DECODED, 1)
            decoded = decoded._replace(pixels=doubling.doubled(in_colour(decoded.pixels), shown, area, told))
            alpha = None if alpha is None else enlarged(alpha, area.within(shown))
        elif alpha is not None and factor > 1 and not file.header.lossless:
            alpha = averaged(alpha, factor)
        return DecodedPart(decoded, alpha, samples, tuple(planes.lost))

    def doubling(self, file: LicFile, options: DecodeOptions) -> Doubling | None:
        """What shows a file at twice its size, where the options ask for that; raises ModelError."""
        if options.upscale == 1:
            return None
        visual = not file.header.lossless and model_of(file.header).visual
        return doubling_of(file, visual, self.device, self.precision)

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


def panorama_of(shown: Picture, options: EncodeOptions) -> Panorama | None:
    """The equirectangular panorama that a picture is, None for other pictures."""
    if options.projection == AUTO:
        return panorama_in(shown.xmp)
    return WHOLE if options.projection == EQUIRECT else None


def regions_in(picture: Picture, shown: Picture, options: EncodeOptions) -> tuple[Region, ...]:
    """The regions of interest in a picture, which may be a resized one of what is `shown`.

    Raises LcompError where one is not within that.
    """
    (new_height, new_width), (height, width) = picture.pixels.shape[:2], shown.pixels.shape[:2]
    return tuple(region.scaled(width, height, new_width, new_height) for region in options.regions)


def read_file(source: Source, options: DecodeOptions) -> Recovered:
    """Read a file as far as it is to be; raises as `Codec.decode` does."""
    if not isinstance(options, DecodeOptions):
        raise TypeError(f"the options are to be DecodeOptions(...), not {type(options).__name__}")
    data, limit = read_source(source), options.max_pixels
    if options.salvage:
        return recover(data, limit)
    return Recovered(read_prefix(data, limit) if options.partial else container.read(data, limit), ())
