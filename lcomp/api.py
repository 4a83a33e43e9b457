"""The bytes API: Pillow images to `.lic` bytes and back."""

import contextlib
from collections.abc import Iterator
from functools import cache

import torch
from PIL import Image

from lcomp import container, distortion
from lcomp.alpha import read_alpha, write_alpha
from lcomp.binary import Reader
from lcomp.codec import ModelCodec, Progress
from lcomp.container import CODERS, QUALITY_STEPS, Header, LicFile
from lcomp.effort import DEFAULT_EFFORT, LEVELS
from lcomp.errors import FormatError, LcompError
from lcomp.images import MAX_PIXELS, check_pixels, to_picture
from lcomp.salvage import recover
from lcomp.saving import to_image
from lcomp.search import Target, search
from lcomp.tile_codec import log
from lcomp.tiles import Grid, Rectangle
from lcomp.zoo import DEFAULT_MODEL, ModelInfo, model_by_name, model_by_number


def choose_device(name: str) -> torch.device:
    """The device called `name`: auto, cpu, cuda or cuda:N; raises LcompError where it does not exist."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise LcompError(f"unknown device '{name}': use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise LcompError(f"device '{name}' is not supported: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LcompError(f"device '{name}' does not exist on this machine")
    return device


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Turn what torch raises when memory runs out into an LcompError."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise LcompError("not enough memory for this picture") from error
    except RuntimeError as error:
        if "allocate memory" in str(error):
            raise LcompError("not enough memory for this picture") from error
        raise


@cache
def load_model(model: ModelInfo, device: torch.device) -> ModelCodec:
    """A model on a device, loaded once per process."""
    log.debug("  loading %s on %s", model.name, device)
    return ModelCodec(model, device)


class Codec:
    """Encodes and decodes many pictures with models that stay loaded."""

    def __init__(self, model: str | None = None, device: str = "auto", coder: str = "constriction") -> None:
        """Choose the model and entropy coder to encode with, and the device for everything.

        Raises LcompError for an unknown coder or device and ModelError for an unknown model.
        """
        if coder not in CODERS:
            raise LcompError(f"unknown coder '{coder}': use {' or '.join(CODERS)}")
        self.coder = CODERS[coder]
        self.device = choose_device(device)
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
        """Encode a picture at a quality in [1, 8] as `.lic` bytes, with its alpha, ICC profile, EXIF and XMP.

        `effort`, 0 to 9, is how long to look for better symbols; decoding takes no longer for it.
        With `size` (bytes) or `bpp` (bits per pixel) the quality is the highest whose file is not larger, with `psnr`
        (dB) the lowest that reaches it; `quality` does not matter then.
        `strip` leaves EXIF and XMP out; the profile stays, for it decides the colours. `frame` (from 0) picks a frame
        of an animation, without it animations are refused. `progress` is told how many pixels of how many are done.

        Raises LcompError for an impossible quality, effort, target or frame, LimitError beyond `max_pixels` and
        UnsupportedError for pictures that cannot be coded.
        """
        target = Target(size, bpp, psnr)
        if not 1 <= quality <= 8:
            raise LcompError(f"quality {quality} is out of range: use 1 to 8")
        if effort not in range(len(LEVELS)):
            raise LcompError(f"effort {effort} is out of range: use 0 to {len(LEVELS) - 1}")
        check_pixels(image.width, image.height, max_pixels)
        with memory_errors():
            picture = to_picture(image, frame)
            for note in picture.notes:
                log.warning(note)
            codec = load_model(self.model, self.device)
            alpha = None if picture.alpha is None else write_alpha(picture.alpha)
            height, width = picture.pixels.shape[:2]

            def write(steps: int) -> bytes:
                tiles = codec.encode(picture.pixels, steps, Grid(width, height), self.coder, effort, progress)
                header = Header(width, height, picture.mode, steps, self.model.number, self.model.fingerprint)
                exif, xmp = (None, None) if strip else (picture.exif, picture.xmp)
                return container.write(LicFile(header, self.coder, tiles, picture.icc, exif, xmp, alpha))

            def measure(data: bytes) -> float:
                file = container.read(data)
                grid = Grid(width, height)
                decoded = codec.decode(file.tiles, file.header.quality, grid, file.coder, grid.picture)
                return distortion.psnr(decoded.pixels, picture.pixels)

            if target == Target():
                return write(round(quality * QUALITY_STEPS))
            return search(target, write, measure, width * height)

    def decode(
        self,
        data: bytes,
        *,
        crop: tuple[int, int, int, int] | None = None,
        salvage: bool = False,
        max_pixels: int = MAX_PIXELS,
        progress: Progress | None = None,
    ) -> Image.Image:
        """Decode `.lic` bytes; metadata is in the image's `info` (`icc_profile`, `exif`, `xmp`).

        `crop` (x, y, width, height) decodes only the tiles that this area needs. `salvage` fills damaged tiles in, in
        the colour of those beside them, and logs where they are; without it they are errors.

        Raises FormatError, TruncatedError, ChecksumError, UnsupportedError, LimitError or ModelError, and LcompError
        for a crop that is not within the picture.
        """
        data = bytes(data)
        header = container.read_header(Reader(data))
        check_pixels(header.width, header.height, max_pixels)
        grid = Grid(header.width, header.height)
        area = grid.picture if crop is None else Rectangle(*crop)
        if area.shared(grid.picture) != area:
            raise LcompError(f"crop {area} is not within the picture of {header.width}x{header.height} pixels")
        if salvage:
            file, lost = recover(data)
        else:
            file, lost = container.read(data), ()
        codec = load_model(model_by_number(header.model, header.fingerprint), self.device)
        with memory_errors():
            decoded = codec.decode(file.tiles, header.quality, grid, file.coder, area, salvage, progress)
            alpha = None
            if file.alpha is not None:
                try:
                    alpha = read_alpha(file.alpha, header.width, header.height)[area.within(grid.picture)]
                except FormatError:
                    if not salvage:
                        raise
                    lost = (*lost, "ALPHA")
            image = to_image(decoded.pixels, header.mode, alpha)
        report_losses(lost, decoded.lost, grid)
        for name, payload in (("icc_profile", file.icc), ("exif", file.exif), ("xmp", file.xmp)):
            if payload is not None:
                image.info[name] = payload
        return image


def report_losses(sections: tuple[str, ...], tiles: tuple[Rectangle, ...], grid: Grid) -> None:
    """Log in one line each what `salvage` could not save."""
    if sections:
        log.warning("damaged and left out: %s", ", ".join(sections))
    if tiles:
        places = " ".join(map(str, tiles))
        log.warning("%d of %d tiles damaged and filled in, at x,y,width,height: %s", len(tiles), grid.count, places)


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
    crop: tuple[int, int, int, int] | None = None,
    salvage: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """Decode `.lic` bytes; see `Codec.decode`. Models stay loaded between calls."""
    return Codec(device=device).decode(data, crop=crop, salvage=salvage, max_pixels=max_pixels)


def info(data: bytes) -> Header:
    """The header of `.lic` bytes, all checksums verified; raises as `lcomp.container.read` does."""
    return container.read(data).header
