"""A resumable training run, scheduled by wall-clock time, the same on CPU and GPU."""

import copy
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

from lcomp.errors import LcompError
from lcomp.files import replacing
from lcomp.model.devices import first_line, memory_errors
from lcomp.model.precision import prefers_bf16
from lcomp.model.threads import using_threads
from lcomp.networks.roles import Role, role_of
from lcomp.training.data import Pool, Pools, find_pictures
from lcomp.training.processes import ALONE, Processes
from lcomp.training.recipe import Recipe
from lcomp.training.shards import MEMORY, StreamedPool, find_shards, validation_pool
from lcomp.training.soap import Soap

Model = TypeVar("Model", bound=nn.Module)

ParameterGroup = dict[str, Any]
"""A parameter group of an optimizer; `peak` is its learning rate at the plateau."""


class Report(NamedTuple):
    """What a run reports at every checkpoint."""

    step: int
    minutes: float  # spent so far, over all resumptions
    train_cost: float  # mean since the last report, of the steps whose cost is finite
    validation_cost: float  # of the averaged weights
    notes: str = ""  # what else there is to know


@dataclass(frozen=True)
class Setting:
    """What a run works with, whatever it trains."""

    recipe: Recipe
    data: Path  # folder of pictures, or of shards
    folder: Path  # of the checkpoint
    device: torch.device
    compiled: bool  # whether steps are compiled, which needs a C++ compiler
    processes: Processes = ALONE
    memory: int = MEMORY  # bytes of pictures of shards that are held at once
    threads: int | None = None  # of torch on a CPU, while it trains

    def start(self) -> Pools:
        """Seed the random numbers of torch and read the pictures: of those to train on, this process's part."""
        torch.manual_seed(self.recipe.seed + self.processes.rank)
        shards = find_shards(self.data)
        split = shards or find_pictures(self.data)
        mine = self.processes.part(split.train)
        if not mine:
            raise LcompError(f"{self.data}: fewer training {'shards' if shards else 'pictures'} than processes")
        if shards:
            random = np.random.default_rng([self.recipe.seed, self.processes.rank])
            return Pools(
                StreamedPool(mine, self.device, self.memory, random), validation_pool(split.validation, self.device)
            )
        return Pools(Pool.read(mine, self.device), Pool.read(split.validation, self.device))


def parameter_group(parameters: Sequence[nn.Parameter], rate: float) -> ParameterGroup:
    """A parameter group with a learning rate at the plateau."""
    return {"params": list(parameters), "lr": rate, "peak": rate}


def make_optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """AdamW and SOAP, which takes the convolution weights, with the learning rates of the recipe."""

    def group(role: Role) -> ParameterGroup:
        chosen = [parameter for parameter in model.parameters() if role_of(parameter) is role]
        return parameter_group(chosen, recipe.rate_of(role))

    plain = [group(role) for role in (Role.LINEAR, Role.VECTORS, Role.SMALL)]
    adam = torch.optim.AdamW(plain, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    return [
        adam,
        Soap([group(role) for role in (Role.ENTROPY, Role.TRANSFORMS)]),
    ]


def checkpoint_file(folder: Path) -> Path:
    """File in a run's folder that it can be resumed from."""
    return folder / "checkpoint.pt"


def read_checkpoint(folder: Path, device: torch.device) -> dict[str, Any]:
    """What `TrainingRun.save` wrote into a run's folder; raises LcompError where that cannot be read."""
    path = checkpoint_file(folder)
    if not path.is_file():
        raise LcompError(f"{folder} holds no checkpoint")
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
        raise LcompError(f"{path} is not a checkpoint that can be read") from error
    return state


class TrainingRun(ABC, Generic[Model]):
    """One training run in one folder: `checkpoint.pt` holds everything needed to go on."""

    def __init__(self, model: Model, setting: Setting) -> None:
        self.recipe, self.folder, self.device = setting.recipe, setting.folder, setting.device
        self.processes = setting.processes
        self.threads = setting.threads
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bf16 = prefers_bf16(self.device)
        self.processes.agree_on_weights(model)
        self.model = model
        self.optimizers = make_optimizers(model, self.recipe)
        self.average = copy.deepcopy(model).eval()
        self.step, self.minutes = 0, 0.0
        if checkpoint_file(self.folder).is_file():
            self.load()
        self.random = np.random.default_rng([self.recipe.seed, self.step, self.processes.rank])

    @abstractmethod
    def train_cost(self) -> Tensor:
        """Cost of the next batch, with its graph."""

    @abstractmethod
    def validate(self) -> float:
        """Cost of the averaged weights on the validation pictures."""

    def autocast(self) -> torch.autocast:
        """Context in which convolutions run in bf16 where the device multiplies that in hardware."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    @property
    def progress(self) -> float:
        """Fraction of the recipe's time that is spent."""
        return self.minutes / self.recipe.minutes

    def train_step(self) -> Tensor:
        """One optimisation step; returns the cost (on the device, not synchronised)."""
        rate = self.recipe.rate(self.progress)
        loss = self.train_cost()
        self.model.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.processes.average_gradients(self.model.parameters())
        self.step += 1
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        # gradient clipping; without empty groups, whose norm would be on the CPU wherever the others are
        norms = [nn.utils.clip_grad_norm_(group["params"], self.recipe.clip) for group in groups if group["params"]]
        if not torch.stack(norms).isfinite().all():
            return loss.detach()  # skip the step: one batch of non-finite gradients must not spoil the run
        for group in groups:
            group["lr"] = group["peak"] * rate
        for optimizer in self.optimizers:
            optimizer.step()
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
        return loss.detach()

    @memory_errors("training")
    def run(self, report: Callable[[Report], None], every: float = 5.0) -> None:
        """Train until the recipe's time is spent; checkpoint, validate and report every `every` minutes."""
        with using_threads(self.threads):
            self.train(report, every)

    def train(self, report: Callable[[Report], None], every: float) -> None:
        """What `run` does with its number of threads."""
        try:
            # outside the schedule: the first step compiles, for minutes on some machines, and would use up the warm-up
            losses = [self.train_step()] if self.progress < 1 else []
        except TorchDynamoException as error:
            # some versions of torch wrap the cause in an error that names only the backend
            inner = getattr(error, "inner_exception", None)
            cause = f"{type(inner).__name__}: {first_line(inner)}" if inner else first_line(error)
            raise LcompError(f"the step cannot be compiled ({cause}): use --no-compile") from error
        last, start, spent = 0.0, time.monotonic(), self.minutes
        while self.progress < 1:
            losses.append(self.train_step())
            elapsed = self.processes.agree(time.monotonic() - start)  # so that all stop at one step
            if self.step % 8 == 0:
                self.minutes = spent + elapsed / 60
            if elapsed - last > every * 60 or self.progress >= 1:
                costs = torch.stack(losses)
                costs = costs[costs.isfinite()]  # the other steps were skipped
                if 2 * len(costs) < len(losses):
                    raise LcompError(f"training diverged at step {self.step}")
                cost = self.processes.mean(costs.mean()).item()
                if self.processes.leads:
                    self.save()
                    self.report(report, cost)
                self.processes.agree_on_weights(self.model)
                last, losses = self.processes.agree(time.monotonic() - start), []

    def report(self, report: Callable[[Report], None], cost: float) -> None:
        """Validate, tell `report`, and add a line to the run's `metrics.jsonl`."""
        at = Report(self.step, self.minutes, cost, self.validate(), self.notes())
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(at._asdict() | self.figures()) + "\n")
        report(at)

    def figures(self) -> dict[str, float]:
        """What `metrics.jsonl` holds besides the costs."""
        return {}

    def notes(self) -> str:
        """What a report says besides the costs."""
        return ""

    def describe(self) -> dict[str, Any]:
        """What the checkpoint holds besides weights and progress."""
        return {}

    def save(self) -> None:
        """Write the checkpoint, atomically."""
        state = self.describe() | {
            "recipe": asdict(self.recipe),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "minutes": self.minutes,
        }
        path = checkpoint_file(self.folder)
        try:
            with replacing(path) as file:
                torch.save(state, file)
        except (OSError, RuntimeError) as error:  # torch raises RuntimeError when the disk is full
            raise LcompError(f"cannot write {path}: {error}") from error

    def load(self) -> None:
        """Resume the checkpoint; the learning rates are the recipe's, not the checkpoint's.

        Raises LcompError for the checkpoint of another model.
        """
        state = read_checkpoint(self.folder, self.device)
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                peaks = [group["peak"] for group in optimizer.param_groups]
                optimizer.load_state_dict(saved)
                for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                    group["peak"] = peak
            self.step, self.minutes = state["step"], state["minutes"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise LcompError(f"{checkpoint_file(self.folder)} is not of this model: choose another --run") from error
