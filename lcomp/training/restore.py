"""The inverse of export: installed weights as float networks that training can go on from.

It does not undo the rounding: to 12 fractional bits in the entropy networks, to fp16 in the others.
"""

from pathlib import Path

import torch

from lcomp.errors import ModelError
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.light import LightSynthesis
from lcomp.training.joint import JointModels
from lcomp.training.recipe import read_joint_task
from lcomp.zoo.context_tensors import restore_context
from lcomp.zoo.hyperprior_tensors import restore_hyperprior
from lcomp.zoo.registry import read_model
from lcomp.zoo.weights import read_enhancer, read_light, read_tensors

CPU = torch.device("cpu")


def installed_backbone(path: Path) -> JointModels:
    """The installed backbone that a TOML describes, with the context model and the decoder that its recipe names.

    Raises ModelError where one is missing.
    """
    task = read_joint_task(path)
    info, beside, viewer = task.info, task.beside, task.viewer
    if info.backbone:
        raise ModelError(f"'{info.name}' is no backbone: start from '{info.lineage[-1].name}'")
    models = JointModels(info.architecture, beside.context if beside else None, viewer.decoder if viewer else None)
    try:
        restore_hyperprior(models.backbone, read_tensors(info))
        if beside and models.context:
            restore_context(models.context, read_tensors(beside))
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"the weights of '{info.name}' do not fit its description: {error}") from error
    if viewer and models.enhancer:
        models.enhancer.load_state_dict(read_enhancer(viewer, CPU).state_dict())
    return models.eval()


def installed_texture(path: Path) -> Enhancer:
    """The installed decoder that a TOML describes; raises ModelError where it is none that invents detail."""
    info = read_model(path)
    if not info.inventive:
        raise ModelError(f"'{info.name}' does not invent detail: start from a model that does")
    return read_enhancer(info, CPU)


def installed_light(path: Path) -> LightSynthesis:
    """The installed light g_s that a TOML describes; raises ModelError where it is none."""
    info = read_model(path)
    if not info.light:
        raise ModelError(f"'{info.name}' has no light decoder: start from a model that has one")
    return read_light(info, CPU)
