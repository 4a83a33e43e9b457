"""One tile's latents to an entropy-coded stream and back, for one model on one device."""

import threading
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lcomp.entropy.backend import Backend
from lcomp.entropy.grouping import Order, Transfer
from lcomp.entropy.latents import MAX_SYMBOL, LatentCoder, LatentDecoder, SymbolGroup, Symbols, coder_tables
from lcomp.entropy.range_coder import RangeCoder
from lcomp.entropy.tables import SCALES, TABLES
from lcomp.errors import ChecksumError
from lcomp.format.container import Coder, Encoded
from lcomp.format.tiles import Rectangle
from lcomp.model.stopwatch import Stopwatch
from lcomp.networks.exact.context import CodePass, Places
from lcomp.networks.exact.hyper_context import CodePart
from lcomp.networks.exact.hyper_synthesis import MEAN_BITS, EntropyParameters, HyperOutput
from lcomp.networks.passes import Pass
from lcomp.types import HYPER_STRIDE, Quality
from lcomp.zoo.weights import Weights

Pick = Callable[[Tensor, Tensor, slice, Places], Tensor]
"""Given residuals y - mu [1, G, n], scale indexes, the channels and the places: symbols [1, G, n], as floats."""


def symbols_crc(z: Symbols, y: Symbols, number: int) -> int:
    """CRC-32 of all symbols of a tile as little-endian int16, z before y; seeded with the tile's number."""
    return zlib.crc32(y.astype("<i2").tobytes(), zlib.crc32(z.astype("<i2").tobytes(), number))


def as_symbols(rounded: Tensor) -> Tensor:
    """Rounded latents as int16, clamped to the range of symbols."""
    return rounded.clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int16)


def side_tables(scales: Tensor) -> Tensor:
    """Table numbers (uint8) of z's symbols from their scale indexes: the tables of z follow those of y."""
    return torch.where(scales > 0, scales + SCALES, 0).to(torch.uint8)


class Portion(NamedTuple):
    """Symbols that are coded together, on their device in row-major order."""

    symbols: Tensor  # int16 [n]
    tables: Tensor  # uint8 [n]


class SideInformation(NamedTuple):
    """The side information of a tile: z, and the prediction of y from it."""

    symbols: Tensor  # of z, int16 [1, Z, n]
    groups: list[Portion]  # the same in coding order
    hyper: HyperOutput


class Choice(NamedTuple):
    """The symbols chosen for a tile, and the entropy parameters that they are coded with."""

    side: SideInformation
    groups: list[Portion]  # symbols of y in coding order
    symbols: Tensor  # int16 [1, M, h, w]
    parameters: EntropyParameters  # [1, M, h, w]

    def y_hat(self) -> Tensor:
        """What the decoder will see [1, M, h, w], float32."""
        return dequantise(self.symbols, self.parameters.mean)


def dequantise(symbols: Tensor, mean: Tensor) -> Tensor:
    """y_hat (float32) of symbols and means with MEAN_BITS fractional bits."""
    return (symbols + mean * 2.0**-MEAN_BITS).float()


def read_symbols(decoder: LatentDecoder, tables: Tensor) -> Tensor:
    """The next symbols of a stream, int16, for their tables (uint8) of the same shape and on their device."""
    order = Order(tables.flatten())
    arranged = torch.from_numpy(decoder.decode(order.counts.cpu().numpy()))
    # non_blocking is safe: pageable memory is staged before the call returns
    return order.restore(arranged.to(tables.device, non_blocking=True)).view(tables.shape)


class Latents(NamedTuple):
    """Symbols of y and their entropy parameters: all that a decoder is told."""

    symbols: Tensor  # [1, M, h, w]; int16, but float32 where a gradient is asked for
    parameters: EntropyParameters  # [1, M, h, w]

    def y_hat(self) -> Tensor:
        """The exact latents [1, M, h, w], float32."""
        return dequantise(self.symbols, self.parameters.mean)

    def part(self, rows: slice, columns: slice) -> "Latents":
        """The latents of some rows and columns."""
        return Latents(
            self.symbols[..., rows, columns],
            EntropyParameters(*(each[..., rows, columns] for each in self.parameters)),
        )


class TileCodec:
    """The entropy coding of a model: latents to symbols to a stream, and back.

    Qualities are one in thousandths, or one for every hyper-latent of a tile.
    """

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self.h_c, self.h_s, self.context = weights.h_c, weights.h_s, weights.context
        self.tables = weights.tables
        self.device = device
        self.coders: dict[Coder, LatentCoder] = {}
        self.lock = threading.Lock()
        self.watch = Stopwatch(device)

    def coder(self, kind: Coder) -> LatentCoder:
        """The entropy layer with a given backend, built once."""
        # torchac's import closes stdout for a moment, which two threads must not do at once
        with self.lock:
            if kind not in self.coders:
                tables = coder_tables(self.tables)
                backend: Backend
                if kind is Coder.TORCHAC:
                    from lcomp.entropy.torchac_coder import TorchacCoder

                    backend = TorchacCoder(tables)
                else:
                    backend = RangeCoder(tables)
                self.coders[kind] = LatentCoder(self.tables, backend)
            return self.coders[kind]

    @torch.inference_mode()
    def run_side(self, rows: int, columns: int, quality: Quality, code: CodePart) -> SideInformation:
        """Code z with `code`, and predict y [1, M, rows, columns] from it."""
        height, width = -(-rows // HYPER_STRIDE), -(-columns // HYPER_STRIDE)
        groups: list[Portion] = []
        symbols = torch.empty(1, self.h_c.channels, height * width, dtype=torch.int16, device=self.device)

        def record(places: Tensor, parameters: EntropyParameters) -> Tensor:
            coded = code(places, parameters)
            symbols[:, :, places] = coded
            groups.append(Portion(coded.flatten(), side_tables(parameters.scales).flatten()))
            return coded

        z_hat = self.h_c(height, width, quality, record)
        hyper = HyperOutput(*(tensor[..., :rows, :columns] for tensor in self.h_s(z_hat, quality)))
        return SideInformation(symbols, groups, hyper)

    def run_passes(self, hyper: HyperOutput, quality: Quality, code: CodePass) -> EntropyParameters:
        """Code all of y with `code`: in the passes of the context model where there is one, else at once."""
        if self.context is not None:
            return self.context(hyper, quality, code)
        parameters = hyper.entropy_parameters()
        flat = EntropyParameters(*(tensor.flatten(2) for tensor in parameters))
        code(Pass(0, 0, flat.mean.shape[1], part=0, parts=1), slice(None), flat)
        return parameters

    @torch.inference_mode()
    def choose(self, y: Tensor, side: SideInformation, quality: Quality, pick: Pick) -> Choice:
        """The symbols of y [1, M, rows, columns] as `pick` chooses them, given z."""
        groups: list[Portion] = []
        flat = y.flatten(2)
        symbols = torch.empty_like(flat, dtype=torch.int16)

        def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
            channels = slice(step.first, step.last)
            residual = flat[:, channels, places] - parameters.mean * 2.0**-MEAN_BITS
            chosen = as_symbols(pick(residual.float(), parameters.scales, channels, places))
            symbols[:, channels, places] = chosen
            groups.append(Portion(chosen.flatten(), parameters.scales.flatten()))
            return chosen

        parameters = self.run_passes(side.hyper, quality, code)
        self.watch.lap("entropy model")
        return Choice(side, groups, symbols.view(y.shape), parameters)

    @torch.inference_mode()
    def send(self, choice: Choice) -> Transfer:
        """Start copying the symbols of a tile to the CPU, for `encode`."""
        groups = [*choice.side.groups, *choice.groups]
        orders = [Order(group.tables) for group in groups]
        return Transfer(
            torch.cat([order.counts for order in orders]).view(torch.int16),
            choice.side.symbols,
            choice.symbols,
            *(order.arrange(group.symbols) for order, group in zip(orders, groups, strict=True)),
        )

    def encode(self, transfer: Transfer, coder: Coder, number: int = 0) -> Encoded:
        """Entropy-code the tile `number`, whose symbols were sent."""
        counts, z, y, *arranged = transfer.arrays()
        of_groups = counts.view(np.int32).reshape(len(arranged), TABLES)
        stream = self.coder(coder).encode([SymbolGroup(*group) for group in zip(arranged, of_groups, strict=True)])
        self.watch.lap("entropy coding")
        return Encoded(stream, symbols_crc(z, y, number))

    @torch.inference_mode()
    def decode(
        self, encoded: Encoded, quality: Quality, height: int, width: int, coder: Coder, number: int = 0
    ) -> Latents:
        """The exact latents of the tile `number`, which has the given size in pixels.

        Raises FormatError for impossible data and ChecksumError where the symbols are not the encoder's.
        """
        tile = Rectangle(0, 0, width, height).latents()
        decoder = self.coder(coder).decoder(encoded.stream)

        def code_side(places: Tensor, parameters: EntropyParameters) -> Tensor:
            return read_symbols(decoder, side_tables(parameters.scales))

        side = self.run_side(tile.height, tile.width, quality, code_side)
        symbols = torch.empty(side.hyper.mean.flatten(2).shape, dtype=torch.int16, device=self.device)
        self.watch.lap("hyperprior")

        def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
            decoded = read_symbols(decoder, parameters.scales)
            symbols[:, step.first : step.last, places] = decoded
            return decoded

        parameters = self.run_passes(side.hyper, quality, code)
        decoder.finish()
        self.watch.lap("entropy decoding")
        z, y = Transfer(side.symbols, symbols).arrays()
        if symbols_crc(z, y, number) != encoded.symbols_crc:
            raise ChecksumError("decoded latents do not match the encoder's: wrong or damaged decoder")
        return Latents(symbols.view(parameters.mean.shape), parameters)
