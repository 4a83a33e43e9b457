"""How far a network is while it computes: the largest steps of progress are single calls of networks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn

from lcomp.networks.blocks import ResidualBlock


@contextmanager
def telling(network: nn.Module, told: Callable[[float], None]) -> Iterator[None]:
    """Tell which share of a network's residual blocks is done while this thread runs it once.

    By forward hooks, which change nothing of what is computed; other threads may run the network meanwhile.
    """
    blocks = [module for module in network.modules() if isinstance(module, ResidualBlock)]
    thread, done = threading.get_ident(), 0

    def count(*_: object) -> None:
        nonlocal done
        if threading.get_ident() == thread:
            done += 1
            told(min(done / len(blocks), 1.0))

    hooks = [block.register_forward_hook(count) for block in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
