"""The training loop: resumable, scheduled by wall clock, the same on CPU and GPU."""

import copy
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lcomp.errors import LcompError
from lcomp.networks.blocks import place
from lcomp.networks.config import BackboneConfig
from lcomp.networks.hyperprior import Hyperprior
from lcomp.training.cost import relative_cost
from lcomp.training.data import Pool, find_pictures, to_signal
from lcomp.training.grow import grow
from lcomp.training.recipe import Recipe
from lcomp.training.soap import Soap
from lcomp.training.start import start_from_components

VALIDATION_QUALITIES = (1.0, 2.5, 4.0, 6.0, 8.0)
VALIDATION_SIDE = 256


class Report(NamedTuple):
    """What the loop reports from time to time."""

    step: int
    minutes: float  # spent so far, over all resumptions
    train_cost: float  # mean cost relative to VTM since the last report
    validation_cost: float  # of the averaged weights; nan where it was not measured


Group = dict[str, Any]


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

    def group(parameters: list[nn.Parameter], rate: float) -> Group:
        return {"params": parameters, "lr": rate, "peak": rate}

    plain = [
        group(linear, recipe.lr_linear),
        group(vectors, recipe.lr_vectors),
        group(small, recipe.lr_small),
    ]
    adam = torch.optim.AdamW(plain, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    return adam, Soap([group(entropy, recipe.lr_entropy), group(transforms, recipe.lr_transforms)])


def checkpoint_file(folder: Path) -> Path:
    """File in a run's folder that it can be resumed from."""
    return folder / "checkpoint.pt"


def trained_model(folder: Path) -> Hyperprior:
    """The averaged weights of the run in `folder`; raises LcompError where it holds no checkpoint."""
    if not checkpoint_file(folder).is_file():
        raise LcompError(f"{folder} holds no checkpoint")
    state = torch.load(checkpoint_file(folder), map_location="cpu", weights_only=True)
    model = Hyperprior(BackboneConfig(**state["architecture"]))
    model.load_state_dict(state["average"])
    return model.eval()


class Trainer:
    """One training run in one folder: `checkpoint.pt` holds everything needed to go on.

    It starts from the checkpoint; without one from the trained model `small`, or from the principal components.
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
        self.recipe, self.folder, self.device = recipe, folder, device
        folder.mkdir(parents=True, exist_ok=True)
        split = find_pictures(data)
        self.pool, self.validation_pool = Pool(split.train, device), Pool(split.validation, device)
        self.model = Hyperprior(config)
        place(self.model, device)
        self.step, self.minutes = 0, 0.0
        resuming = checkpoint_file(folder).is_file()
        if not resuming:
            random = np.random.default_rng(recipe.seed)
            if small is None:
                start_from_components(self.model, self.pool, random)
            else:
                place(small, device)
                grow(self.model, small, self.pool, random)
        self.average = copy.deepcopy(self.model).eval()
        self.optimizers = make_optimizers(self.model, recipe)
        if resuming:
            self.load()
        self.random = np.random.default_rng([recipe.seed, self.step])
        self.cost: Callable[[Tensor, Tensor], Tensor] = self.mean_cost
        if compiled:
            self.cost = torch.compile(self.mean_cost, dynamic=False)

    @property
    def progress(self) -> float:
        """Fraction of the recipe's time that is spent."""
        return self.minutes / self.recipe.minutes

    def mean_cost(self, x: Tensor, q: Tensor) -> Tensor:
        """Mean cost relative to VTM of pictures x [B, 3, H, W] at qualities q [B]."""
        with torch.autocast(self.device.type, torch.bfloat16):
            rates = self.model(x, q)
        return relative_cost(rates, x, q).mean()

    def train_step(self) -> Tensor:
        """One optimisation step; returns the cost (on the device, not synchronised)."""
        stage, rate = self.recipe.stage(self.progress), self.recipe.rate(self.progress)
        x = to_signal(self.pool.crops(stage.batch, stage.crop, self.random))
        # stratified qualities: every step sees the whole range
        q = 1 + 7 * (torch.arange(stage.batch) + torch.from_numpy(self.random.random(stage.batch))) / stage.batch
        loss = self.cost(x, q.float().to(self.device))
        self.model.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
                nn.utils.clip_grad_norm_(group["params"], self.recipe.clip)
            optimizer.step()
        self.step += 1
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
        return loss.detach()

    @torch.no_grad()
    def validate(self) -> float:
        """Cost of the averaged weights on the centre of every validation picture, relative to VTM."""
        costs = []
        for index, (height, width) in enumerate(self.validation_pool.sizes):
            side = min(VALIDATION_SIDE, height // 64 * 64, width // 64 * 64)
            top, left = (height - side) // 2, (width - side) // 2
            x = to_signal(self.validation_pool.picture(index)[None, :, top : top + side, left : left + side])
            q = torch.tensor(VALIDATION_QUALITIES, device=self.device)
            x = x.expand(len(q), -1, -1, -1).contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16):
                rates = self.average(x, q)
            costs.append(relative_cost(rates, x, q).mean().item())
        return sum(costs) / len(costs)

    def run(self, report: Callable[[Report], None], every: float = 5.0) -> None:
        """Train until the recipe's time is spent; checkpoint, validate and report every `every` minutes."""
        last, start, spent = time.monotonic(), time.monotonic(), self.minutes
        losses: list[Tensor] = []
        while self.progress < 1:
            losses.append(self.train_step())
            if self.step % 8 == 0:
                self.minutes = spent + (time.monotonic() - start) / 60
            if time.monotonic() - last > every * 60 or self.progress >= 1:
                cost = torch.stack(losses).mean().item()
                if not math.isfinite(cost):
                    raise LcompError(f"training diverged at step {self.step}")
                self.save()
                report(Report(self.step, self.minutes, cost, self.validate()))
                last, losses = time.monotonic(), []

    def save(self) -> None:
        """Write the checkpoint, atomically."""
        state = {
            "architecture": dataclasses.asdict(self.model.config),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "minutes": self.minutes,
        }
        path = checkpoint_file(self.folder)
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self) -> None:
        """Go on from the checkpoint; the learning rates are the recipe's, not the checkpoint's."""
        state = torch.load(checkpoint_file(self.folder), map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            peaks = [group["peak"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["peak"] = peak
        self.step, self.minutes = state["step"], state["minutes"]
