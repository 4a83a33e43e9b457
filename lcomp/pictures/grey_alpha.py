"""TIFF of grey and alpha of 16 bits each, which Pillow does not know, although it can take it apart into bytes."""

import contextlib
import io
import struct
import sys

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

MAGIC_NUMBERS = (b"II*\0", b"MM\0*")

BITS, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA = 258, 262, 277, 284, 338
"""Tags of TIFF."""

BLACK_IS_ZERO, RGB, TOGETHER, STRAIGHT_ALPHA = 1, 2, 1, 2
"""Values of PhotometricInterpretation, PlanarConfiguration and ExtraSamples."""


class GreyAlphaTiff(TiffImageFile):
    """Such a TIFF, opened as one of four bytes per pixel; when it is decoded, the high ones of both samples are left.

    Other pictures in the file are what Pillow makes of them.
    """

    takes_low = False  # whether the low bytes are left instead
    splits = False

    def _setup(self) -> None:
        """Describe the frame to Pillow."""
        tags = self.tag_v2
        found = tags.get(PHOTOMETRIC), tags.get(BITS), tags.get(SAMPLES), tags.get(EXTRA), tags.get(PLANAR, TOGETHER)
        self.splits = found == (BLACK_IS_ZERO, (16, 16), 2, (STRAIGHT_ALPHA,), TOGETHER)
        if self.splits:
            tags[PHOTOMETRIC], tags[BITS], tags[SAMPLES] = RGB, (8,) * 4, 4
        super()._setup()

    @property
    def order(self) -> str:
        """The byte order of decoded samples: that of the file, or of the machine where libtiff decodes it."""
        if any(tile.codec_name == "libtiff" for tile in self.tile):
            return sys.byteorder
        return "big" if self.tag_v2.prefix == b"MM" else "little"

    def load_prepare(self) -> None:
        """Remember the byte order, which is gone once the picture is decoded."""
        self.first = int((self.order == "little") != self.takes_low)
        super().load_prepare()

    def load_end(self) -> None:
        """Leave one byte of every sample."""
        if self.splits:
            bands = [self._new(self.im.getband(self.first + place)) for place in (0, 2)]
            self.im, self._mode = Image.merge("LA", bands).im, "LA"
        super().load_end()


def open_grey_alpha(data: bytes) -> GreyAlphaTiff | None:
    """Open such a TIFF; None for others. Raises what plugins raise for damaged pictures."""
    if not data.startswith(MAGIC_NUMBERS):
        return None
    with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
        image = GreyAlphaTiff(io.BytesIO(data), "")
        return image if image.splits else None
    return None
