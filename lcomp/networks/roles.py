"""What a parameter is to an optimiser: which kind of update and which learning rate of a recipe it gets."""

from collections.abc import Iterable
from enum import Enum

from torch import nn


class Role(Enum):
    """A parameter's role; the value is the learning rate of a recipe (`lcomp.training.recipe`) that it gets."""

    ENTROPY = "lr_entropy"  # convolution weights of the entropy networks
    TRANSFORMS = "lr_transforms"  # convolution weights of g_a, g_s and decoders of their own
    LINEAR = "lr_linear"  # the linear paths of g_a and g_s
    VECTORS = "lr_vectors"  # vectors per quality
    SMALL = "lr_small"  # biases, and the linear path of the hyperprior


def give_role(parameters: Iterable[nn.Parameter], role: Role) -> None:
    """Give a role to the parameters that have none yet; biases keep theirs."""
    for parameter in parameters:
        if parameter.ndim > 1 and not hasattr(parameter, "role"):
            parameter.role = role  # type: ignore[attr-defined]


def role_of(parameter: nn.Parameter) -> Role:
    """The role that a parameter was given; by default SMALL for vectors, ENTROPY for all others."""
    default = Role.SMALL if parameter.ndim == 1 else Role.ENTROPY
    role: Role = getattr(parameter, "role", default)
    return role
