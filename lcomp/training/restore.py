"""The inverse of export: installed weights as float networks that training can go on from.

It does not undo the rounding: to 12 fractional bits in the entropy networks, to fp16 in the others.
"""

from pathlib import Path

import torch

from lcomp.errors import ModelError
from lcomp.families.lossless.network import LosslessNetworks
from lcomp.families.lossless.tensors import restore
from lcomp.networks.enhancer import Enhancer
from lcomp.training.joint import Family
from lcomp.training.recipe import read_task
from lcomp.zoo.context_tensors import restore_context
from lcomp.zoo.hyperprior_tensors import restore_hyperprior
from lcomp.zoo.registry import LosslessInfo, read_lossless, read_model
from lcomp.zoo.weights import read_enhancer, read_own_tensors, read_tensors

CPU = torch.device("cpu")


def installed_family(path: Path) -> Family:
    """The installed backbone that a TOML describes, with the context model and the decoder that its recipe names.

    Raises ModelError where one is missing.
    """
    task = read_task(path)
    info, beside, viewer = task.info, task.beside, task.viewer
    if isinstance(info, LosslessInfo) or info.backbone:
        raise ModelError(f"'{info.name}' is no backbone: start from '{info.lineage[-1].name}'")
    family = Family(info.architecture, beside.context if beside else None, viewer.decoder if viewer else None)
    try:
        restore_hyperprior(family.backbone, read_tensors(info))
        if beside and family.context:
            restore_context(family.context, read_tensors(beside))
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"the weights of '{info.name}' do not fit its description: {error}") from error
    if viewer and family.enhancer:
        family.enhancer.load_state_dict(read_enhancer(viewer, CPU).state_dict())
    return family.eval()


def installed_texture(path: Path) -> Enhancer:
    """The installed decoder that a TOML describes; raises ModelError where it is none that invents detail."""
    info = read_model(path)
    if not info.inventive:
        raise ModelError(f"'{info.name}' does not invent detail: start from a model that does")
    return read_enhancer(info, CPU)


def installed_networks(path: Path, hidden: int) -> LosslessNetworks:
    """The installed lossless model that a TOML describes; raises ModelError where it is none of that width."""
    info = read_lossless(path)
    if info.hidden != hidden:
        raise ModelError(f"the networks of '{info.name}' are {info.hidden} wide, not {hidden}")
    networks = LosslessNetworks(hidden)
    try:
        restore(networks, read_own_tensors(info))
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"the weights of '{info.name}' do not fit its description: {error}") from error
    return networks
