"""The latents of a tile, from its section."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from second.arithmetic import Floats, Integers, index, of_positions
from second.container import TORCHAC, DamagedError, LicFile, Tile
from second.context import decode_y
from second.entropy import Coder, RangeDecoder, TorchacDecoder, decode_group
from second.hyperprior import decode_z, predict_y
from second.weights import Model


@dataclass(frozen=True)
class Latents:
    """What was decoded of y, all [M, rows, columns]."""

    symbols: Integers
    means: Integers
    scales: Integers

    @property
    def y_hat(self) -> Floats:
        """Dequantised: symbol + mu / 64, exactly."""
        return (self.symbols + self.means / 64).astype(np.float32)


def opened(payload: bytes, coder: int) -> tuple[int, Coder]:
    """The CRC-32 of a tile's section, and its stream."""
    if len(payload) < 4:
        raise DamagedError("a tile without its checksum")
    (crc,) = struct.unpack_from("<I", payload)
    return crc, TorchacDecoder(payload[4:]) if coder == TORCHAC else RangeDecoder(payload[4:])


def decode_symbols(model: Model, stream: Coder, tile: Tile, blocks: Integers) -> tuple[Integers, Latents]:
    """The symbols of z and the latents of one tile, of which the quality of every block is given."""
    rows, columns = -(-tile.height // 16), -(-tile.width // 16)
    z, z_hat = decode_z(model, stream, blocks)
    prediction = predict_y(model, z_hat, blocks, rows, columns)
    if model.context is not None:
        quality = of_positions(blocks, rows, columns)
        y = Latents(*decode_y(model, model.context, stream, prediction, quality))
    else:
        scales = index(prediction.log_scale)
        symbols, known = decode_group(stream, model.tables, scales)
        y = Latents(symbols, prediction.mean, scales * known)
    return z, y


def decode_tile(model: Model, payload: bytes, coder: int, tile: Tile, blocks: Integers) -> Latents:
    """The latents of one tile whose stream is complete."""
    expected, stream = opened(payload, coder)
    z, y = decode_symbols(model, stream, tile, blocks)
    stream.finish()
    if zlib.crc32(y.symbols.astype("<i2").tobytes(), zlib.crc32(z.astype("<i2").tobytes(), tile.number)) != expected:
        raise DamagedError("the checksum of the symbols is wrong")
    return y


def within(tile: Tile, qualities: Integers) -> Integers:
    """The qualities of the blocks of a tile."""
    top, left = tile.top // 64, tile.left // 64
    return qualities[top : top - (-tile.height // 64), left : left - (-tile.width // 64)]


def decode_latents(file: LicFile, model: Model) -> Iterator[Latents]:
    """The latents of a file's tiles."""
    assert file.coder is not None
    qualities = file.qualities()
    for tile, payload in zip(file.grid(), file.tiles, strict=True):
        yield decode_tile(model, payload, file.coder, tile, within(tile, qualities))


def together(file: LicFile, tiles: list[Latents]) -> Latents:
    """The latents of the whole picture."""
    height, width = file.coded_size
    shape = (len(tiles[0].symbols), -(-height // 16), -(-width // 16))
    symbols, means, scales = (np.zeros(shape, np.int64) for _ in range(3))
    for tile, latents in zip(file.grid(), tiles, strict=True):
        rows, columns = latents.symbols.shape[1:]
        top, left = tile.top // 16, tile.left // 16
        place = np.s_[:, top : top + rows, left : left + columns]
        symbols[place], means[place], scales[place] = latents.symbols, latents.means, latents.scales
    return Latents(symbols, means, scales)
