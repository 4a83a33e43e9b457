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


def possible_modes(pixels: Tensor, max_error: int) -> list[CodingMode]:
    """How a tile may be coded: YCoCg-R cannot bound errors of R, G and B, and grey is coded as either's first plane.

    Networks have learned of errors with differences from green alone.
    """
    if max_error:
        return [CodingMode(Colours.GREEN, max_error)]
    return [CodingMode(colours, 0) for colours in Colours] if pixels.ndim == 3 else [CodingMode(Colours.YCOCG, 0)]


def middle_of(pixels: Tensor, side: int) -> Tensor:
    """A square in the middle of pixels, or as much of it as there is."""
    top, left = (max(0, (size - side) // 2) for size in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


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
        modes = possible_modes(source, max_error)
        sample = middle_of(source, choices.colour_side)
        if not choices.colour_side:
            modes = modes[-1:]
        elif sample.shape != source.shape and len(modes) > 1:
            modes = [self.smallest(sample, modes, choices).mode]
        written = self.smallest(source, modes, choices)
        found = pixels_of(written.planes, written.mode.colours).cpu().numpy() if max_error else pixels
        return Encoded(written.stream, pixels_crc(found, number))

    def smallest(self, pixels: Tensor, modes: list[CodingMode], choices: Choices) -> Written:
        """A tile in the mode that makes it smallest."""
        return min((self.write(pixels, mode, choices) for mode in modes), key=lambda written: len(written.stream))

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
