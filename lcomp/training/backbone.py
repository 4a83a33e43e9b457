"""Training of the backbone and its hyperprior, jointly with the context model and a larger decoder."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lcomp.errors import LcompError
from lcomp.networks.blocks import place
from lcomp.networks.config import BackboneConfig, ContextConfig, RefinementConfig
from lcomp.training.cost import Costs, relative_cost, relative_costs
from lcomp.training.data import (
    VALIDATION_QUALITIES,
    stratified_qualities,
    to_signal,
    validation_crops,
)
from lcomp.training.joint import JointModels
from lcomp.training.run import Setting, TrainingRun, checkpoint_file, read_checkpoint
from lcomp.training.start import copy_weights, start_from_components
from lcomp.zoo.registry import read_architecture, read_refinement


def trained_backbone(folder: Path) -> JointModels:
    """The averaged (EMA) weights of the run in `folder`; raises LcompError where it holds none of a backbone."""
    state = read_checkpoint(folder, torch.device("cpu"))
    try:
        context = ContextConfig(**state["context"]) if state["context"] else None
        decoder = read_refinement(state["decoder"]) if state["decoder"] else None
        models = JointModels(read_architecture(state["architecture"]), context, decoder)
        models.load_state_dict(state["average"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise LcompError(f"{checkpoint_file(folder)} is not of a backbone, or of another version of lcomp") from error
    return models.eval()


class BackboneRun(TrainingRun[JointModels]):
    """Joint training of g_a, g_s, h_a, h_s, h_c, a context model and a larger decoder.

    It resumes its checkpoint; without one it starts from the trained models `start`, or from principal components.
    """

    def __init__(
        self,
        config: BackboneConfig,
        context: ContextConfig | None,
        decoder: RefinementConfig | None,
        metric: str,
        setting: Setting,
        start: JointModels | None = None,
    ) -> None:
        self.metric = metric
        self.pool, validation = setting.start()
        self.held_out = list(validation_crops(validation))
        model = JointModels(config, context, decoder, metric)
        place(model, setting.device)
        if not checkpoint_file(setting.folder).is_file():
            random = np.random.default_rng(setting.recipe.seed)
            if start is None:
                start_from_components(model.backbone, self.pool, random)
            else:
                for part, known in (
                    (model.backbone, start.backbone),
                    (model.context, start.context),
                    (model.enhancer, start.enhancer),
                ):
                    if part and known:
                        copy_weights(part, known)
        super().__init__(model, setting)
        self.latest: Costs | None = None
        self.cost: Callable[[Tensor, Tensor], Tensor] = self.mean_cost
        if setting.compiled:
            self.cost = torch.compile(self.mean_cost, dynamic=False)

    def mean_cost(self, x: Tensor, q: Tensor) -> Tensor:
        """Mean relative cost of pictures x [B, 3, H, W] at qualities q [B]."""
        with self.autocast():
            rates = self.model(x, q)
        return relative_cost(rates, x, q, self.metric, self.recipe.shares).mean()

    def train_cost(self) -> Tensor:
        """Mean relative cost of the next batch of crops, with its graph."""
        stage = self.recipe.stage(self.progress)
        x = to_signal(self.pool.crops(stage.batch, stage.crop, self.random))
        return self.cost(x, stratified_qualities(stage.batch, self.random).to(self.device))

    @torch.no_grad()
    def validate(self) -> float:
        """Mean relative cost of the averaged weights on the centre of every validation picture."""
        mean, costs = [], []
        q = torch.tensor(VALIDATION_QUALITIES, device=self.device)
        for crop in self.held_out:
            x = crop.expand(len(q), -1, -1, -1).contiguous(memory_format=torch.channels_last)
            with self.autocast():
                rates = self.average(x, q)
            mean.append(relative_cost(rates, x, q, self.metric, self.recipe.shares).mean().item())
            costs.append(torch.stack(relative_costs(rates, x, q, self.metric)).mean(1))
        self.latest = Costs(*torch.stack(costs).mean(0))
        return sum(mean) / len(mean)

    def notes(self) -> str:
        """The validation cost of each of the models that are trained jointly."""
        return (
            ""
            if self.latest is None
            else "; " + ", ".join(f"{name} {cost:.4f}" for name, cost in self.latest._asdict().items())
        )

    def figures(self) -> dict[str, float]:
        """The same for `metrics.jsonl`."""
        return {} if self.latest is None else {name: float(cost) for name, cost in self.latest._asdict().items()}

    def describe(self) -> dict[str, Any]:
        """The architecture, so that other runs can start from this one."""
        context, enhancer = self.model.context, self.model.enhancer
        return {
            "architecture": dataclasses.asdict(self.model.backbone.config),
            "context": dataclasses.asdict(context.config) if context else None,
            "decoder": dataclasses.asdict(enhancer.config) if enhancer else None,
        }
