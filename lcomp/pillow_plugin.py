"""The Pillow plugin: `Image.open` and `Image.save` for `.lic` files, registered by `import lcomp`.

Pillow itself looks for no plugins in other packages. Opening needs no torch; that is loaded when pixels are asked for.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import IO, Any, BinaryIO, cast

from PIL import Image, ImageFile

from lcomp.errors import LcompError
from lcomp.format import container
from lcomp.format.outline import Outline, read_outline
from lcomp.options import EncodeOptions, sufficient_scale

FORMAT, SUFFIX, MIME = "LIC", ".lic", "image/x-lic"

OPTIONS = frozenset(field.name for field in fields(EncodeOptions)) - {"frame", "max_pixels"}
"""Arguments of `Image.save` that are options of encoding."""

OTHER_OPTIONS = ("model", "device", "coder", "threads")
"""Those that are options of a codec."""

METADATA = ("icc_profile", "exif", "xmp")
"""Those that take the place of what the image holds in its `info`."""


@contextlib.contextmanager
def as_pillow_does() -> Iterator[None]:
    """Raise OSError for damaged and unsupported files, as programs that use Pillow expect."""
    try:
        yield
    except LcompError as error:
        raise OSError(f"{SUFFIX} file: {error}") from error


def begins_a_file(prefix: bytes) -> bool:
    """Whether the first 16 bytes are those of a `.lic` file."""
    return prefix.startswith(container.MAGIC)


def scale_for(outline: Outline, size: tuple[int, int]) -> int:
    """The factor by which a picture is decoded smaller, but not smaller than `size`."""
    return round(1 / sufficient_scale(outline.header.width, outline.header.height, *size))


class LicImageFile(ImageFile.ImageFile):
    """A `.lic` file whose header is read, and whose pixels are decoded when they are asked for."""

    format = FORMAT
    format_description = "lcomp learned image compression"
    outline: Outline
    scale = 1

    def _open(self) -> None:
        """Read header and metadata."""
        assert self.fp is not None
        with as_pillow_does():
            self.outline = read_outline(cast(BinaryIO, self.fp))
        header = self.outline.header
        self._size, self._mode = (header.width, header.height), self.outline.mode
        if any((self.outline.icc, self.outline.exif, self.outline.xmp)):
            from lcomp.pictures.description import describe

            describe(self, self.outline.icc, self.outline.exif, self.outline.xmp, moved=False)

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Have the picture decoded at a reduced size of at least `size`, where there is one; `thumbnail` asks so."""
        if self.is_decoded or size is None:
            return None
        self.scale = scale_for(self.outline, size)
        if self.scale == 1:
            return None
        width, height = self.outline.header.width, self.outline.header.height
        self._size, self._mode = (-(-width // self.scale), -(-height // self.scale)), self.outline.shallow_mode
        return self.mode, (0, 0, width / self.scale, height / self.scale)

    @property
    def is_decoded(self) -> bool:
        """Whether the pixels are there."""
        return self._im is not None

    def load(self) -> Any:
        """Decode the pixels; raises OSError for a damaged file, or one whose model is not installed."""
        if not self.is_decoded and self.fp is not None:
            from lcomp.functions import decode

            header = self.outline.header

            self.fp.seek(0)
            with as_pillow_does():
                # Pillow has compared the size with its own limit
                self.im = decode(self.fp.read(), max_pixels=header.width * header.height, scale=1 / self.scale).im
            if self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Check all checksums; raises OSError where one is wrong. As ever with Pillow, the file is closed then."""
        if self.fp is not None:
            self.fp.seek(0)
            with as_pillow_does():
                container.read(self.fp.read())
        super().verify()


def described_anew(image: Image.Image, given: dict[str, object]) -> Image.Image:
    """The image itself, or a copy with other metadata where arguments of `save` bring it or leave it out."""
    if not any(name in given for name in METADATA):
        return image
    image = image.copy()
    for name in METADATA:
        if name in given:
            image.info.pop(name, None)
            payload = given[name]
            payload = payload.tobytes() if isinstance(payload, Image.Exif) else payload
            if payload:
                image.info[name] = payload
    return image


def save(image: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    """Encode an image with the options given to `Image.save`; those of other formats are ignored, as Pillow does.

    Raises ValueError for options out of range and OSError for a picture that cannot be encoded.
    """
    given = image.encoderinfo
    try:
        options = EncodeOptions(**{name: value for name, value in given.items() if name in OPTIONS})
    except LcompError as error:
        raise ValueError(str(error)) from error
    shown = described_anew(image, given)
    if getattr(shown, "is_animated", False):  # unlike a copy, which has the frame in sight alone
        options = replace(options, frame=shown.tell())
    from lcomp.api import Codec

    with as_pillow_does():
        codec = Codec(**{name: value for name, value in given.items() if name in OTHER_OPTIONS})
        stream.write(codec.encode(shown, options))


def register() -> None:
    """Make Pillow know the format."""
    Image.register_open(FORMAT, LicImageFile, begins_a_file)
    Image.register_save(FORMAT, save)
    Image.register_extension(FORMAT, SUFFIX)
    Image.register_mime(FORMAT, MIME)
