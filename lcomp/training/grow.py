"""Start from a smaller trained model: what it knows is kept.

Added latents begin as what it leaves over, added residual blocks as identities, added passes as those they come from.
"""

import dataclasses
import re

import numpy as np
import torch
from torch.nn import functional as F

from lcomp.entropy.tables import SCALE_MIN
from lcomp.errors import LcompError
from lcomp.model.precision import mixed_precision
from lcomp.networks.blocks import QUALITIES, quality_weights, start_at_zero
from lcomp.networks.config import HYPER_STRIDE, STRIDE, BackboneConfig
from lcomp.networks.context import Context
from lcomp.networks.energy import group_of_latent
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.hyperprior import Hyperprior
from lcomp.networks.passes import known_taps, passes
from lcomp.training.data import Pool, to_signal

BATCHES, BATCH, SIDE = 50, 8, 16 * STRIDE
"""Crops that the leftovers are computed from."""


def grown_index(old: BackboneConfig, new: BackboneConfig, before: int, after: int) -> list[int]:
    """Where each of the `before` old entries of an axis lies among its `after` new ones.

    Raises LcompError for an axis that does not follow the latents or the hyper-latents.
    """
    if after < before:
        raise LcompError(f"an axis of {before} cannot shrink to {after}")
    if before == after:
        return list(range(before))
    m, g, z = old.latents, group_of_latent(old.latents)[-1] + 1, old.hyper_latents
    grown_m, grown_g, grown_z = new.latents, group_of_latent(new.latents)[-1] + 1, new.hyper_latents
    cells = HYPER_STRIDE**2
    if (before, after) in {(m, grown_m), (g, grown_g), (g * cells, grown_g * cells)}:
        return list(range(before))
    if (before, after) == (2 * m, 2 * grown_m):  # means, then log-scales
        return [*range(m), *range(grown_m, grown_m + m)]
    places = [index // g * grown_g + index % g for index in range(z)]  # frequency by frequency, all features of each
    if (before, after) == (z, grown_z):
        return places
    if (before, after) == (2 * z, 2 * grown_z):  # means, then log-scales
        return [*places, *(grown_z + place for place in places)]
    raise LcompError(f"an axis of {before} cannot grow to {after}")


@torch.no_grad()
def grow(model: Hyperprior, small: Hyperprior, pool: Pool, random: np.random.Generator) -> None:
    """Set `model` to what `small` computes, its added latents to what `small` leaves over of training pictures.

    Raises LcompError where `model` is not larger in its latents, hyper-latents and blocks only.
    """
    old, new = small.config, model.config
    state, known = model.state_dict(), small.state_dict()
    if not known.keys() <= state.keys():
        raise LcompError("a stack of residual blocks cannot lose any")
    for name in state.keys() - known.keys():
        if ".second." in name:
            state[name].zero_()
    for name, tensor in known.items():
        target = state[name]
        index = [
            torch.tensor(grown_index(old, new, before, after), device=tensor.device)
            for before, after in zip(tensor.shape, target.shape, strict=True)
        ]
        if re.search(r"enter(\.\d+)?\.weight$", name) and tensor.shape[1] != target.shape[1]:
            target.zero_()  # at first the networks do not see the added latents
        target[torch.meshgrid(*index, indexing="ij")] = tensor
    if new.latents > old.latents:
        add_leftovers(model, small, pool, random)
    kept = grown_index(old, new, old.hyper_latents, new.hyper_latents)
    added = [channel for channel in range(new.hyper_latents) if channel not in kept]
    crops = to_signal(pool.crops(4 * BATCH, SIDE, random))
    for point in range(QUALITIES):
        w = quality_weights(torch.full((len(crops),), 1.0 + point, device=crops.device))
        z = model.h_a(model.g_a(crops, w, model.scale), w, model.scale)[:, added]
        model.z_log_scale.points[point, added] = 0.5 * (z.square().mean((0, 2, 3)) + SCALE_MIN**2).log()


@torch.no_grad()
def grow_context(model: Context, small: Context) -> None:
    """Set `model` to what `small` computes; it may code in four parts what `small` codes in two.

    Raises LcompError where they differ otherwise.
    """
    old, new = small.config, model.config
    splits = set(zip(old.parts, new.parts, strict=False))
    if dataclasses.replace(old, parts=new.parts) != new or not splits <= {(1, 1), (2, 2), (4, 4), (2, 4)}:
        raise LcompError("a context model can only grow from two parts to four")
    for name in ("enter", "quality", "onward", "mixers"):
        model.get_submodule(name).load_state_dict(small.get_submodule(name).state_dict())
    number = {(step.group, step.part): index for index, step in enumerate(passes(old))}
    across = dict(zip((at for at in number if at[1]), small.across, strict=True))
    layers = iter(model.across)
    for step, parameters in zip(passes(new), model.parameters_of, strict=True):
        parts = old.parts[step.group]
        part = step.part * parts // step.parts
        parameters.load_state_dict(small.parameters_of[number[step.group, part]].state_dict())
        if step.part:
            layer = next(layers)
            start_at_zero(layer)
            if part:
                source = across[step.group, part].state_dict()
                taps = torch.zeros_like(source["weight"])
                for row, column in known_taps(parts, part):  # the others `small` never saw at work
                    taps[:, :, row, column] = 1
                layer.load_state_dict({"weight": source["weight"] * taps, "bias": source["bias"]})


def copy_decoder(model: Enhancer, small: Enhancer) -> None:
    """Set `model` to what `small` computes; raises LcompError where they are not built alike."""
    if model.config != small.config:
        raise LcompError("a decoder can only start from one of its own size")
    model.load_state_dict(small.state_dict())


def add_leftovers(model: Hyperprior, small: Hyperprior, pool: Pool, random: np.random.Generator) -> None:
    """Linear paths, spread and gains of the added latents: the principal components of the leftovers at q = 8."""
    old, added = small.config.latents, model.config.latents - small.config.latents
    size = 3 * STRIDE**2
    own, cross, left = torch.zeros(3, size, size, dtype=torch.float64, device=pool.pixels.device)
    for _ in range(BATCHES):
        crops = to_signal(pool.crops(BATCH, SIDE, random))
        w = quality_weights(torch.full((BATCH,), float(QUALITIES), device=crops.device))
        with mixed_precision(crops.device):
            # not rounded: what no latent stands for
            leftover = crops - small.g_s.draft(small.g_a(crops, w, small.scale), w, small.scale).x_hat
        x, r = (
            F.unfold(signal.float(), STRIDE, stride=STRIDE).transpose(1, 2).flatten(0, 1)
            for signal in (crops, leftover)
        )
        for moment, product in ((own, x.T @ x), (cross, x.T @ r), (left, r.T @ r)):
            moment += product.double() / (BATCHES * len(x))
    rows = torch.linalg.eigh(left).eigenvectors.flip(1)[:, :added].T  # [added, 768]
    # what a linear map of the block itself can tell of its leftover
    ridge = 1e-6 * own.diagonal().mean() * torch.eye(size, dtype=own.dtype, device=own.device)
    analysis = torch.linalg.solve(own + ridge, cross @ rows.T).T
    shape = (added, 3, STRIDE, STRIDE)
    model.g_a.linear[old:] = analysis.float().view(shape)
    model.g_s.draft.linear[old:] = rows.float().view(shape)
    model.scale.std[old:] = ((analysis @ own) * analysis).sum(1).sqrt().float()
    model.scale.log_gain.points[:, old:] = small.scale.log_gain.points[:, -64:].mean(1, True)
