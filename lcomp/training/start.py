"""Initialisation of a backbone: from other weights, or as a transform codec.

The linear paths of the latter are the principal components (KLT) of 16x16 blocks.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from lcomp.entropy.tables import SCALE_MIN
from lcomp.errors import LcompError
from lcomp.networks.blocks import QUALITIES, quality_weights
from lcomp.networks.hyperprior import Hyperprior
from lcomp.networks.light import LightSynthesis
from lcomp.networks.transforms import Draft
from lcomp.training.data import Pool, to_signal
from lcomp.types import STRIDE

BLOCKS = 160_000
"""Blocks that the principal components are computed from."""


def copy_weights(model: nn.Module, known: nn.Module) -> None:
    """Set a network to the weights of another one; raises LcompError where they are not built alike."""
    try:
        model.load_state_dict(known.state_dict())
    except RuntimeError as error:
        raise LcompError("a network can only start from one that is built alike") from error


@torch.no_grad()
def start_from_draft(model: LightSynthesis, draft: Draft) -> None:
    """Initialise a light g_s by pruning a draft: its first blocks at 1/8, of all blocks the strongest hidden channels.

    The last blocks of a draft do least (docs/lab/LOG.md).
    """
    known = draft.state_dict()
    enter = torch.zeros_like(model.enter.weight)  # it sees symbols and scales too, which the draft does not
    enter[:, : draft.enter.in_channels] = draft.enter.weight
    known["enter.weight"] = enter
    for name, wanted in model.state_dict().items():
        if name.endswith(".first.bias"):
            prune(known, name.removesuffix(".first.bias"), len(wanted))
    model.load_state_dict({name: known[name] for name in model.state_dict()})


def prune(tensors: dict[str, Tensor], name: str, hidden: int) -> None:
    """Keep the strongest hidden channels of the residual block called `name`, by the norms of their weights."""
    first, second = tensors[f"{name}.first.weight"], tensors[f"{name}.second.weight"]
    strength = torch.linalg.vector_norm(first, dim=(1, 2, 3)) * torch.linalg.vector_norm(second, dim=(0, 2, 3))
    kept = strength.topk(hidden).indices
    for part, dim in (("first.weight", 0), ("first.bias", 0), ("scale.points", 1), ("second.weight", 1)):
        tensors[f"{name}.{part}"] = tensors[f"{name}.{part}"].index_select(dim, kept)


@torch.no_grad()
def start_from_components(model: Hyperprior, pool: Pool, random: np.random.Generator) -> None:
    """Initialise linear paths, the spread of the latents, the gains and the prior of z from the training pictures."""
    moment = torch.zeros(3 * STRIDE**2, 3 * STRIDE**2, dtype=torch.float64, device=pool.device)
    side, batch = 16 * STRIDE, 25
    for _ in range(BLOCKS // (batch * 256)):
        crops = to_signal(pool.crops(batch, side, random))
        blocks = torch.nn.functional.unfold(crops, STRIDE, stride=STRIDE).transpose(1, 2).flatten(0, 1)
        moment += (blocks.T @ blocks / blocks.shape[0]).double()
    values, vectors = torch.linalg.eigh(moment / (BLOCKS // (batch * 256)))
    latents = model.config.latents
    rows = vectors.flip(1)[:, :latents].T.float()  # [M, 768], orthonormal, largest spread first
    model.g_a.linear.copy_(rows.view(latents, 3, STRIDE, STRIDE))
    model.g_s.draft.linear.copy_(rows.view(latents, 3, STRIDE, STRIDE))
    model.scale.std.copy_(values.flip(0)[:latents].clamp_min(1e-8).sqrt().float())
    # a uniform step of 1 / gain in the component domain suits lmbda when gain ~ 25 sqrt(lmbda)
    for point in range(QUALITIES):
        gain = 25 * math.sqrt(0.0018 * 100 ** (point / (QUALITIES - 1)))
        model.scale.log_gain.points[point] = math.log(gain)
    # the prior of z starts from the empirical spread of z
    crops = to_signal(pool.crops(32, side, random))
    for point in range(QUALITIES):
        w = quality_weights(torch.full((len(crops),), 1.0 + point, device=crops.device))
        z = model.h_a(model.g_a(crops, w, model.scale), w, model.scale)
        model.z_log_scale.points[point] = 0.5 * (z.square().mean((0, 2, 3)) + SCALE_MIN**2).log()
