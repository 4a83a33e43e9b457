"""One tile's pixels to an entropy-coded stream and back."""

import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcomp.entropy.grouping import Order
from lcomp.entropy.latents import LatentCoder, LatentDecoder, SymbolGroup
from lcomp.errors import ChecksumError, FormatError
from lcomp.format.container import Encoded
from lcomp.lossless.colours import RANGES, Colours, to_pixels
from lcomp.lossless.costs import Costs, symbols_of
from lcomp.lossless.lattice import PyramidPass, scales_of
from lcomp.lossless.mode import Mode
from lcomp.lossless.parameters import TABLES, CodingParameters, Distributions, coarse_table
from lcomp.lossless.passes import MIDDLES, PassModel, run_passes
from lcomp.lossless.prediction import count_taps, fit
from lcomp.lossless.source import TileSource
from lcomp.lossless.surroundings import Surroundings, Taps

NUMBER_TABLE, COEFFICIENT_TABLE, BASE_TABLE = coarse_table(24), coarse_table(44), coarse_table(46)
"""Tables of numbers that stand alone, of coefficients, and of the samples that nothing predicts."""


MOST_OFFSET = 8
"""Largest change of the scales of a pass, in steps."""


def pixels_of(planes: Tensor, colours: Colours) -> Tensor:
    """Pixels (uint8) of decoded planes; what no picture can hold is clamped: damaged data, and what rounding leaves."""
    return planes[0].clamp(0, 255).to(torch.uint8) if len(planes) == 1 else to_pixels(planes, colours)


def pixels_crc(pixels: NDArray[np.uint8], number: int) -> int:
    """CRC-32 of a tile's pixels, seeded with the tile's number."""
    return zlib.crc32(np.ascontiguousarray(pixels).tobytes(), number)


def middles(planes: int) -> Tensor:
    """What base samples count from (int16 [C, 1, 1])."""
    return torch.tensor(MIDDLES[:planes], dtype=torch.int16)[:, None, None]


def in_range(samples: Tensor, plane: int) -> Tensor:
    """Samples (int32) of a plane as int16, clamped: damaged data may say anything, and nothing may overflow later."""
    return samples.clamp_(*RANGES[plane]).to(torch.int16)


def decoded(symbols: Tensor, parameters: CodingParameters, step: PyramidPass, mode: Mode) -> Tensor:
    """The samples (int16 [n]) that symbols (int16 [n]) of a pass stand for."""
    return in_range(symbols.int() * parameters.signs * mode.step + parameters.centres, step.plane)


class TileWriter:
    """The symbols of a tile of pixels (uint8 [H, W] or [H, W, 3])."""

    def __init__(self, pixels: Tensor, mode: Mode, costs: Costs) -> None:
        self.source, self.mode, self.costs = TileSource(pixels, mode.colours), mode, costs
        self.groups: list[SymbolGroup] = []
        self.put_one(mode.colours.value)

    def put(self, symbols: Tensor, tables: Tensor) -> None:
        """Append symbols (int16 [n]) that are coded together."""
        order = Order(tables, TABLES)
        self.groups.append(SymbolGroup(order.arrange(symbols).cpu().numpy(), order.counts.cpu().numpy()))

    def put_alike(self, symbols: Tensor, table: int) -> None:
        """Append symbols of one table."""
        self.put(symbols, torch.full(symbols.shape, table, dtype=torch.int16, device=symbols.device))

    def put_one(self, value: int) -> None:
        """Append a number that is mostly near 0."""
        self.put_alike(torch.tensor([value], dtype=torch.int16, device=self.source.planes.device), NUMBER_TABLE)

    def base(self, height: int, width: int) -> Tensor:
        """The samples that nothing predicts."""
        base = self.source.base(scales_of(*self.source.planes.shape[1:]))
        self.put_alike((base - middles(len(base)).to(base.device)).flatten(), BASE_TABLE)
        return base

    def coefficients(self, step: PyramidPass, around: Surroundings, taps: Taps) -> Tensor:
        """Coefficients fitted to a pass."""
        found = fit(taps, self.source.known(step, around))
        self.put_alike(found, COEFFICIENT_TABLE)
        return found

    def samples(self, step: PyramidPass, around: Surroundings, distributions: Distributions, adapted: bool) -> Tensor:
        """The samples of a pass."""
        values, offset = self.source.known(step, around).flatten(), 0
        if adapted:
            offset = self.costs.best_offset(values, distributions)
            self.put_one(offset)
        parameters = distributions.parameters(offset)
        symbols = symbols_of(values, parameters, self.mode.max_error)
        self.put(symbols, parameters.tables)
        return values if not self.mode.max_error else decoded(symbols, parameters, step, self.mode)


class TileReader:
    """Reads the samples of a tile of so many planes."""

    def __init__(self, decoder: LatentDecoder, planes: int, max_error: int, device: torch.device) -> None:
        """Read the head of the stream; raises FormatError where it is damaged."""
        self.decoder, self.planes, self.device = decoder, planes, device
        number = self.get_one()
        if number not in {colours.value for colours in Colours}:
            raise FormatError(f"unknown colour transform {number}")
        self.mode = Mode(Colours(number), max_error)

    def get(self, tables: Tensor) -> Tensor:
        """The next symbols (int16 [n]), which are coded together."""
        order = Order(tables, TABLES)
        symbols = torch.from_numpy(self.decoder.decode(order.counts.cpu().numpy())).to(self.device)
        return order.restore(symbols)

    def get_alike(self, count: int, table: int) -> Tensor:
        """The next symbols of one table."""
        return self.get(torch.full((count,), table, dtype=torch.int16, device=self.device))

    def base(self, height: int, width: int) -> Tensor:
        """The samples that nothing predicts."""
        symbols = self.get_alike(self.planes * height * width, BASE_TABLE).view(self.planes, height, width)
        return torch.stack([in_range(part.int() + MIDDLES[plane], plane) for plane, part in enumerate(symbols)])

    def get_one(self) -> int:
        """The next number that stands alone."""
        return int(self.get_alike(1, NUMBER_TABLE))

    def coefficients(self, step: PyramidPass, around: Surroundings, taps: Taps) -> Tensor:
        """Coefficients of a pass."""
        return self.get_alike(count_taps(step.plane), COEFFICIENT_TABLE)

    def samples(self, step: PyramidPass, around: Surroundings, distributions: Distributions, adapted: bool) -> Tensor:
        """The samples of a pass."""
        offset = self.get_one() if adapted else 0
        if abs(offset) > MOST_OFFSET:
            raise FormatError("impossible scales")
        parameters = distributions.parameters(offset)
        return decoded(self.get(parameters.tables), parameters, step, self.mode)


class LosslessCodec:
    """Codes tiles with one model on one device."""

    def __init__(self, model: PassModel, coder: LatentCoder, device: torch.device) -> None:
        self.model, self.coder, self.device = model, coder, device
        self.costs = Costs(coder.tables, device)

    @torch.inference_mode()
    def encode(self, pixels: NDArray[np.uint8], number: int, max_error: int = 0) -> Encoded:
        """The stream of a tile's pixels, [H, W] or [H, W, 3], none of which comes out off by more than `max_error`."""
        height, width = pixels.shape[:2]
        source = torch.from_numpy(pixels.copy()).to(self.device)
        mode = Mode(Colours.GREEN if max_error else Colours.YCOCG, max_error)
        writer = TileWriter(source, mode, self.costs)
        planes = run_passes(writer, height, width, self.model)
        if max_error:
            pixels = pixels_of(planes, mode.colours).cpu().numpy()
        return Encoded(self.coder.encode(writer.groups), pixels_crc(pixels, number))

    @torch.inference_mode()
    def decode(
        self, encoded: Encoded, height: int, width: int, grey: bool, number: int, max_error: int = 0
    ) -> NDArray[np.uint8]:
        """The pixels of a tile, [H, W] or [H, W, 3]; raises FormatError or ChecksumError for damaged data."""
        reader = TileReader(self.coder.decoder(encoded.stream), 1 if grey else 3, max_error, self.device)
        planes = run_passes(reader, height, width, self.model)
        reader.decoder.finish()
        pixels = pixels_of(planes, reader.mode.colours).cpu().numpy()
        if pixels_crc(pixels, number) != encoded.symbols_crc:
            raise ChecksumError("checksum of the decoded pixels does not match: the file is damaged")
        return pixels
