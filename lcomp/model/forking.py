"""What a forked child must not do: wait for threads that stayed in its parent.

libgomp's threads do not survive a fork, and the first parallel loop of torch in the child would wait for them forever
(multiprocessing's default on Linux before Python 3.14, prefork servers). One thread needs none of them.
"""

import os
from functools import cache

import torch


def use_one_thread() -> None:
    """Run torch on the calling thread alone."""
    torch.set_num_threads(1)


@cache
def keep_forks_from_hanging() -> None:
    """Have children forked from now on use one thread, on systems that fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=use_one_thread)
