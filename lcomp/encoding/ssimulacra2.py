"""Differentiable SSIMULACRA2 (Sneyers 2023), the metric without a network that agrees best with human ratings.

The pictures, in linear light, are halved five times. At each of the six scales their XYB planes are compared by SSIM
and by the strength of their edges: more than in the original is ringing or blocking, less is blur. Each map is pooled
by its mean and its fourth-power mean (4-norm), with weights fitted to human ratings. The constants are those of the
reference implementation (cloudinary/ssimulacra2, BSD-3-Clause).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.types import Pixels

SCALES = 6

SMALLEST_SIDE = 8
"""Side in pixels below which a scale is left out."""

SIGMA, RADIUS = 1.5, 5
"""Standard deviation and radius of the Gaussian window, in pixels of a scale."""

STABILITY = 0.0009
"""Added to covariance and variances (C2 of SSIM)."""

BIAS = 0.0037930732552754493
"""Added to the cone responses before their cube root."""

OPSIN = (
    (0.3, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.5518098665095536),
)
"""Linear RGB to cone responses (libjxl)."""

WEIGHTS = (
    # X: of each scale the mean of similarity, ringing and blur, then their fourth-power means
    (
        (0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0),
        (0.0, 0.0004371155730107379, 0.0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752),
        (0.0, 0.0016406437456599754, 0.0, 1.8422455520539298, 11.441172603757666, 0.0),
        (0.0007989109436015163, 0.000176816438078653, 0.0, 1.8787594979546387, 10.94906990605142, 0.0),
        (
            0.0007289346991508072,
            0.9677937080626833,
            0.0,
            0.00014003424285435884,
            0.9981766977854967,
            0.00031949755934435053,
        ),
        (0.0004550992113792063, 0.0, 0.0, 0.0013648766163243398, 0.0, 0.0),
    ),
    # Y
    (
        (0.0, 0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262),
        (0.0006235601634041466, 0.0, 0.0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264),
        (225.20515300849274, 0.0, 0.0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985),
        (176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408),
        (0.0, 0.0, 0.0, 34.77906344483772, 44.835625328877896, 0.0),
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    ),
    # B less Y
    (
        (0.0, 0.0008680556573291698, 0.0, 0.0, 0.0, 0.0),
        (0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0004179171803251336, 0.0017290828234722833, 0.0),
        (0.0020827005846636437, 0.0, 0.0, 8.826982764996862, 23.19243343998926, 0.0),
        (
            95.1080498811086,
            0.9863978034400682,
            0.9834382792465353,
            0.0012286405048278493,
            171.2667255897307,
            0.9807858872435379,
        ),
        (0.0, 0.0, 0.0, 0.0005130064588990679, 0.0, 0.00010854057858411537),
    ),
)
"""Weights of the six statistics, by plane and scale."""

GAIN = 0.9562382616834844

POLYNOMIAL = (2.326765642916932, -0.020884521182843837, 6.248496625763138e-05)
"""From the weighted sum to the distortion: coefficients of its powers 1 to 3."""

LEAST_POWER = 1e-32
"""Floor of the mean fourth powers, before their root."""

EXPONENT = 0.6276336467831387
"""Exponent of the distortion in the score, 100 - 10 * distortion ** EXPONENT."""


Blur = Callable[[Tensor], Tensor]
"""A Gaussian blur, with one treatment of the borders or another."""


class Views(NamedTuple):
    """One scale of a picture, with the local moments that SSIM compares."""

    xyb: Tensor  # [B, 3, H, W]
    mean: Tensor  # local mean, in the Gaussian window around each place
    square: Tensor  # local mean square


def to_linear(x: Tensor) -> Tensor:
    """Linear RGB in [0, 1] of sRGB pictures [B, 3, H, W] in [-1, 1]."""
    x = (x.float() * 0.5 + 0.5).clamp(0, 1)
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def to_xyb(linear: Tensor) -> Tensor:
    """XYB planes [B, 3, H, W] of linear RGB, shifted and scaled to be positive."""
    cones = F.conv2d(linear, linear.new_tensor(OPSIN)[:, :, None, None]) + BIAS
    long, middle, short = (cones.clamp_min(1e-6) ** (1 / 3) - BIAS ** (1 / 3)).unbind(1)
    y = 0.5 * (long + middle)
    planes = torch.stack([7 * (long - middle) + 0.42, y + 0.01, short - y + 0.55], 1)
    return planes.contiguous(memory_format=torch.channels_last)


def blurred_inside(planes: Tensor) -> Tensor:
    """Gaussian blur of planes [B, C, H, W], normalised to what lies within them: the edge of a crop is no border."""
    height, width = planes.shape[2:]
    ones = planes.new_ones(1, 1, height, width)
    return gaussian(planes, RADIUS, RADIUS) / gaussian(ones, RADIUS, RADIUS)


def blurred(planes: Tensor) -> Tensor:
    """Gaussian blur of planes [B, C, H, W] with the borders of the reference: mirrored rows, columns of zeros."""
    mirrored = torch.cat([planes[:, :, :RADIUS].flip(2), planes, planes[:, :, -RADIUS:].flip(2)], 2)
    return gaussian(mirrored, 0, RADIUS)


def gaussian(planes: Tensor, rows: int, columns: int) -> Tensor:
    """Separable Gaussian filter of planes [B, C, H, W], zero-padded by so many rows and columns on each side."""
    channels = planes.shape[1]
    offsets = torch.arange(-RADIUS, RADIUS + 1, device=planes.device)
    window = (-0.5 * (offsets / SIGMA).square()).exp()
    window = (window / window.sum()).expand(channels, 1, 1, -1)
    across = F.conv2d(planes, window, padding=(0, columns), groups=channels)
    return F.conv2d(across, window.transpose(2, 3), padding=(rows, 0), groups=channels)


def views(planes: Tensor, blur: Blur) -> Views:
    """XYB planes [B, 3, H, W] with their local moments."""
    return Views(planes, *blur(torch.cat([planes, planes.square()], 1)).chunk(2, 1))


def norms(difference: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and fourth-power mean [B, 3] of the positive part of maps [B, 3, H, W]."""
    positive = difference.clamp_min(0)
    # the clamp makes the gradient zero where nothing differs: that of the root would be infinite
    return positive.mean((2, 3)), positive.square().square().mean((2, 3)).clamp_min(LEAST_POWER) ** 0.25


def compare(ours: Views, theirs: Views, blur: Blur) -> Tensor:
    """The six statistics [B, 3, 6] of one scale, in the order of WEIGHTS."""
    product = blur(ours.xyb * theirs.xyb)
    covariance = product - ours.mean * theirs.mean
    variances = ours.square - ours.mean.square() + theirs.square - theirs.mean.square()
    similarity = (1 - (ours.mean - theirs.mean).square()) * (2 * covariance + STABILITY) / (variances + STABILITY)
    edges = (1 + (ours.xyb - ours.mean).abs()) / (1 + (theirs.xyb - theirs.mean).abs()) - 1
    means, fourths = zip(*(norms(change) for change in (1 - similarity, edges, -edges)), strict=True)
    return torch.stack([*means, *fourths], 2)


def weights_of(scales: int, reference: bool) -> Tensor:
    """WEIGHTS [3, scales, 6] of a picture that has so many scales.

    Where it has fewer than SCALES, the reference takes the weights in flat order, whatever they were fitted to.
    """
    weights = torch.tensor(WEIGHTS)
    return weights.flatten()[: 18 * scales].view(3, scales, 6) if reference else weights[:, :scales]


def ssimulacra2_distortion(x_hat: Tensor, x: Tensor, reference: bool = False) -> Tensor:
    """Distortion [B] of pictures x_hat [B, 3, H, W] of x, both sRGB in [-1, 1]: 0 for a copy, 5.8 at a score of 70.

    It is the part of SSIMULACRA2 before the last exponent, about proportional to the errors that it is made of. With
    `reference` borders and small pictures count as in the reference implementation.
    """
    blur = blurred if reference else blurred_inside
    with torch.autocast(x.device.type, enabled=False):
        ours, theirs = to_linear(x_hat), to_linear(x)
        statistics: list[Tensor] = []
        while len(statistics) < SCALES and min(ours.shape[2:]) >= SMALLEST_SIDE:
            statistics.append(compare(views(to_xyb(ours), blur), views(to_xyb(theirs), blur), blur))
            ours, theirs = (F.avg_pool2d(picture, 2, ceil_mode=True) for picture in (ours, theirs))
        if not statistics:
            return 0 * ours.mean((1, 2, 3))
        weights = weights_of(len(statistics), reference).to(x.device)
        total = GAIN * (torch.stack(statistics, 2) * weights).sum((1, 2, 3))
        first, second, third = POLYNOMIAL
        return (first + (second + third * total) * total) * total


@torch.inference_mode()
def ssimulacra2(ours: Pixels, original: Pixels) -> float:
    """SSIMULACRA2 of a picture [H, W, 3] of an original: 100 for a copy, 90 visually lossless, 30 low quality.

    >>> import numpy as np
    >>> grey = np.full((64, 64, 3), 128, np.uint8)
    >>> round(ssimulacra2(grey, grey), 1)
    100.0
    """
    x_hat, x = (torch.from_numpy(each.copy()).permute(2, 0, 1)[None] / 127.5 - 1 for each in (ours, original))
    distortion = ssimulacra2_distortion(x_hat, x, reference=True).item()
    return 100 - 10 * max(distortion, 0.0) ** EXPONENT
