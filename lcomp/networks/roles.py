"""Optimiser roles of parameters, which decide the optimiser and the learning rate that a parameter gets."""

from collections.abc import Iterable
from enum import Enum

from torch import nn


class Role(Enum):
    """A parameter's role; the value names its learning rate in a recipe (`lcomp.training.recipe`)."""

    ENTROPY = "lr_entropy"  # convolution weights of the entropy networks
    TRANSFORMS = "lr_transforms"  # convolution weights of g_a, g_s and post-filters
    LINEAR = "lr_linear"  # the linear paths of g_a and g_s
    VECTORS = "lr_vectors"  # vectors per quality
    SMALL = "lr_small"  # biases, and the linear path of the hyperprior


def give_role(parameters: Iterable[nn.Parameter], role: Role) -> None:
    """Give a role to the parameters that have none yet; biases and other 1-D parameters stay SMALL."""
    for parameter in parameters:
        if parameter.ndim > 1 and not hasattr(parameter, "role"):
            parameter.role = role  # type: ignore[attr-defined]


def role_of(parameter: nn.Parameter) -> Role:
    """The role that a parameter was given; by default SMALL for 1-D parameters, ENTROPY for all others."""
    default = Role.SMALL if parameter.ndim == 1 else Role.ENTROPY
    role: Role = getattr(parameter, "role", default)
    return role
