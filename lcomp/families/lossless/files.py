"""Lossless files: coded by the lossless model or stored by a library (`lcomp.pictures.stored`), the smaller of both."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from lcomp.decoding.area import Decoded
from lcomp.encoding.stored import stored_file, stored_pixels, with_low_bytes
from lcomp.errors import UnsupportedError
from lcomp.families.family import PictureCodec
from lcomp.families.lossless.description import LosslessInfo
from lcomp.families.lossless.tile import LosslessCodec
from lcomp.families.tiles import decode_tilewise, encode_tilewise
from lcomp.format.container import Coder, Encoded, LicFile, Mode
from lcomp.format.tiles import Grid, Rectangle
from lcomp.options import DecodeOptions, EncodeOptions
from lcomp.pictures.reading import Picture
from lcomp.pictures.stored import write_stored
from lcomp.types import Progress


class LosslessFiles(PictureCodec):
    """A loaded model of the lossless family."""

    def __init__(self, info: LosslessInfo, codec: LosslessCodec) -> None:
        self.info, self.codec = info, codec

    def encode(
        self, picture: Picture, options: EncodeOptions, coder: Coder, progress: Progress | None = None
    ) -> LicFile:
        """The smallest file of exactly this picture, or of one that is off by no more than the options allow.

        Photographs are smaller when coded; screenshots, drawings and noise are often smaller as WebP. Low bytes of
        16-bit samples are stored beside either.
        """
        if picture.is_deep and options.max_error:
            raise UnsupportedError("a largest error is for pictures of 8 bits: this one has 16")
        alpha = None if picture.alpha is None else write_stored(picture.alpha)
        # libwebp lets go of Python's lock
        with ThreadPoolExecutor(1) as beside:
            storing = beside.submit(stored_file, picture, alpha, options.strip)
            tiles = self.tiles(picture, options, progress)
        stored = storing.result()
        return with_low_bytes(min(stored, self.coded(stored, tiles, options), key=len), picture)

    def tiles(self, picture: Picture, options: EncodeOptions, progress: Progress | None = None) -> tuple[Encoded, ...]:
        """The tiles of a picture as the model codes them."""
        height, width = picture.pixels.shape[:2]
        encode_tile = partial(self.codec.encode, max_error=options.max_error, effort=options.effort)
        return encode_tilewise(encode_tile, stored_pixels(picture), Grid(width, height), progress)

    def coded(self, stored: LicFile, tiles: tuple[Encoded, ...], options: EncodeOptions) -> LicFile:
        """The file of coded tiles; all else is that of the `stored` file."""
        mark, number, max_error = self.info.fingerprint, self.info.number, options.max_error
        header = replace(stored.header, model=number, fingerprint=mark, max_error=max_error)
        return replace(stored, header=header, coder=Coder.CONSTRICTION, tiles=tiles, stored=None)

    def decode(
        self, file: LicFile, area: Rectangle, options: DecodeOptions, progress: Progress | None = None
    ) -> Decoded:
        """See `PictureCodec.decode`."""
        grey, max_error = file.header.mode is Mode.L, file.header.max_error
        return decode_tilewise(
            lambda encoded, tile, number: self.codec.decode(encoded, tile.height, tile.width, grey, number, max_error),
            file,
            area,
            options.salvage,
            progress,
        )
