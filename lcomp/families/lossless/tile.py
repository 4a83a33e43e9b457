"""One tile's pixels to an entropy-coded stream and back."""

import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcomp.entropy.grouping import Order
from lcomp.entropy.latents import LatentCoder, LatentDecoder, SymbolGroup
from lcomp.errors import ChecksumError
from lcomp.families.lossless.colours import RANGES, to_pixels, to_planes
from lcomp.families.lossless.lattice import at_scale, band_of, scales_of
from lcomp.families.lossless.parameters import TABLES, CodingParameters, coarse_table
from lcomp.families.lossless.passes import MIDDLES, PassModel, PyramidPass, run_passes
from lcomp.families.lossless.prediction import count_taps, fit
from lcomp.families.lossless.surroundings import Taps
from lcomp.format.container import Encoded

COEFFICIENT_TABLE, BASE_TABLE = coarse_table(44), coarse_table(46)
"""Tables of coefficients, and of the samples that nothing predicts."""


def planes_of(pixels: Tensor) -> Tensor:
    """Planes (int16 [C, H, W]) of grey [H, W] or RGB [H, W, 3] pixels (uint8)."""
    return pixels.to(torch.int16)[None] if pixels.ndim == 2 else to_planes(pixels)


def pixels_of(planes: Tensor) -> Tensor:
    """Inverse of `planes_of`; what no picture can hold (damaged data) is clamped."""
    return planes[0].clamp(0, 255).to(torch.uint8) if len(planes) == 1 else to_pixels(planes)


def pixels_crc(pixels: NDArray[np.uint8], number: int) -> int:
    """CRC-32 of a tile's pixels, seeded with the tile's number."""
    return zlib.crc32(np.ascontiguousarray(pixels).tobytes(), number)


def middles(planes: int) -> Tensor:
    """What base samples count from (int16 [C, 1, 1])."""
    return torch.tensor(MIDDLES[:planes], dtype=torch.int16)[:, None, None]


class TileWriter:
    """The symbols of a tile whose samples (int16 [C, H, W]) are known."""

    def __init__(self, planes: Tensor) -> None:
        self.planes = planes
        self.groups: list[SymbolGroup] = []

    def put(self, symbols: Tensor, tables: Tensor) -> None:
        """Append symbols (int16 [n]) that are coded together."""
        order = Order(tables, TABLES)
        self.groups.append(SymbolGroup(order.arrange(symbols).cpu().numpy(), order.counts.cpu().numpy()))

    def put_alike(self, symbols: Tensor, table: int) -> None:
        """Append symbols of one table."""
        self.put(symbols, torch.full(symbols.shape, table, dtype=torch.int16, device=symbols.device))

    def base(self, height: int, width: int) -> Tensor:
        """The samples that nothing predicts."""
        base = at_scale(self.planes, scales_of(*self.planes.shape[1:]))
        self.put_alike((base - middles(len(base)).to(base.device)).flatten(), BASE_TABLE)
        return base

    def coefficients(self, step: PyramidPass, taps: Taps) -> Tensor:
        """Coefficients fitted to a pass."""
        found = fit(taps, self.known(step))
        self.put_alike(found, COEFFICIENT_TABLE)
        return found

    def samples(self, step: PyramidPass, parameters: CodingParameters) -> Tensor:
        """The samples of a pass."""
        values = self.known(step).flatten()
        self.put((values - parameters.centres) * parameters.signs, parameters.tables)
        return values

    def known(self, step: PyramidPass) -> Tensor:
        """The samples [h, w] of a pass."""
        return band_of(at_scale(self.planes, step.scale)[step.plane], step.band)


def in_range(samples: Tensor, plane: int) -> Tensor:
    """Samples (int32) of a plane as int16, clamped: damaged data may say anything, and nothing may overflow later."""
    return samples.clamp_(*RANGES[plane]).to(torch.int16)


class TileReader:
    """Reads the samples of a tile of so many planes."""

    def __init__(self, decoder: LatentDecoder, planes: int, device: torch.device) -> None:
        self.decoder, self.planes, self.device = decoder, planes, device

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

    def coefficients(self, step: PyramidPass, taps: Taps) -> Tensor:
        """Coefficients of a pass."""
        return self.get_alike(count_taps(step.plane), COEFFICIENT_TABLE)

    def samples(self, step: PyramidPass, parameters: CodingParameters) -> Tensor:
        """The samples of a pass."""
        differences = self.get(parameters.tables).int() * parameters.signs
        return in_range(differences + parameters.centres, step.plane)


class LosslessCodec:
    """Codes tiles with one model on one device."""

    def __init__(self, model: PassModel, coder: LatentCoder, device: torch.device) -> None:
        self.model, self.coder, self.device = model, coder, device

    @torch.inference_mode()
    def encode(self, pixels: NDArray[np.uint8], number: int) -> Encoded:
        """The stream of a tile's pixels, [H, W] or [H, W, 3]."""
        writer = TileWriter(planes_of(torch.from_numpy(pixels.copy()).to(self.device)))
        run_passes(writer, pixels.shape[0], pixels.shape[1], self.model)
        return Encoded(self.coder.encode(writer.groups), pixels_crc(pixels, number))

    @torch.inference_mode()
    def decode(self, encoded: Encoded, height: int, width: int, grey: bool, number: int) -> NDArray[np.uint8]:
        """The pixels of a tile, [H, W] or [H, W, 3]; raises FormatError or ChecksumError for damaged data."""
        reader = TileReader(self.coder.decoder(encoded.stream), 1 if grey else 3, self.device)
        planes = run_passes(reader, height, width, self.model)
        reader.decoder.finish()
        pixels = pixels_of(planes).cpu().numpy()
        if pixels_crc(pixels, number) != encoded.symbols_crc:
            raise ChecksumError("checksum of the decoded pixels does not match: the file is damaged")
        return pixels
