"""The candidate files of a picture, how near they come to it, and the one that the options ask for."""

from collections.abc import Callable
from functools import cached_property, partial

import numpy as np

from lcomp.decoding.area import decode_area
from lcomp.encoding import distortion
from lcomp.encoding.efforts import LEVELS
from lcomp.encoding.half_size import TRIED, WORTH, better, halve, halved_and_doubled
from lcomp.encoding.importance import by_lmbda, quality_offsets
from lcomp.encoding.rate_target import USUAL, floor_of, meet, size_limit
from lcomp.encoding.ssimulacra2 import EXPONENT, SMALLEST_SIDE, ssimulacra2
from lcomp.encoding.stored import may_take, stored_file
from lcomp.encoding.streams import encode_tiles
from lcomp.errors import LcompError
from lcomp.format.container import AROUND, Coder, Encoded, Header, LicFile
from lcomp.format.qualities import Offsets, with_offsets, within_range, write_offsets
from lcomp.format.tiles import Rectangle
from lcomp.log import log
from lcomp.model.cache import load_decoder
from lcomp.model.loaded import LoadedModel
from lcomp.options import DEFAULT_EFFORT, EncodeOptions
from lcomp.pictures.hidden import over_grey, repeating_visible, without_hidden
from lcomp.pictures.reading import Picture
from lcomp.pictures.stored import write_stored
from lcomp.pictures.writing import to_image
from lcomp.types import QUALITY_STEPS, Pixels, Progress
from lcomp.zoo.registry import ModelInfo

GUESS, FEW, SEVERAL = 1 / 16, 1 / 2, 1 / 4
"""Share of the remaining progress that one attempt is given: a quick guess, one of about two, one of about seven."""


class Attempts:
    """Progress over attempts whose number is not known in advance."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.left = progress, total, 1.0

    def next(self, part: float) -> Progress | None:
        """The progress callback of the next attempt, which is given a part of all that is left."""
        told = self.progress
        if told is None:
            return None
        before, share = 1 - self.left, self.left * part
        self.left -= share
        return lambda done, total: told(round((before + share * done / total) * self.total), self.total)


class PictureEncoder:
    """Makes the files of a picture with one model, at any quality."""

    def __init__(
        self,
        picture: Picture,
        model: ModelInfo,
        loaded: LoadedModel,
        coder: Coder,
        options: EncodeOptions,
        progress: Progress | None,
        exactly: Callable[[Picture], LicFile],
    ) -> None:
        """`loaded` codes for `model`; `progress` is told how many pixels of how many are done.

        `exactly` makes the smallest lossless file of a picture.
        """
        self.exactly = exactly
        self.source, self.model, self.loaded, self.coder, self.options = picture, model, loaded, coder, options
        self.picture = picture if options.keep_hidden else without_hidden(picture)
        self.effort = options.effort
        self.height, self.width = picture.pixels.shape[:2]
        self.visible = None if options.keep_hidden else picture.alpha
        """Weights of the pixels where pictures are compared."""
        self.alpha = None if picture.alpha is None else write_stored(picture.alpha)
        self.projection = AROUND if picture.panorama and picture.panorama.around else None
        self.offsets = quality_offsets(options, self.width, self.height, False, picture.panorama, picture.protected)
        """How far the qualities of blocks are from that of the picture, where these differ."""
        self.fixed = len(self.pack(self.header(USUAL, half=False), (), self.offsets))
        """Bytes of header, metadata and alpha, which all files have."""
        self.made: dict[tuple[int, bool, int], LicFile] = {}
        self.attempts, self.part = Attempts(progress, self.width * self.height), 1.0

    def header(self, quality: int, half: bool) -> Header:
        """The header of the file of a quality in thousandths, coded at `half` size or not."""
        model = self.model
        return Header(self.width, self.height, self.picture.mode, quality, model.number, model.fingerprint, half)

    def pack(self, header: Header, tiles: tuple[Encoded, ...], offsets: Offsets | None = None) -> LicFile:
        """A file of coded tiles, with the alpha plane and the metadata."""
        picture, written = self.picture, None if offsets is None else write_offsets(offsets)
        exif, xmp = (None, None) if self.options.strip else (picture.exif, picture.xmp)
        return LicFile(
            header, self.coder, tiles, picture.icc, exif, xmp, self.alpha, offsets=written, projection=self.projection
        )

    @cached_property
    def half_offsets(self) -> Offsets | None:
        """The offsets of the blocks at half size."""
        source = self.source
        return quality_offsets(self.options, self.width, self.height, True, source.panorama, source.protected)

    def offsets_at(self, quality: int, half: bool) -> Offsets | None:
        """The offsets that a file of a quality in thousandths has; None where all of it has that quality."""
        offsets = self.half_offsets if half else self.offsets
        if offsets is not None:
            offsets = (by_lmbda if self.source.panorama else within_range)(quality, offsets)
        return offsets if offsets is not None and offsets.any() else None

    def file(self, quality: int, half: bool, effort: int) -> LicFile:
        """The file of a quality in thousandths, coded at `half` size or not; cached."""
        key = quality, half, effort
        if key not in self.made:
            self.made[key] = self.code(quality, half, effort)
        return self.made[key]

    def code(self, quality: int, half: bool, effort: int) -> LicFile:
        """Make what `file` returns."""
        header = self.header(quality, half)
        pixels = halve(self.picture.pixels) if half else self.picture.pixels
        # the search optimises for the decoder that will show the file, but not through noise or upsampling
        served = None
        if LEVELS[effort].rounds and not half and not self.model.inventive:
            served = load_decoder(self.model.decoder_name, self.model, self.loaded)
        told = self.attempts.next(self.part if effort == self.effort else GUESS)
        offsets = self.offsets_at(quality, half)
        of_blocks = quality if offsets is None else with_offsets(quality, offsets)
        grid = header.grid_of(self.projection)
        tiles = encode_tiles(self.loaded, pixels, of_blocks, grid, self.coder, effort, told, served)
        file = self.pack(header, tiles, offsets)
        size = " at half size" if half else ""
        log.debug("attempt: -q %g%s, effort %d: %d bytes", quality / QUALITY_STEPS, size, effort, len(file))
        return file

    def shown(self, file: LicFile) -> Pixels:
        """The pixels of a file [H, W, 3], as shown by the decoder that it is made for."""
        whole = Rectangle(0, 0, self.width, self.height)
        half = file.header.half
        decoder = load_decoder(self.model.decoder_for(half), self.model, self.loaded, half=half)
        decoded = decode_area(self.loaded, file, whole, decoder)
        return np.asarray(to_image(decoded.pixels, self.picture.mode).convert("RGB"))

    def psnr_of(self, pixels: Pixels) -> float:
        """PSNR in dB of pixels that are shown."""
        return distortion.psnr(pixels, self.picture.pixels, self.visible)

    def ssimulacra2_of(self, pixels: Pixels) -> float:
        """SSIMULACRA2 of pixels that are shown."""
        return ssimulacra2(*(over_grey(each, self.visible) for each in (pixels, self.picture.pixels)))

    def psnr(self, file: LicFile) -> float:
        """PSNR in dB of a file."""
        value = self.psnr_of(self.shown(file))
        log.debug("  %.2f dB at -q %g", value, file.header.quality / QUALITY_STEPS)
        return value

    def ssimulacra2(self, file: LicFile) -> float:
        """SSIMULACRA2 of a file; raises LcompError for pictures that are too small for it."""
        if min(self.width, self.height) < SMALLEST_SIDE:
            raise LcompError(f"SSIMULACRA2 is not defined for sides under {SMALLEST_SIDE} pixels")
        value = self.ssimulacra2_of(self.shown(file))
        log.debug("  SSIMULACRA2 %.2f at -q %g", value, file.header.quality / QUALITY_STEPS)
        return value

    @property
    def by_eye(self) -> bool:
        """Whether SSIMULACRA2 says how near a file comes to the picture, rather than PSNR."""
        wanted = self.model.visual or self.options.ssimulacra2 is not None
        return wanted and min(self.width, self.height) >= SMALLEST_SIDE

    def nearness(self, file: LicFile) -> float:
        """How near a file comes to the picture, by the metric of its model or of the target: more is better."""
        return self.ssimulacra2(file) if self.by_eye else self.psnr(file)

    def best(self, quality: int, effort: int) -> LicFile:
        """The better of the files of a quality in thousandths, coded at half size or not."""
        plain = self.file(quality, half=False, effort=effort)
        highest = np.max(plain.quality)
        if highest >= self.half_below or (highest >= QUALITY_STEPS and not self.half_may_win(plain, effort)):
            return plain
        half: Callable[[int], LicFile] = partial(self.file, half=True, effort=effort)
        return better(plain, half, self.nearness, self.fixed)

    @property
    def half_below(self) -> int:
        """The quality in thousandths below which half size is tried: less where no upscaler shows what it gives."""
        return USUAL if self.model.inventive else TRIED

    def distortion_of(self, nearness: float) -> float:
        """What grows in proportion to the errors of a picture that is so near to ours, by the metric of its model."""
        return max(100 - nearness, 0) ** (1 / EXPONENT) if self.by_eye else 10 ** (-nearness / 10)

    @cached_property
    def loss_of_half(self) -> float:
        """The distortion of half size before anything is coded."""
        doubled = halved_and_doubled(self.picture.pixels)
        return self.distortion_of(self.ssimulacra2_of(doubled) if self.by_eye else self.psnr_of(doubled))

    def half_may_win(self, plain: LicFile, effort: int) -> bool:
        """Whether it is worth the time to try half size where it seldom wins."""
        return effort > 0 and self.loss_of_half < WORTH * self.distortion_of(self.nearness(plain))

    def at(self, quality: int) -> LicFile:
        """The file of a quality in thousandths."""
        self.part = 1.0 if quality >= self.half_below else SEVERAL
        return self.best(quality, self.effort)

    def meeting_target(self) -> LicFile:
        """The file that meets the target of the options, lossless where that fits, or is smaller, or alone reaches it.

        Raises LcompError where no file fits into a size.
        """
        limit = size_limit(self.options, self.width * self.height)
        if limit is not None and (stored := self.stored_within(limit)):
            return stored
        searching = LEVELS[self.effort].rounds > 0
        self.part = FEW if searching else SEVERAL
        guess = partial(self.best, effort=DEFAULT_EFFORT) if searching else None
        best = partial(self.best, effort=self.effort)
        floored = self.psnr if self.options.psnr is not None else self.ssimulacra2
        measure = floored if limit is None else self.nearness
        if floor := floor_of(self.options):
            # one attempt tells halftones and drawings, on which a search would be long and in vain
            least = best(USUAL)
            stored = self.stored_within(len(least))
            if stored and floored(least) < floor.goal:
                return stored
        found = meet(self.options, best, measure, self.width * self.height, self.fixed, guess)
        if found is None:
            return self.exact
        return found if limit is not None else self.stored_within(len(found)) or found

    def stored_within(self, limit: int) -> LicFile | None:
        """The file that stores the picture losslessly, where it takes no more than `limit` bytes."""
        if not any(may_take(picture, limit - self.fixed) for picture in self.storable):
            return None
        stored = self.stored
        return stored if len(stored) <= limit else None

    @cached_property
    def storable(self) -> list[Picture]:
        """What may be stored losslessly: with other hidden colours, and with its own, should those be simpler."""
        return [self.source] if self.picture is self.source else [repeating_visible(self.source), self.source]

    @cached_property
    def stored(self) -> LicFile:
        """The smallest file that stores the picture losslessly."""
        return min((stored_file(picture, self.alpha, self.options.strip) for picture in self.storable), key=len)

    @cached_property
    def exact(self) -> LicFile:
        """The smallest lossless file, stored or coded."""
        return min(self.stored, self.exactly(self.picture), key=len)

    def wanted(self) -> LicFile:
        """The file that the options ask for, lossless where that is smaller; raises LcompError for a target not met."""
        if self.options.has_target:
            return self.meeting_target()
        file = self.at(round(self.options.quality * QUALITY_STEPS))
        return self.stored_within(len(file)) or file
