"""A loaded model of the hyperprior family, as other families' are."""

from dataclasses import replace

import torch

from lcomp.decoding.area import Decoded, decode_area
from lcomp.decoding.reduced import decode_reduced
from lcomp.encoding.picture import PictureEncoder
from lcomp.families.family import PictureCodec
from lcomp.families.registry import find_model, load
from lcomp.format.container import Coder, LicFile
from lcomp.format.tiles import Rectangle
from lcomp.model.cache import load_decoder, load_model
from lcomp.model.decoders import Decoder
from lcomp.options import DEFAULT_QUALITY, LOSSLESS, DecodeOptions, EncodeOptions
from lcomp.pictures.reading import Picture
from lcomp.types import Progress
from lcomp.zoo.registry import ModelInfo


class HyperpriorCodec(PictureCodec):
    """A model on a device; its decoder is loaded when it is needed."""

    def __init__(self, info: ModelInfo, device: torch.device, precision: str) -> None:
        self.info, self.precision = info, precision
        self.loaded = load_model(info.coding, device, precision)

    def encode(
        self, picture: Picture, options: EncodeOptions, coder: Coder, progress: Progress | None = None
    ) -> LicFile:
        """See `PictureCodec.encode`; the file of a target that is out of reach is a lossless one."""
        return self.encoder(picture, options, coder, progress).wanted()

    def encoder(
        self, picture: Picture, options: EncodeOptions, coder: Coder, progress: Progress | None = None
    ) -> PictureEncoder:
        """What makes the files of a picture, at any quality."""

        def exactly(same: Picture) -> LicFile:
            everywhere = replace(options, roi=(), importance=None)
            plain = replace(
                everywhere, quality=DEFAULT_QUALITY, size=None, bpp=None, psnr=None, ssimulacra2=None, lossless=True
            )
            return load(find_model(LOSSLESS), self.loaded.device, self.precision).encode(same, plain, coder)

        return PictureEncoder(picture, self.info, self.loaded, coder, options, progress, exactly)

    def decode(
        self, file: LicFile, area: Rectangle, options: DecodeOptions, progress: Progress | None = None
    ) -> Decoded:
        """See `PictureCodec.decode`; raises ModelError and LcompError for a decoder or realism that does not fit."""
        if options.factor > 1:
            return decode_reduced(self.loaded, file, area, options.factor, options.salvage, progress)
        half = file.header.half
        decoder = self.decoder(options.decoder or self.info.decoder_for(half), options.realism, half)
        return decode_area(self.loaded, file, area, decoder, options.salvage, progress)

    def decoder(self, name: str, realism: float | None = None, half: bool = False) -> Decoder:
        """The decoder called `name`, for files of `half` size or not."""
        return load_decoder(name, self.info, self.loaded, realism, half)

    def load_all(self) -> None:
        """See `PictureCodec.load_all`."""
        for half in (False, True):
            self.decoder(self.info.decoder_for(half), half=half)
