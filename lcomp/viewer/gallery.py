"""From files to what a page shows of them: every version decoded, compared with the original, and embedded."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from lcomp.api import Codec
from lcomp.decoding.parts import panorama_of_file
from lcomp.evaluation.metrics.metric import Metric, Pair
from lcomp.evaluation.metrics.registry import metric_by_name
from lcomp.families.registry import model_of
from lcomp.format.container import LicFile
from lcomp.options import DecodeOptions
from lcomp.pictures.panorama import panorama_in
from lcomp.pictures.stored import stored_format
from lcomp.pictures.writing import to_image
from lcomp.types import QUALITY_STEPS, Pixels, Progress
from lcomp.viewer.contents import PageContents, ShownFile, ShownVersion
from lcomp.viewer.embedding import ImagePool, reduced
from lcomp.viewer.opened import OpenedFile, OriginalPicture
from lcomp.viewer.versions import usual_decoder, versions_of

METRICS = tuple(metric_by_name(name) for name in ("ssimulacra2", "psnr", "ms_ssim"))
"""What is measured where there is an original."""

DECODING = 0.7
"""Part of the time of a version that its decoding takes; the rest is for measuring and embedding."""


@dataclass(frozen=True)
class ViewOptions:
    """How files are shown."""

    decoder: str | None  # the only one, where it is given
    max_side: int  # larger pictures are scaled down
    max_pixels: int


def bytes_and_rate(size: int, width: int, height: int) -> str:
    """Bytes and bits per pixel.

    >>> bytes_and_rate(12345, 768, 512)
    '12,345 bytes, 0.251 bpp'
    """
    return f"{size:,} bytes, {8 * size / (width * height):.3f} bpp"


def facts_of(file: LicFile) -> tuple[str, ...]:
    """How a file is coded, in words; raises as `model_of` does."""
    header = file.header
    if file.stored is not None:
        return (f"lossless ({stored_format(file.stored)})",)
    model = model_of(header)
    if header.lossless:
        return f"model {model.name}", f"off by {header.max_error} at most" if header.max_error else "lossless"
    facts = [f"model {model.name}"]
    if model.has_quality:
        facts.append(f"quality {header.quality / QUALITY_STEPS:g}")
    if header.half:
        facts.append("coded at half the size")
    if (usual := usual_decoder(header)) is not None:
        facts.append(f"made for decoder {usual}")
    return tuple(facts)


def heading(metric: Metric) -> str:
    """What a metric is called above its values."""
    return f"{metric.title}, dB" if metric.name == "psnr" else metric.title


def score(metric: Metric, pair: Pair) -> str:
    """What a metric says, in words."""
    if np.array_equal(pair.decoded, pair.original):
        return "exact"
    value = metric.measure(pair) if min(pair.original.shape[:2]) >= metric.smallest_side else None
    return "-" if value is None else f"{value:.{metric.decimals}f}"


def notes_of(width: int, height: int, shown: Image.Image, deep: bool) -> tuple[str, ...]:
    """How what is shown of a picture differs from it."""
    notes = []
    if shown.size != (width, height):
        sizes = f"{shown.width}x{shown.height}, reduced from {width}x{height} (--max-side)"
        notes.append(f"shown at {sizes}; metrics are of full size")
    if deep:
        notes.append("16 bits per sample, of which the upper 8 are shown and compared")
    return tuple(notes)


class Gallery:
    """Collects the files of a page."""

    def __init__(self, codec: Codec, options: ViewOptions) -> None:
        self.codec, self.options = codec, options
        self.pool = ImagePool()
        self.files: list[ShownFile] = []
        self.places: dict[OriginalPicture, int] = {}  # of originals among the files

    def original(self, original: OriginalPicture) -> int:
        """The place of an original among the files, which is put there first."""
        if original not in self.places:
            picture = original.picture
            height, width = picture.pixels.shape[:2]
            image = to_image(picture.pixels, picture.mode, picture.alpha)
            image.info["icc_profile"] = picture.icc
            shown = reduced(image, self.options.max_side)
            notes = notes_of(width, height, shown, picture.is_deep)
            size = bytes_and_rate(original.size, width, height)
            version = ShownVersion(None, None, self.pool.add(shown))
            self.places[original] = len(self.files)
            self.files.append(
                ShownFile(
                    *(original.name, True, width, height, size, ("original",), notes, (version,), 0, None),
                    sphere=panorama_in(picture.xmp),
                )
            )
        return self.places[original]

    def add(self, opened: OpenedFile, progress: Progress) -> None:
        """Decode a file with everything; `progress` is called with the parts done and in total.

        Raises as `versions_of` and `Codec.decode` do.
        """
        header = opened.file.header
        versions = versions_of(header, self.options.decoder)
        usual, facts = usual_decoder(header), facts_of(opened.file)
        shown: list[ShownVersion] = []
        notes: tuple[str, ...] = ()
        for number, version in enumerate(versions):

            def advance(done: int, total: int, number: int = number) -> None:
                progress(round(1000 * (number + DECODING * done / total)), 1000 * len(versions))

            options = DecodeOptions(version.decoder, version.realism, max_pixels=self.options.max_pixels)
            image = self.codec.decode_picture(opened.data, options, advance).image
            small = reduced(image, self.options.max_side)
            notes = notes_of(header.width, header.height, small, opened.file.deep)
            scores = self.scores(np.asarray(image.convert("RGB")), opened.original)
            shown.append(ShownVersion(*version, self.pool.add(small), scores))
        place = None if opened.original is None else self.original(opened.original)
        chosen = [number for number, version in enumerate(versions) if version.decoder == usual]
        self.files.append(
            ShownFile(
                opened.name,
                False,
                header.width,
                header.height,
                bytes_and_rate(len(opened.data), header.width, header.height),
                facts,
                notes,
                tuple(shown),
                chosen[-1] if chosen else len(versions) - 1,
                place,
                panorama_of_file(opened.file),
            )
        )

    def scores(self, pixels: Pixels, original: OriginalPicture | None) -> tuple[str, ...]:
        """The metrics of decoded pixels; none without an original."""
        if original is None:
            return ()
        pair = Pair(pixels, original.picture.pixels, original.picture.alpha)
        return tuple(score(metric, pair) for metric in METRICS)

    def contents(self) -> PageContents:
        """The page of what was added."""
        titles = tuple(map(heading, METRICS)) if self.places else ()
        return PageContents(tuple(self.files), titles, tuple(self.pool.uris))
