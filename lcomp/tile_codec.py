"""One tile's latents to an entropy-coded stream and back, for one model on one device."""

import logging
import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lcomp.container import Coder, Encoded
from lcomp.entropy.backend import Backend
from lcomp.entropy.latents import MAX_SYMBOL, Indexes, LatentCoder, Symbols, coder_tables
from lcomp.entropy.range_coder import RangeCoder
from lcomp.entropy.tables import SCALES
from lcomp.errors import ChecksumError
from lcomp.networks.config import HYPER_STRIDE
from lcomp.networks.integer import MEAN_BITS, EntropyParameters, HyperOutput
from lcomp.networks.integer_context import CodePass, Places
from lcomp.networks.integer_hyper_context import CodePart
from lcomp.networks.passes import Pass
from lcomp.tiles import Rectangle
from lcomp.weights import Weights

log = logging.getLogger("lcomp")

Pick = Callable[[Tensor, Tensor, slice], Tensor]
"""Given y - mu [1, G, n], the scale indexes and which channels these are: the symbols [1, G, n], as floats."""


class Stopwatch:
    """Adds up the seconds of each stage, for the log at debug level."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.last = time.perf_counter()

    def start(self) -> None:
        """Forget everything measured so far."""
        self.seconds.clear()
        self.last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap for a stage."""
        if log.isEnabledFor(logging.DEBUG):
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            now = time.perf_counter()
            self.seconds[stage] += now - self.last
            self.last = now

    def report(self) -> None:
        """Log all stages."""
        for stage, seconds in self.seconds.items():
            log.debug("  %s %.3f s", stage, seconds)


def symbols_crc(z: Symbols, y: Symbols, number: int) -> int:
    """CRC-32 of all symbols of a tile as little-endian int16, z before y; it starts from the tile's number."""
    return zlib.crc32(y.astype("<i2").tobytes(), zlib.crc32(z.astype("<i2").tobytes(), number))


def as_symbols(rounded: Tensor) -> Tensor:
    """Rounded latents as int16, clamped to what a symbol can be."""
    return rounded.clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int16)


def flat_symbols(symbols: Tensor) -> Symbols:
    """Symbols (int16) in row-major order."""
    return np.asarray(symbols.contiguous().flatten().cpu())


def flat_indexes(index: Tensor) -> Indexes:
    """Scale indexes (uint8) in row-major order."""
    return np.asarray(index.contiguous().flatten().cpu())


def side_indexes(scales: Tensor) -> Indexes:
    """Tables of z's symbols by their scale indexes, in row-major order: they follow those of y."""
    indexes = flat_indexes(scales)
    return np.where(indexes > 0, indexes + np.uint8(SCALES), np.uint8(0))


class Side(NamedTuple):
    """The side information of a tile: z, and what it says about y."""

    symbols: Symbols  # of z, in row-major order
    groups: list[tuple[Symbols, Indexes]]  # the same and their tables in coding order
    hyper: HyperOutput


class Choice(NamedTuple):
    """The symbols of a tile and what they are coded with."""

    side: Side
    groups: list[tuple[Symbols, Indexes]]  # symbols of y and their scales in coding order
    symbols: Tensor  # int16 [1, M, h, w]
    parameters: EntropyParameters  # [1, M, h, w]

    def y_hat(self) -> Tensor:
        """What the decoder will see [1, M, h, w], float32."""
        return dequantise(self.symbols, self.parameters.mean)


def dequantise(symbols: Tensor, mean: Tensor) -> Tensor:
    """y_hat (float32) of symbols and means with MEAN_BITS fractional bits."""
    return (symbols + mean * 2.0**-MEAN_BITS).float()


class Latents(NamedTuple):
    """Symbols of y and what they are coded with: all that a decoder is told."""

    symbols: Tensor  # [1, M, h, w]; int16, but float32 where a gradient is asked for
    parameters: EntropyParameters  # [1, M, h, w]

    def y_hat(self) -> Tensor:
        """The exact latents [1, M, h, w], float32."""
        return dequantise(self.symbols, self.parameters.mean)


class TileCodec:
    """The entropy side of a model: what y is coded with, its symbols, the stream."""

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self.h_c, self.h_s, self.context = weights.h_c, weights.h_s, weights.context
        self.tables = weights.tables
        self.device = device
        self.coders: dict[Coder, LatentCoder] = {}
        self.watch = Stopwatch(device)

    def coder(self, kind: Coder) -> LatentCoder:
        """The entropy layer with a given backend, built once."""
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
    def run_side(self, rows: int, columns: int, quality: int, code: CodePart) -> Side:
        """z, coded by way of `code`, and what it says about y [1, M, rows, columns]."""
        height, width = -(-rows // HYPER_STRIDE), -(-columns // HYPER_STRIDE)
        groups: list[tuple[Symbols, Indexes]] = []
        symbols = torch.empty(1, self.h_c.channels, height * width, dtype=torch.int16, device=self.device)

        def record(places: Tensor, parameters: EntropyParameters) -> Tensor:
            coded = code(places, parameters)
            symbols[:, :, places] = coded
            groups.append((flat_symbols(coded), side_indexes(parameters.scales)))
            return coded

        z_hat = self.h_c(height, width, quality, record)
        hyper = HyperOutput(*(tensor[..., :rows, :columns] for tensor in self.h_s(z_hat, quality)))
        return Side(flat_symbols(symbols), groups, hyper)

    def run_passes(self, hyper: HyperOutput, quality: int, code: CodePass) -> EntropyParameters:
        """Code all of y by way of `code`: in context passes where the model has them, else at once."""
        if self.context is not None:
            return self.context(hyper, quality, code)
        parameters = hyper.entropy_parameters()
        flat = EntropyParameters(*(tensor.flatten(2) for tensor in parameters))
        code(Pass(0, 0, flat.mean.shape[1], part=0, parts=1), slice(None), flat)
        return parameters

    @torch.inference_mode()
    def choose(self, y: Tensor, side: Side, quality: int, pick: Pick) -> Choice:
        """The symbols of y [1, M, rows, columns] as `pick` chooses them, z being known."""
        groups: list[tuple[Symbols, Indexes]] = []
        flat = y.flatten(2)
        symbols = torch.empty_like(flat, dtype=torch.int16)

        def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
            channels = slice(step.first, step.last)
            residual = flat[:, channels, places] - parameters.mean * 2.0**-MEAN_BITS
            chosen = as_symbols(pick(residual.float(), parameters.scales, channels))
            symbols[:, channels, places] = chosen
            groups.append((flat_symbols(chosen), flat_indexes(parameters.scales)))
            return chosen

        parameters = self.run_passes(side.hyper, quality, code)
        self.watch.lap("entropy model")
        return Choice(side, groups, symbols.view(y.shape), parameters)

    def encode(self, choice: Choice, coder: Coder, number: int = 0) -> Encoded:
        """The stream of the tile `number`."""
        stream = self.coder(coder).encode([*choice.side.groups, *choice.groups])
        self.watch.lap("entropy coding")
        return Encoded(stream, symbols_crc(choice.side.symbols, flat_symbols(choice.symbols), number))

    @torch.inference_mode()
    def decode(self, encoded: Encoded, quality: int, height: int, width: int, coder: Coder, number: int = 0) -> Latents:
        """The exact latents of the tile `number`, which has the given size in pixels.

        Raises FormatError for impossible data and ChecksumError where the symbols are not the encoder's.
        """
        tile = Rectangle(0, 0, width, height).latents()
        decoder = self.coder(coder).decoder(encoded.stream)

        def code_side(places: Tensor, parameters: EntropyParameters) -> Tensor:
            decoded = torch.from_numpy(decoder.decode(side_indexes(parameters.scales))).to(self.device)
            return decoded.view(parameters.scales.shape)

        side = self.run_side(tile.height, tile.width, quality, code_side)
        symbols = torch.empty(side.hyper.mean.flatten(2).shape, dtype=torch.int16, device=self.device)
        self.watch.lap("hyperprior")

        def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
            decoded = torch.from_numpy(decoder.decode(flat_indexes(parameters.scales))).to(self.device)
            decoded = decoded.view(parameters.scales.shape)
            symbols[:, step.first : step.last, places] = decoded
            return decoded

        parameters = self.run_passes(side.hyper, quality, code)
        decoder.finish()
        self.watch.lap("entropy decoding")
        if symbols_crc(side.symbols, flat_symbols(symbols), number) != encoded.symbols_crc:
            raise ChecksumError("decoded latents do not match the encoder's: wrong or damaged decoder")
        return Latents(symbols.view(parameters.mean.shape), parameters)
