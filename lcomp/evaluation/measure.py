"""The measurement: every codec at every setting on every picture, with real files."""

import hashlib
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lcomp.errors import LcompError
from lcomp.evaluation.codecs.adapter import Adapter
from lcomp.evaluation.codecs.registry import open_adapter
from lcomp.evaluation.datasets import Dataset
from lcomp.evaluation.features import all_packed, are_current
from lcomp.evaluation.journal import Journal
from lcomp.evaluation.metrics.metric import Metric, Pair
from lcomp.evaluation.metrics.registry import chosen_metrics
from lcomp.evaluation.originals import open_original
from lcomp.evaluation.results import Row
from lcomp.model.threads import using_threads
from lcomp.workers import Engine, side_by_side

WARM_UP = (768, 512)
"""Largest width and height that codecs warm up with, in pixels."""


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    qualities: tuple[float, ...]  # of lcomp's models
    device: str
    perceptual: bool  # the metrics that no model is trained on, and features for Frechet distances
    jobs: int | None  # processes; None: as many as the engine has
    metrics: tuple[str, ...] = ()  # names of further ones
    max_side: int | None = None  # larger pictures are scaled down
    threads: int | None = None  # of torch, in each process
    engine: Engine = side_by_side  # what runs several processes

    @property
    def timed(self) -> bool:
        """Whether times are meaningful: not where processes compete for the processor, or run on other machines."""
        return self.jobs == 1 and self.engine is side_by_side

    @property
    def chosen(self) -> tuple[Metric, ...]:
        """The metrics to measure, those without their libraries left out."""
        return tuple(metric for metric in chosen_metrics(list(self.metrics), self.perceptual) if metric.available())


def message(error: Exception) -> str:
    """The message of an exception, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def scored(row: Row, pair: Pair, plan: Plan) -> Row:
    """A row with the scores of a decoded picture."""
    side = min(pair.original.shape[:2])
    with using_threads(plan.threads):
        scores = {each.name: each.measure(pair) if side >= each.smallest_side else None for each in plan.chosen}
        return replace(row, scores=scores, features=all_packed(pair.after) if plan.perceptual else None)


def measure_row(row: Row, path: Path, adapter: Adapter, plan: Plan) -> Row:
    """Measure `adapter` at the row's setting on a picture; returns `row` filled in, with the error where it fails."""
    setting = row.setting
    assert setting is not None
    try:
        original = open_original(path, plan.max_side)  # which may have gone since it was planned
        image = original.image
        row = replace(row, width=image.width, height=image.height)
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
        if pixels.shape != original.pixels.shape:
            raise LcompError(f"decoded to {decoded.width}x{decoded.height} pixels")
        row = replace(row, bytes=size, bpp=8 * size / (image.width * image.height))
        if plan.timed:
            row = replace(row, encode_seconds=encode_seconds, decode_seconds=decode_seconds)
        if not adapter.lossless:
            return scored(row, original.against(pixels), plan)
        if not np.array_equal(pixels, original.pixels):
            raise LcompError("decoded to other pixels, though it is a lossless codec")
        return row
    except Exception as error:  # whatever a library raises concerns this row only
        return replace(row, error=message(error))


def finished(row: Row, adapter: Adapter, plan: Plan, journal: Journal) -> Row | None:
    """The row of an earlier run, if it has all that `plan` measures; what `plan` does not measure is removed."""
    earlier = journal.rows.get(row.key)
    if earlier is None or (plan.timed and earlier.encode_seconds is None):
        return None
    earlier = replace(earlier, picture=row.picture)
    if not plan.timed:
        earlier = replace(earlier, encode_seconds=None, decode_seconds=None)
    if adapter.lossless:
        return earlier
    if plan.perceptual and not are_current(earlier.features):
        return None
    if any(metric.name not in earlier.scores for metric in plan.chosen):
        return None
    scores = {metric.name: earlier.scores[metric.name] for metric in plan.chosen}
    return replace(earlier, scores=scores, features=earlier.features if plan.perceptual else None)


def warm_up(adapter: Adapter, image: Image.Image) -> float:
    """Encode and decode once, so that no loading is timed; returns its seconds per pixel.

    Errors show when the codec is measured.
    """
    box = (0, 0, min(image.width, WARM_UP[0]), min(image.height, WARM_UP[1]))
    start = time.perf_counter()
    try:
        adapter.decode(adapter.encode(image.crop(box), adapter.settings[len(adapter.settings) // 2]))
    except Exception:
        return 0.0
    return (time.perf_counter() - start) / (box[2] * box[3])


class RowTask(NamedTuple):
    """A row to be measured in a process of its own."""

    row: Row
    path: Path
    plan: Plan


class Wanted(NamedTuple):
    """What is to be measured on a picture, and what an earlier run has measured."""

    path: Path
    told: tuple[Row, ...]
    missing: tuple[tuple[Adapter, Row], ...]


def measure_task(task: RowTask) -> Row:
    """Measure a row in a worker process, which has nothing of the parent's set-up."""
    warnings.simplefilter("ignore")  # the parent showed Pillow's warnings when it read the picture
    adapter = open_adapter(task.row.codec, task.plan.qualities, task.plan.device, task.plan.threads)
    return measure_row(task.row, task.path, adapter, task.plan)


def digest_of(path: Path, plan: Plan) -> str:
    """What the journal knows a picture by: SHA-256 of its file, with the side it is scaled down to."""
    return hashlib.sha256(path.read_bytes()).hexdigest() + (f":{plan.max_side}" if plan.max_side else "")


def wanted(path: Path, name: str, adapters: list[Adapter], plan: Plan, journal: Journal) -> Wanted:
    """All that concerns one picture; an unreadable one is one error, not one per codec."""
    digest = ""
    told, missing = [], []
    try:
        digest = digest_of(path, plan)
        for adapter in adapters:
            for setting in adapter.settings:
                wish = Row(name, digest, adapter.name, adapter.version, setting)
                if row := finished(wish, adapter, plan, journal):
                    told.append(row)
                else:
                    missing.append((adapter, wish))
        if missing:
            open_original(path, plan.max_side)
    except (LcompError, OSError, MemoryError) as error:
        return Wanted(path, (*told, Row(name, digest, error=message(error))), ())
    return Wanted(path, tuple(told), tuple(missing))


def measure(
    dataset: Dataset,
    adapters: list[Adapter],
    plan: Plan,
    journal: Journal,
    expecting: Callable[[float], None] | None = None,
) -> Generator[Row, None, None]:
    """Measure what the journal lacks, picture by picture, and append it there.

    Yields every row, those of earlier runs and those of unreadable pictures included. `expecting` is called once, with
    the seconds that all will take by what the first picture took to warm up, where the number of processes is known.
    Raises LcompError where a process died. Close the generator where not all rows are drawn: that ends the processes.
    """
    told: list[Row] = []  # known without measuring
    warm: dict[str, float] = {}  # seconds per pixel

    def prepare(first: Wanted) -> None:
        image = open_original(first.path, plan.max_side).image
        for adapter in adapters:
            warm[adapter.name] = warm_up(adapter, image)
        if expecting and plan.jobs:
            expecting(expected_seconds(dataset, adapters, plan, journal, warm) / plan.jobs)

    def pending() -> Iterator[tuple[Adapter, RowTask]]:
        for path in dataset.files:
            found = wanted(path, dataset.picture_name(path), adapters, plan, journal)
            told.extend(found.told)
            if found.missing and not warm:
                prepare(found)
            yield from ((adapter, RowTask(row, path, plan)) for adapter, row in found.missing)

    def tell() -> Iterator[Row]:
        yield from told
        told.clear()

    if not plan.timed:
        with closing(plan.engine(measure_task, (task for _, task in pending()), plan.jobs)) as finishing:
            for done in finishing:
                yield from tell()
                if done.result is None:
                    raise LcompError("a measuring process died (out of memory?): use fewer --jobs")
                yield journal.add(done.result)
    else:
        for adapter, task in pending():
            yield from tell()
            yield journal.add(measure_row(task.row, task.path, adapter, plan))
    yield from tell()


def expected_seconds(
    dataset: Dataset, adapters: list[Adapter], plan: Plan, journal: Journal, warm: dict[str, float]
) -> float:
    """Seconds of one process for what is missing, by the speed of the warm-up and of metrics on noise of its size."""
    noise = np.random.default_rng(0).integers(0, 256, (WARM_UP[1], WARM_UP[0], 3), np.uint8)
    start = time.perf_counter()
    scored(Row("", ""), Pair(noise, noise[::-1].copy()), plan)
    scoring = (time.perf_counter() - start) / (WARM_UP[0] * WARM_UP[1])
    total = 0.0
    for path in dataset.files:
        try:
            with Image.open(path) as image:
                width, height = image.size
            digest = digest_of(path, plan)
        except Exception:  # told when it is measured
            continue
        scale = min(1.0, plan.max_side / max(width, height)) if plan.max_side else 1.0
        for adapter in adapters:
            wishes = (Row("", digest, adapter.name, adapter.version, setting) for setting in adapter.settings)
            count = sum(finished(wish, adapter, plan, journal) is None for wish in wishes)
            total += count * width * height * scale**2 * (warm[adapter.name] + (not adapter.lossless) * scoring)
    return total
