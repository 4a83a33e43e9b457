"""Export: a trained model becomes a weights file with fp16 networks and the exact integer path."""

import contextlib
import hashlib
import json
from pathlib import Path

import safetensors.torch
import tomlkit
import torch
from torch import Tensor, nn

from lcomp.entropy.tables import Table
from lcomp.errors import LcompError
from lcomp.files import replacing, write_all
from lcomp.networks.context import Context
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.hyperprior import Hyperprior
from lcomp.networks.light import LightSynthesis
from lcomp.networks.upscaler import Upscaler
from lcomp.zoo.context_tensors import exact_context, integer_context_tensors
from lcomp.zoo.description import Description
from lcomp.zoo.hyperprior_tensors import exact_hyper_context, exact_path, integer_tensors
from lcomp.zoo.registry import ModelInfo
from lcomp.zoo.upscalers import UpscalerInfo
from lcomp.zoo.weights import fingerprint, half_precision, read_tensors


def replace_files(contents: dict[Path, bytes]) -> None:
    """Write several files to temporary names; they are renamed only when all are complete."""
    with contextlib.ExitStack() as stack:
        for path, data in contents.items():
            write_all(stack.enter_context(replacing(path)), data)


def export(model: Hyperprior, info: ModelInfo, training: dict[str, str], tables: tuple[Table, ...]) -> Path:
    """Write the weights file of a backbone with its hyperprior.

    `training` goes into the metadata of the file. Raises LcompError for weights that are not finite.
    """
    wanted = ("g_a.", "h_a.", "g_s.", "scale.")
    floats = half_precision({name: tensor for name, tensor in model.state_dict().items() if name.startswith(wanted)})
    exact = integer_tensors(model, tables)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in floats.values()):
        raise LcompError("the trained weights are not finite")
    exact_hyper_context(exact, exact_path(exact, torch.device("cpu")), torch.device("cpu"))  # checks the bounds
    return write_weights(info, floats | exact, fingerprint(exact), training)


def export_context(model: Context, info: ModelInfo, training: dict[str, str], tables: tuple[Table, ...]) -> Path:
    """Write the weights file of a context model, which needs that of its backbone beside it.

    `training` goes into the metadata of the file. Raises LcompError for weights that are not finite.
    """
    assert info.backbone is not None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values()):
        raise LcompError("the trained weights are not finite")
    exact = integer_context_tensors(model, tables)
    exact_context(exact, model.config, torch.device("cpu"))  # checks the bounds
    return write_weights(info, exact, fingerprint(read_tensors(info.backbone) | exact), training)


def export_decoder(model: Enhancer | LightSynthesis, info: ModelInfo, training: dict[str, str]) -> Path:
    """Write the weights file of a decoder, which needs those of its backbone and context model beside it.

    `training` goes into the metadata of the file. Raises LcompError for weights that are not finite.
    """
    return write_weights(info, finite_halves(model), info.coding.fingerprint, training)


def export_upscaler(model: Upscaler, info: UpscalerInfo, training: dict[str, str]) -> Path:
    """Write the weights file of an upscaler, none of which decides a bitstream.

    `training` goes into the metadata of the file. Raises LcompError for weights that are not finite.
    """
    return write_weights(info, finite_halves(model), info.fingerprint, training)


def finite_halves(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a network in half precision; raises LcompError where one is not finite."""
    floats = half_precision(model.state_dict())
    if not all(bool(torch.isfinite(tensor).all()) for tensor in floats.values()):
        raise LcompError("the trained weights are not finite")
    return floats


def write_weights(info: Description, tensors: dict[str, Tensor], mark: int, training: dict[str, str]) -> Path:
    """Write a weights file and put its digest and the fingerprint `mark` into the TOML."""
    document = tomlkit.parse(info.source.read_text(encoding="utf-8"))
    # one entry only: safetensors writes several in no particular order
    recipe = document["training"].unwrap() if "training" in document else "that of the backbone"
    metadata = {"lcomp": json.dumps({"model": info.name, "recipe": recipe, **training})}
    data = safetensors.torch.save(tensors, metadata)
    document["weights"]["sha256"] = hashlib.sha256(data).hexdigest()
    document["weights"]["fingerprint"] = f"{mark:08x}"
    replace_files({info.export_path: data, info.source: tomlkit.dumps(document).encode()})
    return info.export_path
