"""Windows whose halo is cropped from layer to layer give what they give with all of it."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helpers.models import random_upscaler
from lcomp.format.tiles import Rectangle
from lcomp.model.decoders import Decoder, EnhancedDecoder, LightDecoder, whole_strides
from lcomp.model.loaded import LoadedModel
from lcomp.model.reduced import reduced_decoder
from lcomp.model.transforms import surroundings
from lcomp.model.upscaling import UpscalingDecoder
from lcomp.networks.blocks import quality_weights
from lcomp.networks.halo import NO_HALO, UNIT, Halo
from lcomp.types import STRIDE
from lcomp.zoo.registry import ModelInfo
from lcomp.zoo.weights import read_enhancer, read_light

CPU = torch.device("cpu")
CLOSE = 2e-5
"""What rounding may change of samples in [-1, 1]."""

KINDS = ("mse", "sr", "fast", "upscaler", "1/2", "1/4")


@pytest.fixture(scope="module", autouse=True, params=[UNIT, STRIDE])
def unit(request: pytest.FixtureRequest) -> Iterator[None]:
    """What is cropped in: as it is, and as little as may be, so that what is kept is hardly more than is needed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lcomp.networks.halo.UNIT", request.param)
        yield


@pytest.fixture(scope="module")
def decoders(sr_info: ModelInfo, light_info: ModelInfo) -> dict[str, Decoder]:
    codec = LoadedModel(sr_info.coding, CPU)
    transforms, networks = codec.transforms, codec.transforms.networks
    smaller = {f"1/{factor}": reduced_decoder(transforms, codec.info.architecture, factor, 4000) for factor in (2, 4)}
    return smaller | {
        "mse": transforms.mse,
        "sr": EnhancedDecoder(networks, read_enhancer(sr_info, CPU), sr_info.architecture, 1.0),
        "fast": LightDecoder(networks, read_light(light_info, CPU), light_info.architecture),
        "upscaler": UpscalingDecoder(transforms.mse, random_upscaler(), visual=False),
    }


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@st.composite
def windows(draw: st.DrawFn) -> tuple[Rectangle, Rectangle]:
    """A picture, and a window of it: inside, at an edge or in a corner, as large as it or smaller."""
    sides, starts, ends = [], [], []
    for _ in "xy":
        side = draw(st.integers(1, 330))
        start = draw(st.one_of(st.integers(0, side - 1), st.sampled_from(range(0, side, STRIDE))))
        sides.append(side)
        starts.append(start)
        ends.append(draw(st.one_of(st.just(side), st.integers(start + 1, min(side, start + 60)))))
    return Rectangle(0, 0, *sides), Rectangle(*starts, ends[0] - starts[0], ends[1] - starts[1])


def weights(around: Rectangle, regional: bool) -> Tensor:
    """Quality weights of all latents, or of every one."""
    if not regional:
        return quality_weights(torch.tensor([2.7]))
    place = around.latents()
    return quality_weights(4 + 3 * noise(1, place.height, place.width).clamp(-1, 1))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12)
@given(places=windows(), half=st.booleans(), regional=st.booleans(), wraps=st.booleans())
def test_pictures_are_the_same(
    decoders: dict[str, Decoder],
    kind: str,
    places: tuple[Rectangle, Rectangle],
    half: bool,
    regional: bool,
    wraps: bool,
) -> None:
    decoder, (picture, window) = decoders[kind], places
    half = kind == "upscaler" or (half and decoder.factor == 1)
    around = surroundings(window, picture, decoder.halo, wraps)
    halo, w = Halo.of(window, around), weights(around, regional)
    known = noise(1, decoder.channels, around.latents().height, around.latents().width)
    with torch.inference_mode():
        expected = decoder.synthesize(known, around, w, half)
        cropped = decoder.synthesize(known, around, w, half, halo)
    shown, place, left = (decoder.shown(each, half) for each in (window, around, halo.seen(0).around(window)))
    difference = expected[(..., *shown.within(place))] - cropped[(..., *shown.within(left))]
    assert difference.abs().max() <= CLOSE * max(1.0, float(expected.abs().max()))


@settings(max_examples=12)
@given(places=windows(), regional=st.booleans(), wraps=st.booleans())
def test_latents_are_the_same(
    decoders: dict[str, Decoder], places: tuple[Rectangle, Rectangle], regional: bool, wraps: bool
) -> None:
    networks, (picture, window) = decoders["mse"].networks, places
    around = surroundings(window, picture, whole_strides(networks.g_a.reach), wraps)
    halo, w, place = Halo.of(window, around), weights(around, regional), around.latents()
    x = noise(1, 3, STRIDE * place.height, STRIDE * place.width)
    with torch.inference_mode():
        expected, cropped = (networks.g_a(x, w, networks.scale, each) for each in (NO_HALO, halo))
    shown, left = window.latents(), halo.seen(0).around(window).latents()
    difference = expected[(..., *shown.within(place))] - cropped[(..., *shown.within(left))]
    assert difference.abs().max() <= CLOSE * max(1.0, float(expected.abs().max()))
