"""The measurement: every codec at every setting on every picture, with real files."""

import hashlib
import tempfile
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lcomp.encoding.distortion import psnr
from lcomp.encoding.ssimulacra2 import SMALLEST_SIDE
from lcomp.errors import FrameError, LcompError, LimitError, UnsupportedError
from lcomp.evaluation import ffmpeg, metrics
from lcomp.evaluation.codecs import Adapter, open_adapter
from lcomp.evaluation.datasets import Dataset
from lcomp.evaluation.features import is_current
from lcomp.evaluation.held_out import HeldOut, held_out
from lcomp.evaluation.journal import Journal
from lcomp.evaluation.results import Row
from lcomp.options import MAX_PIXELS
from lcomp.pictures.hidden import over_grey, without_hidden
from lcomp.pictures.reading import open_image, to_picture
from lcomp.types import Pixels, Plane
from lcomp.workers import side_by_side

WARM_UP = (768, 512)
"""Largest width and height that codecs warm up with, in pixels."""


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    qualities: tuple[float, ...]  # of lcomp's models
    device: str
    perceptual: bool  # the metrics of `held_out` as well
    jobs: int

    @property
    def timed(self) -> bool:
        """Whether times are meaningful, which they are not where processes compete for the processor."""
        return self.jobs == 1


class Original(NamedTuple):
    """A picture that codecs are measured on."""

    image: Image.Image  # upright RGB, without metadata; what nobody sees is filled in
    alpha: Plane | None  # how much each pixel counts; None where the picture is opaque

    @property
    def pixels(self) -> Pixels:
        """What codecs are given."""
        return np.asarray(self.image)

    def seen(self, pixels: Pixels) -> Pixels:
        """Decoded pixels, or its own, as they look with its alpha."""
        return over_grey(pixels, self.alpha)


@lru_cache(maxsize=1)
def open_original(path: Path) -> Original:
    """Read a picture; raises OSError, ImageError, LimitError or UnsupportedError.

    These give no advice on options, as those of encoding are no options here.
    """
    try:
        picture = without_hidden(to_picture(open_image(path.read_bytes())))
    except FrameError as error:
        raise UnsupportedError(error.reason) from error
    except LimitError as error:
        raise LimitError(f"picture has more than {MAX_PIXELS} pixels") from error
    return Original(Image.fromarray(picture.pixels), picture.alpha)


def message(error: Exception) -> str:
    """The message of an exception, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def measure_row(row: Row, path: Path, adapter: Adapter, plan: Plan) -> Row:
    """Measure `adapter` at the row's setting on a picture; returns `row` filled in, with the error where it fails."""
    assert row.setting is not None
    setting = row.setting
    original = open_original(path)
    image, before = original.image, original.seen(original.pixels)
    row = replace(row, width=image.width, height=image.height)
    try:
        start = time.perf_counter()
        data = adapter.encode(image, setting)
        encode_seconds = time.perf_counter() - start
        with tempfile.TemporaryDirectory(prefix="lcomp-eval-") as folder:
            file = Path(folder) / "file"
            file.write_bytes(data)
            size, data = file.stat().st_size, file.read_bytes()
        start = time.perf_counter()
        decoded = adapter.decode(data)
        decode_seconds = time.perf_counter() - start
        pixels = np.asarray(decoded.convert("RGB"))
        if pixels.shape != before.shape:
            raise LcompError(f"decoded to {decoded.width}x{decoded.height} pixels")
        after = original.seen(pixels)
        return replace(
            row,
            bytes=size,
            bpp=8 * size / (image.width * image.height),
            psnr=psnr(pixels, original.pixels, original.alpha),
            ms_ssim=metrics.ms_ssim(after, before),
            ssimulacra2=metrics.ssimulacra2(after, before),
            **asdict(held_out(after, before) if plan.perceptual else HeldOut()),
            encode_seconds=encode_seconds if plan.timed else None,
            decode_seconds=decode_seconds if plan.timed else None,
        )
    except Exception as error:  # whatever a library raises concerns this row only
        return replace(row, error=message(error))


def finished(row: Row, plan: Plan, journal: Journal) -> Row | None:
    """The row of an earlier run, if it has all that `plan` measures; what `plan` does not measure is removed."""
    earlier = journal.rows.get(row.key)
    if earlier is None or (plan.timed and earlier.encode_seconds is None):
        return None
    side = min(earlier.width or 0, earlier.height or 0)
    if earlier.ssimulacra2 is None and side >= SMALLEST_SIDE:
        return None
    if plan.perceptual and not is_current(earlier.features or ""):
        return None
    if plan.perceptual and earlier.vif is None and side >= metrics.VIF_SIDE and metrics.has_piq():
        return None
    if plan.perceptual and earlier.vmaf is None and side >= ffmpeg.SMALLEST_SIDE and ffmpeg.ffmpeg():
        return None
    earlier = replace(earlier, picture=row.picture)
    if not plan.timed:
        earlier = replace(earlier, encode_seconds=None, decode_seconds=None)
    return earlier if plan.perceptual else replace(earlier, **asdict(HeldOut()))


def warm_up(adapter: Adapter, image: Image.Image) -> None:
    """Encode and decode once, so that no loading is timed; errors show when the codec is measured."""
    box = (0, 0, min(image.width, WARM_UP[0]), min(image.height, WARM_UP[1]))
    try:
        adapter.decode(adapter.encode(image.crop(box), adapter.settings[len(adapter.settings) // 2]))
    except Exception:
        return


class RowTask(NamedTuple):
    """A row to be measured in a process of its own."""

    row: Row
    path: Path
    plan: Plan


def measure_task(task: RowTask) -> Row:
    """Measure a row in a worker process, which has nothing of the parent's set-up."""
    warnings.simplefilter("ignore")  # the parent showed Pillow's warnings when it read the picture
    adapter = open_adapter(task.row.codec, task.plan.qualities, task.plan.device)
    return measure_row(task.row, task.path, adapter, task.plan)


def measure(dataset: Dataset, adapters: list[Adapter], plan: Plan, journal: Journal) -> Generator[Row, None, None]:
    """Measure what the journal lacks, picture by picture, and append it there.

    Yields every row, those of earlier runs and those of unreadable pictures included. Raises LcompError where a
    process died. Close the generator where not all rows are drawn: that ends the processes.
    """
    told: list[Row] = []  # known without measuring

    def pending() -> Iterator[tuple[Adapter, RowTask]]:
        for path in dataset.files:
            name, digest = dataset.picture_name(path), ""
            try:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                wanted = [
                    (adapter, Row(name, digest, adapter.name, adapter.version, setting))
                    for adapter in adapters
                    for setting in adapter.settings
                ]
                told.extend(row for _, wish in wanted if (row := finished(wish, plan, journal)))
                missing = [(adapter, row) for adapter, row in wanted if not finished(row, plan, journal)]
                if missing:
                    open_original(path)  # an unreadable picture is one error, not one per codec
            except (LcompError, OSError, MemoryError) as error:
                told.append(Row(name, digest, error=message(error)))
                continue
            yield from ((adapter, RowTask(row, path, plan)) for adapter, row in missing)

    def tell() -> Iterator[Row]:
        yield from told
        told.clear()

    if plan.jobs > 1:
        with closing(side_by_side(measure_task, (task for _, task in pending()), plan.jobs)) as finishing:
            for done in finishing:
                yield from tell()
                if done.result is None:
                    raise LcompError("a measuring process died (out of memory?): use fewer --jobs")
                yield journal.add(done.result)
    else:
        warm: set[str] = set()
        for adapter, task in pending():
            yield from tell()
            if adapter.name not in warm:
                warm_up(adapter, open_original(task.path).image)
                warm.add(adapter.name)
            yield journal.add(measure_row(task.row, task.path, adapter, plan))
    yield from tell()
