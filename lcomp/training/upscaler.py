"""Training of the upscaler, on pictures that installed models have coded at half their size."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lcomp.encoding.objective import OBJECTIVES
from lcomp.errors import ModelError
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import place
from lcomp.networks.enhancer import upscale
from lcomp.networks.upscaler import Upscaler
from lcomp.training.data import to_signal
from lcomp.training.recipe import Recipe, Task
from lcomp.training.run import Setting, TrainingRun
from lcomp.training.small_crops import Small, SmallCrops, SmallStore, held_out_small
from lcomp.training.start import copy_weights
from lcomp.zoo.registry import ModelInfo, read_model
from lcomp.zoo.upscalers import UpscalerInfo

CPU = torch.device("cpu")

FLOORS = {"mse": 0.5, "visual": 0.05}
"""Added to the distortion of the interpolated picture, so that crops that are all but perfect weigh little."""


@dataclass(frozen=True)
class UpscalerRecipe(Recipe):
    """The recipe of an upscaler."""

    small: SmallCrops | None = None


@dataclass(frozen=True)
class UpscalerTask(Task):
    """An upscaler to train."""

    info: UpscalerInfo


class Source:
    """What one model codes: a store of crops, pictures held out, and the distortion that counts in them."""

    def __init__(self, info: ModelInfo, run: "UpscalerRun", crops: SmallCrops, batch: int) -> None:
        self.metric = info.metric
        codecs = [LoadedModel(model, run.device) for model in (info, info.lineage[-1])]

        def choose() -> LoadedModel:
            return codecs[run.random.random() < crops.hyperprior]

        self.store = SmallStore(run.pool, choose, run.random, batch, crops)
        self.held_out = held_out_small(run.validation, codecs[1])


class UpscalerRun(TrainingRun[Upscaler]):
    """Training of an upscaler: for squared error, and in some steps for the eye.

    It resumes its checkpoint; without one it starts from the network `start`, or from interpolation. Raises ModelError
    for a recipe without what it needs.
    """

    def __init__(self, info: UpscalerInfo, setting: Setting, start: Upscaler | None = None) -> None:
        recipe, stage = setting.recipe, setting.recipe.stage(0)
        crops = recipe.small if isinstance(recipe, UpscalerRecipe) else None
        if crops is None:
            raise ModelError(f"{info.source}: an upscaler's recipe needs a table [training.small]")
        if any(stage.crop > crops.side for stage in recipe.stages):
            raise ModelError(f"{info.source}: crops of a stage are larger than the coded ones")
        self.crops = crops
        self.pool, self.validation = setting.start()
        model = Upscaler(info.config)
        if start is not None:
            copy_weights(model, start)
        place(model, setting.device)
        super().__init__(model, setting)
        self.sources = [
            Source(read_model(info.source.with_name(f"{name}.toml")), self, crops, stage.batch)
            for name in (crops.mse, crops.visual)
        ]
        self.costs: Callable[[Small, str], Tensor] = self.cost
        if setting.compiled:
            self.costs = torch.compile(self.cost, dynamic=False)
        self.latest: list[float] = []

    def cost(self, small: Small, metric: str) -> Tensor:
        """Distortion of crops [B] under a metric, relative to that of interpolation."""
        return self.relative_cost(self.model, small, metric)

    def relative_cost(self, model: Upscaler, small: Small, metric: str) -> Tensor:
        """Distortion of crops [B] as a network shows them, relative to that of interpolation."""
        decoded, x, distortion = to_signal(small.decoded), to_signal(small.x), OBJECTIVES[metric].distortion
        with self.autocast():
            x_hat = model(decoded, small.w, metric == "visual")
        with torch.no_grad():
            floor = distortion(upscale(decoded), x) + FLOORS[metric]
        return distortion(x_hat, x) / floor

    def train_cost(self) -> Tensor:
        """Mean relative cost of the next batch."""
        source = self.sources[self.step % self.crops.visual_every == 0]
        if self.random.random() < 1 / self.crops.fresh:
            source.store.renew()
        return self.costs(source.store.draw(self.recipe.stage(self.progress).crop), source.metric).mean()

    @torch.no_grad()
    def validate(self) -> float:
        """Geometric mean of the relative costs of the averaged weights on validation pictures."""
        logarithms = [
            torch.stack([self.relative_cost(self.average, small, source.metric).log() for small in source.held_out])
            for source in self.sources
        ]
        self.latest = torch.cat([each.mean(0).exp() for each in logarithms]).tolist()
        return torch.cat(logarithms).mean().exp().item()

    def notes(self) -> str:
        """The validation cost of each model's pictures at each of their qualities."""
        return "; " + " ".join(f"{cost:.3f}" for cost in self.latest) if self.latest else ""
