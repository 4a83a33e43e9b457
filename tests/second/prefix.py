"""The beginning of a file: what is certain of its latents. "Prefixes" in docs/FORMAT.md."""

from collections.abc import Iterator

from second.container import TORCHAC, DamagedError, EndsError, LicFile
from second.entropy import BITS_32, Coder, RangeDecoder, TorchacDecoder
from second.latents import Latents, decode_symbols, decode_tile, within
from second.tables import Table
from second.weights import Model


class RangePrefix:
    """What a prefix of constriction's stream tells, whether zero bits or one bits follow: entries that both give."""

    def __init__(self, stream: bytes) -> None:
        words = stream[: len(stream) // 4 * 4]
        self.zeros, self.ones = RangeDecoder(words), RangeDecoder(words, BITS_32)
        self.ended = False

    def run(self, table: Table, count: int) -> list[int]:
        """The next entries, as far as they are certain."""
        entries: list[int] = []
        while len(entries) < count and not self.ended:
            try:
                zeros, ones = self.zeros.run(table, 1), self.ones.run(table, 1)
            except DamagedError:  # one of the two is not the continuation
                self.ended = True
                break
            self.ended = zeros != ones
            entries += [] if self.ended else zeros
        return entries

    def finish(self) -> None:
        """DamagedError if data is left over."""
        if not self.ended:
            self.zeros.finish()


class TorchacPrefix:
    """What a prefix of torchac's streams tells: the entries of complete runs."""

    def __init__(self, stream: bytes) -> None:
        self.streams = TorchacDecoder(stream)
        self.ended = False

    def run(self, table: Table, count: int) -> list[int]:
        """The next entries, none where the run is not complete."""
        try:
            return [] if self.ended else self.streams.run(table, count)
        except EndsError:
            self.ended = True
            return []

    def finish(self) -> None:
        """DamagedError if data is left over."""
        if not self.ended:
            self.streams.finish()


def decode_prefix(file: LicFile, model: Model) -> Iterator[Latents]:
    """The latents of the tiles that a prefix holds, the last of which may be cut off."""
    qualities = file.qualities()
    for number, tile in enumerate(file.grid()[: len(file.tiles) + (file.cut is not None)]):
        assert file.coder is not None
        blocks = within(tile, qualities)
        if number < len(file.tiles):
            yield decode_tile(model, file.tiles[number], file.coder, tile, blocks)
            continue
        assert file.cut is not None
        stream: Coder = (TorchacPrefix if file.coder == TORCHAC else RangePrefix)(file.cut[4:])
        _, latents = decode_symbols(model, stream, tile, blocks)
        stream.finish()
        yield latents
