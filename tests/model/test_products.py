"""Windows whose halo is cropped from layer to layer take fewer products, counted through shapes alone."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from lcomp.format.tiles import Rectangle
from lcomp.model.decoders import whole_strides
from lcomp.model.transforms import surroundings
from lcomp.networks.halo import Halo
from lcomp.networks.light import LightSynthesis
from lcomp.networks.refinement import Evidence
from lcomp.networks.scale import LatentScale
from lcomp.networks.transforms import Analysis, Synthesis
from lcomp.zoo.registry import model_by_name


def shipped(kind: str) -> tuple[nn.Module, LatentScale, int]:
    """A network of the shipped size, what scales its latents, and how far it sees."""
    model = model_by_name("hyperprior" if kind != "fast" else "fast-visual")
    scale = LatentScale(model.architecture)
    if kind == "g_a":
        g_a = Analysis(model.architecture)
        return g_a, scale, g_a.reach
    if kind == "g_s":
        g_s = Synthesis(model.architecture)
        return g_s, scale, g_s.reach()
    assert model.light is not None
    light = LightSynthesis(model.architecture, model.light)
    return light, scale, light.reach()


def inputs(kind: str, around: Rectangle) -> torch.Tensor | Evidence:
    """What a network sees of a rectangle."""
    if kind == "g_a":
        return torch.empty(1, 3, around.height, around.width)
    latents = torch.empty(1, 512, around.latents().height, around.latents().width)
    return Evidence(latents, latents, latents)


# the share of its products that is left of a window of 1024x1024 pixels inside a picture
@pytest.mark.parametrize(("kind", "left"), [("g_s", 0.62), ("fast", 0.80), ("g_a", 0.86)])
def test_there_are_fewer_products(kind: str, left: float) -> None:
    window, picture = Rectangle(2048, 2048, 1024, 1024), Rectangle(0, 0, 8192, 8192)
    products = []
    with FakeTensorMode(), torch.inference_mode():
        network, scale, reach = shipped(kind)
        around = surroundings(window, picture, whole_strides(reach))
        for wanted in (window, around):
            with FlopCounterMode(display=False) as counter:
                network(inputs(kind, around), torch.ones(1, 9), scale, Halo.of(wanted, around))
            products.append(counter.get_total_flops())
    assert products[0] / products[1] == pytest.approx(left, abs=0.01)
