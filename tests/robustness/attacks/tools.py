"""Taking `.lic` files apart, and writing them with right checksums as the encoder never would."""

import contextlib
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lcomp.entropy.grouping import Order, Transfer
from lcomp.entropy.latents import SymbolGroup, encode_symbols, runs
from lcomp.families.registry import model_of
from lcomp.format import container
from lcomp.format.binary import Reader, write_varint
from lcomp.format.container import CHECKSUM, LATENTS_TAGS, Coder, Section, write_section
from lcomp.model.cache import load_model
from lcomp.model.tile_codec import TileCodec, read_symbols, side_tables, symbols_crc
from lcomp.networks.exact.context import Places
from lcomp.networks.exact.hyper_synthesis import EntropyParameters
from lcomp.networks.passes import Pass

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Parts:
    """A `.lic` file taken apart, to be put together in ways that the encoder never would."""

    width: int
    height: int
    bits: int  # kind and quality
    model: int
    fingerprint: int
    sections: tuple[Section, ...]
    version: int = 1

    @property
    def quality(self) -> int:
        """Quality in thousandths."""
        return self.bits & 0x1FFF

    @property
    def tiles(self) -> list[int]:
        """Places of the latents among the sections."""
        return [place for place, section in enumerate(self.sections) if section.tag in LATENTS_TAGS]

    def head(self) -> bytes:
        """The header without its checksum."""
        size = write_varint(self.width) + write_varint(self.height)
        model = write_varint(self.model) + struct.pack("<I", self.fingerprint)
        return container.MAGIC + bytes([self.version]) + size + struct.pack("<H", self.bits) + model

    def write(self) -> bytes:
        """The file, all checksums right."""
        return seal(self.head()) + b"".join(write_section(*section) for section in self.sections)

    def with_section(self, place: int, section: Section) -> "Parts":
        """The same with another section at a place."""
        return replace(self, sections=(*self.sections[:place], section, *self.sections[place + 1 :]))


def seal(head: bytes) -> bytes:
    """Bytes and their CRC-32."""
    return head + struct.pack("<I", zlib.crc32(head))


def split(data: bytes) -> Parts:
    """Take a valid file apart."""
    reader = Reader(data)
    header = container.read_header(reader)
    sections = []
    while reader.left:
        sections.append(container.read_section(reader))
    bits = header.lossless << 15 | header.half << 14 | header.mode.value << 13 | header.quality
    return Parts(header.width, header.height, bits, header.model, header.fingerprint, tuple(sections))


def tile_codec(parts: Parts) -> TileCodec:
    """The entropy side of the model that a file names."""
    return load_model(model_of(container.read_header(Reader(seal(parts.head())))).coding, CPU).tile


@torch.inference_mode()
def walk(parts: Parts, number: int, read: Callable[[Tensor], Tensor]) -> int:
    """Go through a tile with the symbols that `read` gives for their tables, and return their CRC-32."""
    header = container.read_header(Reader(seal(parts.head())))
    place = header.grid.rectangle(number).latents()
    tile = tile_codec(parts)

    def code_side(places: Tensor, parameters: EntropyParameters) -> Tensor:
        return read(side_tables(parameters.scales))

    side = tile.run_side(place.height, place.width, header.quality, code_side)
    symbols = torch.empty(side.hyper.mean.flatten(2).shape, dtype=torch.int16)

    def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
        now = read(parameters.scales)
        symbols[:, step.first : step.last, places] = now
        return now

    tile.run_passes(side.hyper, header.quality, code)
    z, y = Transfer(side.symbols, symbols).arrays()
    return symbols_crc(z, y, number)


def agreeing(parts: Parts) -> Parts:
    """The same with the checksum that the symbols of every tile have, whatever they are; raises as decoding does."""
    for number, place in enumerate(parts.tiles):
        tag, payload = parts.sections[place]
        decoder = tile_codec(parts).coder(LATENTS_TAGS[tag]).decoder(payload[CHECKSUM:])
        crc = walk(parts, number, partial(read_symbols, decoder))
        parts = parts.with_section(place, latents(payload[CHECKSUM:], crc, tag))
    return parts


def latents(stream: bytes = b"", crc: int = 0, tag: int = Coder.CONSTRICTION.value) -> Section:
    """A latents section."""
    return Section(tag, struct.pack("<I", crc) + stream)


def forged(parts: Parts, pick: Callable[[Tensor], Tensor], escape: bool = False, groups: int = 1000) -> Parts:
    """The same with other symbols in the first tile, which `pick` gives for their tables.

    With `escape` they are written as escapes even where the tables hold them. The stream ends after so many groups.
    """
    place = parts.tiles[0]
    tile, tag = tile_codec(parts), parts.sections[place].tag
    encoder = tile.coder(LATENTS_TAGS[tag]).backend.encoder()
    left, crc = groups, 0

    def read(tables: Tensor) -> Tensor:
        nonlocal left
        symbols, order = pick(tables), Order(tables.flatten())
        group = SymbolGroup(order.arrange(symbols.flatten()).numpy(), order.counts.numpy())
        if escape:
            zeros = group.counts[0]
            for table, places in runs(group.counts):
                encoder.put(table, np.full(len(group.symbols[places]), 2 * tile.tables[table].radius + 1, np.int32))
            if zeros < len(group.symbols):
                encoder.put(len(tile.tables), group.symbols[zeros:].astype("<i2").view(np.uint8).astype(np.int32))
        else:
            encode_symbols(encoder, tile.tables, group)
        left -= 1
        if not left:
            raise StopIteration
        return symbols

    # should the networks fail for these symbols, the decoder will
    with contextlib.suppress(Exception):
        crc = walk(parts, 0, read)
    return parts.with_section(place, latents(encoder.finish(), crc, tag))


def noise(length: int, seed: int = 0) -> bytes:
    """Bytes without any order."""
    return random.Random(seed).randbytes(length)
