"""How many threads torch computes with."""

import contextlib
from collections.abc import Iterator

import torch

from lcomp.errors import LcompError


def check_threads(threads: int | None) -> None:
    """Raise LcompError for a number of threads that is none."""
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise LcompError(f"threads {threads} is out of range: use 1 or more")


@contextlib.contextmanager
def using_threads(threads: int | None) -> Iterator[None]:
    """Compute with so many threads, and afterwards with as many as before; None leaves it to torch."""
    if threads is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
