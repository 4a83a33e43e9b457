"""Pixels to entropy-coded latents and back, for one model on one device."""

import logging
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lcomp.container import QUALITY_STEPS, Coder, Encoded
from lcomp.entropy.backend import Backend
from lcomp.entropy.latents import MAX_SYMBOL, Indexes, LatentCoder, Symbols, coder_tables
from lcomp.entropy.range_coder import RangeCoder
from lcomp.errors import ChecksumError, FormatError
from lcomp.mosaic import Mosaic
from lcomp.networks.blocks import lmbda
from lcomp.networks.config import HYPER_STRIDE
from lcomp.networks.context import Pass
from lcomp.networks.integer import MEAN_BITS, EntropyParameters, HyperOutput
from lcomp.networks.integer_context import CodePass, Places
from lcomp.rounding import Rounding
from lcomp.tiles import Grid, Rectangle
from lcomp.weights import load_weights
from lcomp.windows import Pixels, Transforms, pad_to
from lcomp.zoo import ModelInfo

log = logging.getLogger("lcomp")

Progress = Callable[[int, int], None]
"""Told how many pixels of how many are done."""

WINDOW = 2
"""Tiles per side of the windows that g_a and g_s run in: more memory, less margin."""


class Decoded(NamedTuple):
    """A decoded picture or part of one."""

    pixels: Pixels
    lost: tuple[Rectangle, ...]  # tiles that were filled in


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


class ModelCodec:
    """A loaded model that turns pictures into streams and back.

    pixels -- Transforms.analyse --> y -- encode_latents, tile by tile --> Encoded, one per tile
    Encoded -- decode_latents, tile by tile --> Mosaic of y_hat -- Transforms.synthesize --> pixels
    """

    def __init__(self, model: ModelInfo, device: torch.device) -> None:
        self.model, self.device = model, device
        self.networks, self.h_s, self.context, self.tables = load_weights(model, device)
        self.transforms = Transforms(self.networks, model.architecture, device)
        self.coders: dict[Coder, LatentCoder] = {}
        self.rounding = Rounding(self.tables, device)
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

    def z_scales(self, quality: int, rows: int, columns: int) -> Indexes:
        """Flat scale indexes of z for a latent size."""
        area = -(-rows // HYPER_STRIDE) * -(-columns // HYPER_STRIDE)
        return np.repeat(self.h_s.z_scales(quality), area)

    def hyper(self, z: Symbols, quality: int, rows: int, columns: int) -> HyperOutput:
        """What h_s says about y [1, M, rows, columns] for flat symbols of z."""
        shape = (1, -1, -(-rows // HYPER_STRIDE), -(-columns // HYPER_STRIDE))
        z_hat = torch.from_numpy(z.astype(np.float64)).view(shape).to(self.device)
        return HyperOutput(*(tensor[..., :rows, :columns] for tensor in self.h_s(z_hat, quality)))

    def run_passes(self, hyper: HyperOutput, quality: int, code: CodePass) -> EntropyParameters:
        """Code all of y by way of `code`: in context passes where the model has them, else at once."""
        if self.context is not None:
            return self.context(hyper, quality, code)
        parameters = hyper.entropy_parameters()
        flat = EntropyParameters(*(tensor.flatten(2) for tensor in parameters))
        code(Pass(0, 0, flat.mean.shape[1], None), slice(None), flat)
        return parameters

    @torch.inference_mode()
    def encode_latents(self, y: Tensor, quality: int, coder: Coder, number: int = 0) -> Encoded:
        """Encode y [1, M, rows, columns] of the tile `number`, at a quality in thousandths."""
        rows, columns = y.shape[-2:]
        w = self.transforms.quality_weights(quality)
        with self.transforms.autocast():
            z = self.networks.h_a(pad_to(y, HYPER_STRIDE), w, self.networks.scale)
        z_scales = self.z_scales(quality, rows, columns)
        z_symbols = flat_symbols(as_symbols(torch.round(z)))
        z_symbols[z_scales == 0] = 0
        groups = [(z_symbols, z_scales)]
        trade_off = lmbda(torch.tensor(quality / QUALITY_STEPS)).item()
        gain, flat = self.networks.scale.gain(w)[..., 0], y.flatten(2)
        symbols = torch.empty_like(flat, dtype=torch.int16)

        def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
            channels = slice(step.first, step.last)
            residual = flat[:, channels, places] - parameters.mean * 2.0**-MEAN_BITS
            chosen = as_symbols(self.rounding(residual.float(), parameters.scales, gain[:, channels], trade_off))
            symbols[:, channels, places] = chosen
            groups.append((flat_symbols(chosen), flat_indexes(parameters.scales)))
            return chosen

        self.run_passes(self.hyper(z_symbols, quality, rows, columns), quality, code)
        self.watch.lap("entropy model")

        stream = self.coder(coder).encode(groups)
        self.watch.lap("entropy coding")
        return Encoded(stream, symbols_crc(z_symbols, flat_symbols(symbols), number))

    @torch.inference_mode()
    def decode_latents(
        self, encoded: Encoded, quality: int, height: int, width: int, coder: Coder, number: int = 0
    ) -> Tensor:
        """Exact y_hat [1, M, rows, columns] (float32) of the tile `number`, which has the given size in pixels.

        Raises FormatError for impossible data and ChecksumError where the symbols are not the encoder's.
        """
        tile = Rectangle(0, 0, width, height).latents()
        decoder = self.coder(coder).decoder(encoded.stream)
        z_symbols = decoder.decode(self.z_scales(quality, tile.height, tile.width))
        hyper = self.hyper(z_symbols, quality, tile.height, tile.width)
        symbols = torch.empty(hyper.mean.flatten(2).shape, dtype=torch.int16, device=self.device)
        self.watch.lap("hyperprior")

        def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
            decoded = torch.from_numpy(decoder.decode(flat_indexes(parameters.scales))).to(self.device)
            decoded = decoded.view(parameters.scales.shape)
            symbols[:, step.first : step.last, places] = decoded
            return decoded

        mean = self.run_passes(hyper, quality, code).mean
        decoder.finish()
        self.watch.lap("entropy decoding")
        if symbols_crc(z_symbols, flat_symbols(symbols), number) != encoded.symbols_crc:
            raise ChecksumError("decoded latents do not match the encoder's: wrong or damaged decoder")
        return (symbols.view(mean.shape) + mean * 2.0**-MEAN_BITS).float()

    def encode(
        self, pixels: Pixels, quality: int, grid: Grid, coder: Coder, progress: Progress | None = None
    ) -> tuple[Encoded, ...]:
        """Encode a picture [H, W, 3] at a quality in thousandths, one stream per tile."""
        self.watch.start()
        streams: dict[int, Encoded] = {}
        done = 0
        for window in grid.windows(grid.picture, WINDOW):
            y = self.transforms.analyse(pixels, window, quality)
            self.watch.lap("analysis")
            for number in grid.touching(window):
                tile = grid.rectangle(number)
                rows, columns = tile.latents().within(window.latents())
                streams[number] = self.encode_latents(y[..., rows, columns], quality, coder, number)
                done += tile.width * tile.height
                if progress:
                    progress(done, grid.width * grid.height)
        self.watch.report()
        return tuple(streams[number] for number in range(grid.count))

    def decode(
        self,
        tiles: Sequence[Encoded | None],
        quality: int,
        grid: Grid,
        coder: Coder,
        area: Rectangle,
        salvage: bool = False,
        progress: Progress | None = None,
    ) -> Decoded:
        """Decode an area of a picture, and only the tiles that it needs; None stands for a tile that is lost.

        Raises as `decode_latents` does, unless `salvage` asks for damaged tiles to be filled in.
        """

        def decode_tile(number: int) -> Tensor | None:
            encoded, tile = tiles[number], grid.rectangle(number)
            try:
                if encoded is None:
                    raise ChecksumError(f"tile {tile} is lost")
                return self.decode_latents(encoded, quality, tile.height, tile.width, coder, number)
            except FormatError:
                if not salvage:
                    raise
                return None

        self.watch.start()
        blank = torch.zeros(1, self.model.architecture.latents, 1, 1, device=self.device)
        mosaic = Mosaic(grid, decode_tile, blank)
        pixels = np.empty((area.height, area.width, 3), np.uint8)
        done = 0
        for window in grid.windows(area, WINDOW):
            around = self.transforms.surroundings(window, grid.picture)
            mosaic.forget_above(around.y)
            part = self.transforms.synthesize(mosaic.area(around), window, around, quality)
            self.watch.lap("synthesis")
            rows, columns = window.within(area)
            pixels[rows, columns] = part
            done += window.width * window.height
            if progress:
                progress(done, area.width * area.height)
        self.watch.report()
        return Decoded(pixels, tuple(grid.rectangle(number) for number in sorted(mosaic.lost)))
