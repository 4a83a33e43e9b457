"""Training the backbone with its hyperprior."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lcomp.errors import LcompError
from lcomp.networks.blocks import place
from lcomp.networks.config import BackboneConfig
from lcomp.networks.hyperprior import Hyperprior
from lcomp.training.cost import relative_cost
from lcomp.training.data import Pool, find_pictures, to_signal, validation_crops
from lcomp.training.grow import grow
from lcomp.training.recipe import Recipe
from lcomp.training.run import Run, checkpoint_file, parameter_group
from lcomp.training.soap import Soap
from lcomp.training.start import start_from_components

VALIDATION_QUALITIES = (1.0, 2.5, 4.0, 6.0, 8.0)


def make_optimizers(model: Hyperprior, recipe: Recipe) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """AdamW and SOAP, which takes the convolution weights, with the learning rates of the recipe."""
    linear, vectors, small, entropy, transforms = [], [], [], [], []
    for name, parameter in model.named_parameters():
        if name.endswith(".linear"):
            linear.append(parameter)
        elif name.endswith(".points"):
            vectors.append(parameter)
        elif parameter.ndim == 1 or ".path" in name or ".expand" in name:
            small.append(parameter)
        elif name.startswith(("h_a.", "h_s.")):
            entropy.append(parameter)
        else:
            transforms.append(parameter)
    plain = [
        parameter_group(linear, recipe.lr_linear),
        parameter_group(vectors, recipe.lr_vectors),
        parameter_group(small, recipe.lr_small),
    ]
    adam = torch.optim.AdamW(plain, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    return adam, Soap([parameter_group(entropy, recipe.lr_entropy), parameter_group(transforms, recipe.lr_transforms)])


def trained_model(folder: Path) -> Hyperprior:
    """The averaged weights of the run in `folder`; raises LcompError where it holds no checkpoint."""
    if not checkpoint_file(folder).is_file():
        raise LcompError(f"{folder} holds no checkpoint")
    state = torch.load(checkpoint_file(folder), map_location="cpu", weights_only=True)
    model = Hyperprior(BackboneConfig(**state["architecture"]))
    model.load_state_dict(state["average"])
    return model.eval()


class BackboneRun(Run[Hyperprior]):
    """Training of g_a, g_s, h_a and h_s.

    It starts from its checkpoint; without one from the trained model `small`, or from the principal components.
    """

    def __init__(
        self,
        config: BackboneConfig,
        recipe: Recipe,
        data: Path,
        folder: Path,
        device: torch.device,
        compiled: bool,
        small: Hyperprior | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        split = find_pictures(data)
        self.pool, self.validation_pool = Pool(split.train, device), Pool(split.validation, device)
        model = Hyperprior(config)
        place(model, device)
        if not checkpoint_file(folder).is_file():
            random = np.random.default_rng(recipe.seed)
            if small is None:
                start_from_components(model, self.pool, random)
            else:
                place(small, device)
                grow(model, small, self.pool, random)
        super().__init__(model, make_optimizers(model, recipe), recipe, folder, device)
        self.cost: Callable[[Tensor, Tensor], Tensor] = self.mean_cost
        if compiled:
            self.cost = torch.compile(self.mean_cost, dynamic=False)

    def mean_cost(self, x: Tensor, q: Tensor) -> Tensor:
        """Mean cost relative to VTM of pictures x [B, 3, H, W] at qualities q [B]."""
        with torch.autocast(self.device.type, torch.bfloat16):
            rates = self.model(x, q)
        return relative_cost(rates, x, q).mean()

    def train_cost(self) -> Tensor:
        """Cost of the next batch of crops, relative to VTM."""
        stage = self.recipe.stage(self.progress)
        x = to_signal(self.pool.crops(stage.batch, stage.crop, self.random))
        # stratified qualities: every step sees the whole range
        q = 1 + 7 * (torch.arange(stage.batch) + torch.from_numpy(self.random.random(stage.batch))) / stage.batch
        return self.cost(x, q.float().to(self.device))

    @torch.no_grad()
    def validate(self) -> float:
        """Cost of the averaged weights on the centre of every validation picture, relative to VTM."""
        costs = []
        q = torch.tensor(VALIDATION_QUALITIES, device=self.device)
        for crop in validation_crops(self.validation_pool):
            x = crop.expand(len(q), -1, -1, -1).contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16):
                rates = self.average(x, q)
            costs.append(relative_cost(rates, x, q).mean().item())
        return sum(costs) / len(costs)

    def describe(self) -> dict[str, Any]:
        """The architecture, so that other runs can start from this one."""
        return {"architecture": dataclasses.asdict(self.model.config)}
