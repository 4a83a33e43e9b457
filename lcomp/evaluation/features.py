"""Frechet distances of features on patches, as in FID: how natural pictures look, as a set.

In features of a network that recognises things and has seen no codec, and in those of our own encoder; no decoder is
trained on both.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcomp.evaluation.results import Mean
from lcomp.networks import outside
from lcomp.networks.blocks import quality_weights
from lcomp.networks.transforms import Analysis
from lcomp.types import Pixels
from lcomp.zoo.registry import model_by_name
from lcomp.zoo.weights import load_weights

SIDE = 256
"""Side of the patches, in pixels."""

MOST = 64
"""Limit on the patches of one picture, evenly chosen where it has more."""

BACKBONE = "hyperprior"
"""The model whose g_a computes our own features."""

QUALITY = 8.0
"""Quality that g_a is conditioned on."""

Features = NDArray[np.float64]
"""Features [N, F] of N patches."""


@cache
def encoder() -> Analysis:
    """The g_a of BACKBONE."""
    return load_weights(model_by_name(BACKBONE), torch.device("cpu")).networks.g_a


@cache
def recogniser() -> outside.OutsideFeatures:
    """The network from outside."""
    return outside.OutsideFeatures.installed()


def own_features(x: Tensor) -> Tensor:
    """Mean magnitudes [B, C] of g_a's features at 1/8 of the resolution of patches [B, 3, H, W] in [-1, 1]."""
    return encoder().features(x, quality_weights(torch.tensor([QUALITY]))).abs().mean((2, 3))


def outside_features(x: Tensor) -> Tensor:
    """Means [B, 112] of the network from outside at 1/16 of the resolution, of patches [B, 3, H, W] in [-1, 1].

    FID takes the last layer, whose 1280 dimensions are more than a data set such as Kodak has patches.
    """
    stages: list[Tensor] = recogniser()(x)
    return stages[-1].mean((2, 3))


@dataclass(frozen=True)
class FeatureSet:
    """Features that distances are measured in."""

    name: str
    title: str  # of the distance
    of: Callable[[Tensor], Tensor]  # features [B, F] of patches [B, 3, H, W] in [-1, 1]
    size: Callable[[], int]  # F
    mark: Callable[[], str]  # identifies the weights
    available: Callable[[], bool]


OWN = FeatureSet(
    "own",
    "Fréchet, own",
    own_features,
    lambda: encoder().enter.out_channels,
    lambda: model_by_name(BACKBONE).sha256[:8],
    lambda: True,
)

IMAGENET = FeatureSet(
    "imagenet",
    "Fréchet, ImageNet",
    outside_features,
    lambda: outside.CHANNELS[max(outside.CHANNELS)],
    lambda: outside.MARK,
    outside.available,
)

SETS = {each.name: each for each in (IMAGENET, OWN)}
"""All sets of features by name, in the order of columns."""


def available_sets() -> list[FeatureSet]:
    """The sets whose networks are installed."""
    return [each for each in SETS.values() if each.available()]


def measured_sets(means: Iterable[Mean]) -> list[FeatureSet]:
    """The sets that distances were measured in."""
    names = {name for mean in means for name in mean.frechet}
    return [each for each in SETS.values() if each.name in names]


def patches(pixels: Pixels) -> list[Pixels]:
    """Patches of a grid from the top left, and of one shifted by half a patch, as in HiFiC (Mentzer 2020)."""
    height, width = pixels.shape[:2]
    corners = [
        (top, left)
        for start in (0, SIDE // 2)
        for top in range(start, height - SIDE + 1, SIDE)
        for left in range(start, width - SIDE + 1, SIDE)
    ]
    chosen = corners[:: -(-len(corners) // MOST)] if corners else []
    return [pixels[top : top + SIDE, left : left + SIDE] for top, left in chosen]


@torch.inference_mode()
def features(pixels: Pixels, of: FeatureSet) -> Features:
    """Features of the patches of a picture; none for small ones."""
    rows = []
    for patch in patches(pixels):
        x = torch.from_numpy(patch.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        rows.append(of.of(x)[0].double().numpy())
    return np.array(rows)


def packed(values: Features, of: FeatureSet) -> str:
    """Features as text for the journal: the mark of the network and base64 of half precision."""
    return f"{of.mark()}:{base64.b64encode(values.astype('<f2').tobytes()).decode()}"


def all_packed(pixels: Pixels) -> Mapping[str, str]:
    """Features of a picture as texts of `packed`, by the names of the available sets."""
    return {each.name: packed(features(pixels, each), each) for each in available_sets()}


def are_current(texts: Mapping[str, str] | None) -> bool:
    """Whether texts of `all_packed` hold the features of all that is installed now."""
    if not isinstance(texts, Mapping):
        return False
    return all(texts.get(each.name, "").startswith(f"{each.mark()}:") for each in available_sets())


def unpacked(text: str, of: FeatureSet) -> Features:
    """Features [N, F] of a text of `packed`."""
    return np.frombuffer(base64.b64decode(text.partition(":")[2]), "<f2").astype(np.float64).reshape(-1, of.size())


def frechet_distance(ours: Features, originals: Features) -> float:
    """Squared Frechet distance of two sets of features (Heusel 2017), in units of the originals' deviations."""
    unit = originals.std(0) + 1e-6
    ours, originals = ours / unit, originals / unit
    first, second = (np.cov(values, rowvar=False, bias=True) for values in (ours, originals))
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    shift = np.square(ours.mean(0) - originals.mean(0)).sum()
    return float(shift + np.trace(first) + np.trace(second) - 2 * overlap)
