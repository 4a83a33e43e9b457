"""Frechet distance of our encoder's features on patches, as in FID: how natural pictures look, as a set."""

import base64
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

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
"""The model whose g_a computes the features."""

QUALITY = 8.0
"""Quality that g_a is conditioned on."""

Features = NDArray[np.float64]
"""Features [N, F] of N patches."""


@cache
def encoder() -> Analysis:
    """The g_a of BACKBONE."""
    return load_weights(model_by_name(BACKBONE), torch.device("cpu")).networks.g_a


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
def features(pixels: Pixels) -> Features:
    """Mean magnitudes of g_a's features at 1/8 of the resolution, for the patches of a picture; none for small ones."""
    g_a, w = encoder(), quality_weights(torch.tensor([QUALITY]))
    rows = []
    for patch in patches(pixels):
        x = torch.from_numpy(patch.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        rows.append(g_a.features(x, w).abs().mean((0, 2, 3)).double().numpy())
    return np.array(rows)


def mark() -> str:
    """Identifies the weights of the encoder, by the start of their SHA-256."""
    return model_by_name(BACKBONE).sha256[:8]


def packed(values: Features) -> str:
    """Features as text for the journal: the mark of the encoder and base64 of half precision."""
    return f"{mark()}:{base64.b64encode(values.astype('<f2').tobytes()).decode()}"


def is_current(text: str) -> bool:
    """Whether a text of `packed` is of the encoder that is installed."""
    return text.startswith(f"{mark()}:")


def unpacked(text: str) -> Features:
    """Features [N, F] of a text of `packed`."""
    size = encoder().enter.out_channels
    return np.frombuffer(base64.b64decode(text.partition(":")[2]), "<f2").astype(np.float64).reshape(-1, size)


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
