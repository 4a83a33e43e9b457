"""Export of lossless models, and the inverse: installed weights as float networks that training can go on from."""

from pathlib import Path

import torch

from lcomp.errors import LcompError, ModelError
from lcomp.families.lossless.network import LosslessNetworks
from lcomp.families.lossless.tensors import exact_codec, exact_tensors, restore
from lcomp.families.lossless.training.examples import Gathered
from lcomp.families.lossless.training.recipe import read_lossless
from lcomp.families.lossless.training.tables import fit_tables
from lcomp.training.export import write_weights
from lcomp.zoo.weights import fingerprint, read_own_tensors


def export_lossless(model: LosslessNetworks, gathered: Gathered, source: Path, training: dict[str, str]) -> Path:
    """Write the weights file of the lossless model described in `source`; `training` goes into its metadata.

    Raises LcompError for weights that are not finite.
    """
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values()):
        raise LcompError("the trained weights are not finite")
    exact = exact_tensors(model, gathered.coefficients, fit_tables(model, gathered))
    exact_codec(exact, torch.device("cpu"))  # checks the bounds
    return write_weights(read_lossless(source), exact, fingerprint(exact), training)


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
