"""Evaluations of small pictures."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

from PIL import Image

from lcomp.evaluation.codecs.adapter import Adapter
from lcomp.evaluation.datasets import Dataset
from lcomp.evaluation.journal import Journal
from lcomp.evaluation.measure import Plan, measure
from lcomp.evaluation.results import Results
from lcomp.evaluation.summary import summarise

PLAN = Plan((1.0, 4.0, 8.0), "cpu", perceptual=False, jobs=1)


def evaluate(dataset: Dataset, adapters: list[Adapter], plan: Plan = PLAN, output: Path | None = None) -> Results:
    return summarise(dataset, adapters, [], list(measure(dataset, adapters, plan, Journal(output))), plan)


@dataclass(frozen=True)
class Wrapped(Adapter):
    """Another codec with something done before it encodes."""

    inner: Adapter = field(kw_only=True)
    before: Callable[[Image.Image, float], None] = field(kw_only=True)

    def encode(self, image: Image.Image, setting: float) -> bytes:
        self.before(image, setting)
        return self.inner.encode(image, setting)

    def decode(self, data: bytes) -> Image.Image:
        return self.inner.decode(data)


def wrapped(adapter: Adapter, before: Callable[[Image.Image, float], None], name: str) -> Wrapped:
    values = {each.name: getattr(adapter, each.name) for each in fields(Adapter)}
    return Wrapped(**{**values, "name": name}, inner=adapter, before=before)
