"""The processes of a training run, as torchrun starts them: data parallelism by all-reduce of the gradients."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from lcomp.errors import LcompError

Item = TypeVar("Item")


class LostProcessError(LcompError):
    """Another process of a run has ended."""


PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: one of them validates and exports for all."""


@dataclass(frozen=True)
class Processes:
    """One of the processes of a run, and how many there are; without torchrun it is alone.

    All of them hold the same weights and optimisers, and each a part of the pictures and of every batch.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # among those on this machine

    @property
    def leads(self) -> bool:
        """Whether this is the process that validates, reports, saves and exports."""
        return self.rank == 0

    def part(self, items: Sequence[Item]) -> list[Item]:
        """This process's part of some items, of which every process has others."""
        return list(items[self.rank :: self.count])

    def device(self, name: str) -> str:
        """The device of this process, where `auto` or `cuda` stand for the GPUs of a machine."""
        several = self.count > 1 and name in ("auto", "cuda") and torch.cuda.is_available()
        return f"cuda:{self.local_rank % torch.cuda.device_count()}" if several else name

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their means over all processes; one without a gradient must have none in any process."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        with lost_processes():
            distributed.all_reduce(flat)
        flat /= self.count
        means = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view(gradient.shape))

    @torch.no_grad()
    def agree_on_weights(self, module: nn.Module) -> None:
        """Take over the parameters and buffers of the leading process."""
        if self.count > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                # collectives want dense memory, which channels-last weights are only in their own order
                shared = tensor.detach().contiguous()
                with lost_processes():
                    distributed.broadcast(shared, 0)
                tensor.copy_(shared)

    def agree(self, value: float) -> float:
        """The value that the leading process has; all must call this together."""
        if self.count == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        with lost_processes():
            distributed.broadcast(shared, 0)
        return shared.item()

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a value [] over all processes."""
        if self.count == 1:
            return value
        shared = value.detach().double().cpu()
        with lost_processes():
            distributed.all_reduce(shared)
        return shared / self.count


ALONE = Processes()


@contextmanager
def lost_processes() -> Iterator[None]:
    """Turn what torch raises where another process has ended into a LostProcessError."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError("another process of this run has ended") from error


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """Join the processes that torchrun has started, if it has: gloo between CPUs, NCCL between GPUs.

    Raises LcompError where they cannot be reached.
    """
    names = "RANK", "WORLD_SIZE", "LOCAL_RANK"
    if not all(name in os.environ for name in names):
        yield ALONE
        return
    rank, count, local_rank = (int(os.environ[name]) for name in names)
    if count == 1:
        yield ALONE
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        distributed.init_process_group(backend, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise LcompError(f"the processes of torchrun cannot be joined: {error}") from error
    try:
        yield Processes(rank, count, local_rank)
    finally:
        distributed.destroy_process_group()
