import threading

import torch

from lcomp.model.steps import telling
from lcomp.networks.blocks import ResidualStack


def test_every_block_is_told_and_changes_nothing() -> None:
    stack, x, w = ResidualStack(4, 4, 8), torch.randn(1, 4, 8, 8), torch.rand(1, 9)
    expected, shares = stack(x, w), []
    with telling(stack, shares.append):
        told = stack(x, w)
    assert torch.equal(told, expected)
    assert shares == [0.25, 0.5, 0.75, 1]
    stack(x, w)
    assert len(shares) == 4


def test_other_threads_are_not_counted() -> None:
    stack, x, w = ResidualStack(4, 2, 8), torch.randn(1, 4, 8, 8), torch.rand(1, 9)
    shares = []
    with telling(stack, shares.append):
        other = threading.Thread(target=stack, args=(x, w))
        other.start()
        other.join()
    assert not shares
