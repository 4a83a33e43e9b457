"""The bytes API: Pillow images to `.lic` bytes and back."""

import contextlib
from collections.abc import Iterator
from functools import cache

import torch
from PIL import Image

from lcomp import container
from lcomp.codec import Encoded, ModelCodec, log
from lcomp.container import CODERS, QUALITY_STEPS, Header, LicFile
from lcomp.errors import LcompError, LimitError
from lcomp.images import MAX_PIXELS, to_image, to_picture
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

    def encode(self, image: Image.Image, quality: float = 4.0) -> bytes:
        """Encode a picture at a quality in [1, 8] as `.lic` bytes, with its ICC profile, EXIF and XMP.

        Raises LcompError for an impossible quality and UnsupportedError for pictures that cannot be coded.
        """
        if not 1 <= quality <= 8:
            raise LcompError(f"quality {quality} is out of range: use 1 to 8")
        steps = round(quality * QUALITY_STEPS)
        if image.width * image.height > MAX_PIXELS:
            raise LimitError(f"picture has {image.width}x{image.height} pixels (limit {MAX_PIXELS})")
        picture = to_picture(image)
        for note in picture.notes:
            log.warning(note)
        codec = load_model(self.model, self.device)
        with memory_errors():
            encoded = codec.encode(picture.pixels, steps, self.coder)
        height, width = picture.pixels.shape[:2]
        header = Header(width, height, picture.mode, steps, self.model.number, self.model.fingerprint)
        return container.write(
            LicFile(
                header,
                self.coder,
                encoded.symbols_crc,
                encoded.stream,
                icc=picture.icc,
                exif=picture.exif,
                xmp=picture.xmp,
            )
        )

    def decode(self, data: bytes) -> Image.Image:
        """Decode `.lic` bytes; metadata is in the image's `info` (`icc_profile`, `exif`, `xmp`).

        Raises FormatError, TruncatedError, ChecksumError, UnsupportedError, LimitError or ModelError.
        """
        file = container.read(bytes(data))
        header = file.header
        if header.width * header.height > MAX_PIXELS:
            raise LimitError(f"picture has {header.width}x{header.height} pixels (limit {MAX_PIXELS})")
        codec = load_model(model_by_number(header.model, header.fingerprint), self.device)
        encoded = Encoded(file.stream, file.symbols_crc)
        with memory_errors():
            pixels = codec.decode(encoded, header.quality, header.height, header.width, file.coder)
        image = to_image(pixels, header.mode)
        for name, payload in (("icc_profile", file.icc), ("exif", file.exif), ("xmp", file.xmp)):
            if payload is not None:
                image.info[name] = payload
        return image


def encode(
    image: Image.Image,
    quality: float = 4.0,
    model: str | None = None,
    device: str = "auto",
    coder: str = "constriction",
) -> bytes:
    """Encode a picture as `.lic` bytes; see `Codec.encode`. Models stay loaded between calls."""
    return Codec(model, device, coder).encode(image, quality)


def decode(data: bytes, device: str = "auto") -> Image.Image:
    """Decode `.lic` bytes; see `Codec.decode`. Models stay loaded between calls."""
    return Codec(device=device).decode(data)


def info(data: bytes) -> Header:
    """The header of `.lic` bytes, all checksums verified; raises as `lcomp.container.read` does."""
    return container.read(data).header
