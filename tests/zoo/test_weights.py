"""Weights files: the ones that a description names, and no others."""

import hashlib

import pytest
import torch

from lcomp.zoo.registry import ModelInfo
from lcomp.zoo.weights import load_weights

CPU = torch.device("cpu")


def test_weights_are_verified(tiny_info: ModelInfo) -> None:
    from dataclasses import replace

    from lcomp.errors import ModelError

    with pytest.raises(ModelError, match="not the ones"):
        load_weights(replace(tiny_info, sha256="0" * 64), CPU)
    with pytest.raises(ModelError, match="fingerprint"):
        load_weights(replace(tiny_info, fingerprint=1), CPU)
    with pytest.raises(ModelError, match=r"weights of 'tiny' are not installed: .*nowhere\.safetensors is missing"):
        load_weights(replace(tiny_info, weights="nowhere.safetensors"), CPU)
    junk = tiny_info.weights_path.with_name("junk.safetensors")
    junk.write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="not usable"):
        load_weights(replace(tiny_info, weights=junk.name, sha256=hashlib.sha256(junk.read_bytes()).hexdigest()), CPU)
