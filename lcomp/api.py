"""The bytes API: Pillow images to `.lic` bytes and back."""

from PIL import Image

from lcomp.decoding.area import decode_area
from lcomp.encoding.picture import PictureEncoder
from lcomp.encoding.rate_target import Target
from lcomp.encoding.symbol_search import DEFAULT_EFFORT, LEVELS
from lcomp.errors import FormatError, LcompError
from lcomp.format import container
from lcomp.format.binary import Reader
from lcomp.format.container import CODERS, Header
from lcomp.format.salvage import recover
from lcomp.format.tiles import Grid, Rectangle
from lcomp.log import log
from lcomp.model.cache import load_decoder, load_model
from lcomp.model.devices import choose_device, memory_errors
from lcomp.model.precision import AUTO, PRECISIONS
from lcomp.pictures.alpha import read_alpha
from lcomp.pictures.reading import MAX_PIXELS, check_pixels, to_picture
from lcomp.pictures.writing import to_image
from lcomp.types import QUALITY_STEPS, Progress
from lcomp.zoo.registry import DEFAULT_MODEL, model_by_name, model_by_number


class Codec:
    """Encodes and decodes many pictures with models that stay loaded."""

    def __init__(
        self,
        model: str | None = None,
        device: str = "auto",
        coder: str = "constriction",
        precision: str = AUTO,
    ) -> None:
        """Choose the model and entropy coder to encode with, and the device and precision for everything.

        `precision` (`auto`, `fp32` or `bf16`) is that of the networks' convolutions; the latents decode alike with any.
        Raises LcompError for an unknown coder, device or precision and ModelError for an unknown model.
        """
        if precision not in PRECISIONS:
            raise LcompError(f"unknown precision '{precision}': use {', '.join(PRECISIONS)}")
        if coder not in CODERS:
            raise LcompError(f"unknown coder '{coder}': use {' or '.join(CODERS)}")
        self.coder = CODERS[coder]
        self.device, self.precision = choose_device(device), precision
        self.model = model_by_name(model or DEFAULT_MODEL)

    def encode(
        self,
        image: Image.Image,
        quality: float = 4.0,
        *,
        effort: int = DEFAULT_EFFORT,
        size: int | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
        strip: bool = False,
        frame: int | None = None,
        max_pixels: int = MAX_PIXELS,
        progress: Progress | None = None,
    ) -> bytes:
        """Encode a picture at a quality in [0, 8] as `.lic` bytes, with its alpha, ICC profile, EXIF and XMP.

        Below 1 it is also tried at half its size, and the better file of the two taken.

        `effort`, 0 to 9, is how long to look for better symbols; decoding takes no longer for it.
        With `size` (bytes) or `bpp` (bits per pixel) the quality is the highest whose file is not larger, with `psnr`
        (dB) the lowest that reaches it; `quality` does not matter then.
        `strip` leaves EXIF and XMP out; the profile stays, for it decides the colours. `frame` (from 0) picks a frame
        of an animation, without it animations are refused. `progress` is told how many pixels of how many are done.

        Raises LcompError for an impossible quality, effort, target or frame, LimitError beyond `max_pixels` and
        UnsupportedError for pictures that cannot be coded.
        """
        target = Target(size, bpp, psnr)
        if not 0 <= quality <= 8:
            raise LcompError(f"quality {quality} is out of range: use 0 to 8")
        if effort not in range(len(LEVELS)):
            raise LcompError(f"effort {effort} is out of range: use 0 to {len(LEVELS) - 1}")
        with memory_errors():
            picture = to_picture(image, frame, max_pixels)
            for note in picture.notes:
                log.warning(note)
            codec = load_model(self.model.coding, self.device, self.precision)
            candidates = PictureEncoder(picture, self.model, codec, self.coder, strip, effort, progress)
            if target == Target():
                return candidates.at(round(quality * QUALITY_STEPS))
            return candidates.meeting(target)

    def decode(
        self,
        data: bytes,
        *,
        decoder: str | None = None,
        realism: float | None = None,
        crop: tuple[int, int, int, int] | None = None,
        salvage: bool = False,
        max_pixels: int = MAX_PIXELS,
        progress: Progress | None = None,
    ) -> Image.Image:
        """Decode `.lic` bytes; metadata is in the image's `info` (`icc_profile`, `exif`, `xmp`).

        `decoder` is the one that makes the pixels: `mse` (the backbone's), `sr` (a network more) or `gan` (looks best
        at low rates); by default the one that the file was made for. `realism`, 0 to 1, is how much `gan` invents.
        `crop` (x, y, width, height) decodes only the tiles that this area needs. `salvage` fills damaged tiles in, in
        the colour of those beside them, and logs where they are; without it they are errors.

        Raises FormatError, TruncatedError, ChecksumError, UnsupportedError, LimitError or ModelError, and LcompError
        for a crop that is not within the picture or a realism that has no meaning.
        """
        data = bytes(data)
        header = container.read_header(Reader(data))
        check_pixels(header.width, header.height, max_pixels)
        whole = Rectangle(0, 0, header.width, header.height)
        area = whole if crop is None else Rectangle(*crop)
        if area.shared(whole) != area:
            raise LcompError(f"crop {area} is not within the picture of {header.width}x{header.height} pixels")
        if salvage:
            file, lost = recover(data)
        else:
            file, lost = container.read(data), ()
        model = model_by_number(header.model, header.fingerprint)
        with memory_errors():
            codec = load_model(model.coding, self.device, self.precision)
            chosen = load_decoder(decoder or model.decoder_name, model, codec, realism)
            decoded = decode_area(codec, file, area, chosen, salvage, progress)
            alpha = None
            if file.alpha is not None:
                try:
                    alpha = read_alpha(file.alpha, header.width, header.height)[area.within(whole)]
                except FormatError:
                    if not salvage:
                        raise
                    lost = (*lost, "ALPHA")
            image = to_image(decoded.pixels, header.mode, alpha)
        report_losses(lost, decoded.lost, header.grid)
        for name, payload in (("icc_profile", file.icc), ("exif", file.exif), ("xmp", file.xmp)):
            if payload is not None:
                image.info[name] = payload
        return image


def report_losses(sections: tuple[str, ...], tiles: tuple[Rectangle, ...], grid: Grid) -> None:
    """Log in one line each what `salvage` could not save."""
    if sections:
        log.error("damaged and left out: %s", ", ".join(sections))
    if tiles:
        places = " ".join(map(str, tiles))
        log.error("%d of %d tiles damaged and filled in, at x,y,width,height: %s", len(tiles), grid.count, places)


def encode(
    image: Image.Image,
    quality: float = 4.0,
    model: str | None = None,
    device: str = "auto",
    coder: str = "constriction",
    *,
    effort: int = DEFAULT_EFFORT,
    size: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    strip: bool = False,
    frame: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> bytes:
    """Encode a picture as `.lic` bytes; see `Codec.encode`. Models stay loaded between calls."""
    return Codec(model, device, coder).encode(
        image, quality, effort=effort, size=size, bpp=bpp, psnr=psnr, strip=strip, frame=frame, max_pixels=max_pixels
    )


def decode(
    data: bytes,
    device: str = "auto",
    *,
    decoder: str | None = None,
    realism: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    salvage: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """Decode `.lic` bytes; see `Codec.decode`. Models stay loaded between calls."""
    codec = Codec(device=device)
    return codec.decode(data, decoder=decoder, realism=realism, crop=crop, salvage=salvage, max_pixels=max_pixels)


def info(data: bytes) -> Header:
    """The header of `.lic` bytes, all checksums verified; raises as `lcomp.format.container.read` does."""
    return container.read(data).header
