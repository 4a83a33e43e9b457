"""The lossless model on its device, loaded once per process."""

from functools import cache

import torch

from lcomp.errors import ModelError
from lcomp.families.lossless.description import LosslessInfo
from lcomp.families.lossless.tensors import exact_codec
from lcomp.families.lossless.tile import LosslessCodec
from lcomp.log import log
from lcomp.model.forking import keep_forks_from_hanging
from lcomp.zoo.weights import fingerprint, read_own_tensors


@cache
def load_lossless(model: LosslessInfo, device: torch.device) -> LosslessCodec:
    """A model on a device; raises ModelError where its weights are missing or not the right ones."""
    log.debug("  loading %s on %s", model.name, device)
    keep_forks_from_hanging()
    tensors = read_own_tensors(model)
    try:
        with torch.inference_mode(False):
            codec = exact_codec(tensors, device)
    except (KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ModelError(f"weights of '{model.name}' are not usable: {model.weights_path}: {error}") from error
    if fingerprint(tensors) != model.fingerprint:
        raise ModelError(f"weights of '{model.name}' do not match the fingerprint of its description")
    return codec
