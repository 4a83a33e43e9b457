"""Where training starts."""

import dataclasses

import pytest
import torch

from lcomp.errors import LcompError
from lcomp.networks.config import BackboneConfig, RefinementConfig
from lcomp.networks.enhancer import Enhancer
from lcomp.training.start import copy_weights
from lcomp.zoo.registry import ModelInfo


def test_a_decoder_starts_from_one_of_its_size_only(sr_info: ModelInfo) -> None:
    assert sr_info.decoder is not None

    def decoder(config: RefinementConfig, architecture: BackboneConfig = sr_info.architecture) -> Enhancer:
        return Enhancer(architecture, config)

    model, small = decoder(sr_info.decoder), decoder(sr_info.decoder)
    copy_weights(model, small)
    assert torch.equal(model.refinement.hints.weight, small.refinement.hints.weight)
    with pytest.raises(LcompError, match="built alike"):
        copy_weights(model, decoder(dataclasses.replace(sr_info.decoder, blocks=1)))
