"""One tile's pixels to an entropy-coded stream and back."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcomp.entropy.latents import LatentCoder
from lcomp.errors import ChecksumError
from lcomp.families.lossless.colours import Colours
from lcomp.families.lossless.costs import SymbolCosts
from lcomp.families.lossless.crew import strip_threads
from lcomp.families.lossless.mode import CodingMode
from lcomp.families.lossless.passes import PassModel, run_passes
from lcomp.families.lossless.reader import TileReader
from lcomp.families.lossless.symbols import pixels_crc, pixels_of
from lcomp.families.lossless.writer import Choices, TileWriter, choices_of
from lcomp.format.container import Encoded
from lcomp.options import DEFAULT_EFFORT


class Written(NamedTuple):
    """A tile as it was coded."""

    stream: bytes
    planes: Tensor  # int16 [C, H, W], as they are decoded
    mode: CodingMode


def modes_of(pixels: Tensor, max_error: int, tries_colours: bool) -> list[CodingMode]:
    """How a tile is coded, of which the smallest is kept: with differences from green, which do mostly best.

    YCoCg-R cannot bound errors of R, G and B. Grey is coded as the first plane of either transform, with the one under
    which networks have learned of errors.
    """
    if pixels.ndim == 2:
        return [CodingMode(Colours.GREEN if max_error else Colours.YCOCG, max_error)]
    tried = Colours if tries_colours and not max_error else (Colours.GREEN,)
    return [CodingMode(colours, max_error) for colours in tried]


class LosslessCodec:
    """Codes tiles with one model on one device."""

    def __init__(self, model: PassModel, coder: LatentCoder, device: torch.device) -> None:
        self.model, self.coder, self.device = model, coder, device
        self.costs = SymbolCosts(coder.tables, device)

    @torch.inference_mode()
    def encode(
        self, pixels: NDArray[np.uint8], number: int, max_error: int = 0, effort: int = DEFAULT_EFFORT
    ) -> Encoded:
        """The stream of a tile's pixels, [H, W] or [H, W, 3], of which none is decoded off by more than `max_error`."""
        source, choices = torch.from_numpy(pixels.copy()).to(self.device), choices_of(effort)
        modes = modes_of(source, max_error, choices.tries_colours)
        written = min((self.write(source, mode, choices) for mode in modes), key=lambda written: len(written.stream))
        found = pixels_of(written.planes, written.mode.colours).cpu().numpy() if max_error else pixels
        return Encoded(written.stream, pixels_crc(found, number))

    def write(self, pixels: Tensor, mode: CodingMode, choices: Choices) -> Written:
        """A tile in one mode."""
        writer = TileWriter(pixels, mode, choices, self.costs)
        with strip_threads(self.device) as map_strips:
            planes = run_passes(writer, pixels.shape[0], pixels.shape[1], self.model, map_strips)
        return Written(self.coder.encode(writer.groups), planes, mode)

    @torch.inference_mode()
    def decode(
        self, encoded: Encoded, height: int, width: int, grey: bool, number: int, max_error: int = 0
    ) -> NDArray[np.uint8]:
        """The pixels of a tile, [H, W] or [H, W, 3]; raises FormatError or ChecksumError for damaged data."""
        reader = TileReader(self.coder.decoder(encoded.stream), 1 if grey else 3, max_error, self.device)
        with strip_threads(self.device) as map_strips:
            planes = run_passes(reader, height, width, self.model, map_strips)
        reader.decoder.finish()
        pixels = pixels_of(planes, reader.mode.colours).cpu().numpy()
        if pixels_crc(pixels, number) != encoded.symbols_crc:
            raise ChecksumError("checksum of the decoded pixels does not match: the file is damaged")
        return pixels
