"""Devices that networks run on, and what happens when their memory runs out."""

import contextlib
import warnings
from collections.abc import Iterator
from functools import cache

import torch

from lcomp.errors import LcompError
from lcomp.log import log

NO_DEVICE = "this torch knows of no GPU"
"""Why there is no CUDA device on most machines."""


def first_line(text: object) -> str:
    """The first line of a message."""
    return str(text).partition("\n")[0]


@cache
def trouble(device: torch.device) -> str | None:
    """Why a CUDA device cannot be used, None where it can: it or its driver may be too old for this torch."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            if torch.cuda.is_available():
                torch.ones(1, device=device).add(1).item()
                return None
        except torch.OutOfMemoryError:
            return None  # memory may be free again later; if not, the work itself raises
        except (RuntimeError, torch.cuda.DeferredCudaCallError) as error:
            return first_line(error)
    return first_line(told[0].message) if told else NO_DEVICE


def choose_device(name: str) -> torch.device:
    """The device called `name`: auto, cpu, cuda or cuda:N; raises LcompError where there is none that works."""
    if name == "auto":
        reason = trouble(torch.device("cuda"))
        if reason not in (None, NO_DEVICE):
            log.debug("  the GPU cannot be used: %s", reason)
        name = "cpu" if reason else "cuda"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise LcompError(f"unknown device '{name}': use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise LcompError(f"device '{name}' is not supported: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        reason = trouble(device)
        if reason:
            raise LcompError(f"device '{name}' does not exist or cannot be used: {reason}")
        # `trouble` started it, if not here then in the parent
        if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            raise LcompError("a forked process cannot use the GPU of its parent: start it with 'spawn', or use the CPU")
        if device.index is None:  # pin the current device, which may change
            return torch.device("cuda", torch.cuda.current_device())
    return device


OUT_OF_MEMORY = ("allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED")
"""Substrings of torch's messages when memory runs out: on a CPU (two systems), in the CUDA driver, in its libraries."""


@contextlib.contextmanager
def memory_errors(purpose: str = "this picture") -> Iterator[None]:
    """Turn what torch raises when memory runs out into an LcompError."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise LcompError(f"not enough memory for {purpose}") from error
    except RuntimeError as error:
        if any(words in str(error) for words in OUT_OF_MEMORY):
            raise LcompError(f"not enough memory for {purpose}") from error
        raise
