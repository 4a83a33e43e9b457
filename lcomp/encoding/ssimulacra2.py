"""Differentiable SSIMULACRA2 (Sneyers 2023), the metric without a network that agrees best with human ratings.

The pictures, in linear light, are halved five times. At each of the six scales their XYB planes are compared by SSIM
and by the strength of their edges: more than in the original is ringing or blocking, less is blur. Each map is pooled
by its mean and its fourth-power mean (4-norm), with weights fitted to human ratings. The constants are those of the
reference implementation (cloudinary/ssimulacra2, BSD-3-Clause).
"""

from collections.abc import Callable

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

STRIP = 256
"""Rows of a picture that are compared at a time where memory is to be bounded."""

EXPONENT = 0.6276336467831387
"""Exponent of the distortion in the score, 100 - 10 * distortion ** EXPONENT."""


Blur = Callable[[Tensor], Tensor]
"""A Gaussian blur, with one treatment of the borders or another."""


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


def gaussian(planes: Tensor, rows: int, columns: int) -> Tensor:
    """Separable Gaussian filter of planes [B, C, H, W], zero-padded by so many rows and columns on each side."""
    channels = planes.shape[1]
    offsets = torch.arange(-RADIUS, RADIUS + 1, device=planes.device)
    window = (-0.5 * (offsets / SIGMA).square()).exp()
    window = (window / window.sum()).expand(channels, 1, 1, -1)
    across = F.conv2d(planes, window, padding=(0, columns), groups=channels)
    return F.conv2d(across, window.transpose(2, 3), padding=(rows, 0), groups=channels)


def powers(difference: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and mean fourth power [B, 3] of the positive part of maps [B, 3, H, W]."""
    positive = difference.clamp_min(0)
    return positive.mean((2, 3)), positive.square().square().mean((2, 3))


def compare(ours: Tensor, theirs: Tensor, blur: Blur, halo: int = 0) -> Tensor:
    """The six means [B, 3, 6] of XYB planes [B, 3, H, W], in the order of WEIGHTS, before the root of the last three.

    `halo` rows at the top and bottom are there for `blur`, which leaves them out, and are not compared.
    """
    moments = blur(torch.cat([ours, theirs, ours.square(), theirs.square(), ours * theirs], 1))
    our_mean, their_mean, our_square, their_square, product = moments.chunk(5, 1)
    rows = slice(halo, ours.shape[2] - halo)
    ours, theirs = ours[:, :, rows], theirs[:, :, rows]
    covariance = product - our_mean * their_mean
    variances = our_square - our_mean.square() + their_square - their_mean.square()
    similarity = (1 - (our_mean - their_mean).square()) * (2 * covariance + STABILITY) / (variances + STABILITY)
    edges = (1 + (ours - our_mean).abs()) / (1 + (theirs - their_mean).abs()) - 1
    means, fourths = zip(*(powers(change) for change in (1 - similarity, edges, -edges)), strict=True)
    return torch.stack([*means, *fourths], 2)


def compare_in_strips(ours: Tensor, theirs: Tensor) -> Tensor:
    """As `compare` on linear pictures [1, 3, H, W], in bounded memory, with the borders of the reference.

    These are mirrored rows, and columns of zeros.
    """
    height, total = ours.shape[2], torch.zeros(1, 3, 6)
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        rows = torch.arange(top - RADIUS, bottom + RADIUS)
        rows = torch.where(rows < 0, -1 - rows, torch.where(rows >= height, 2 * height - 1 - rows, rows))
        first, second = to_xyb(ours[:, :, rows]), to_xyb(theirs[:, :, rows])
        total += (bottom - top) / height * compare(first, second, lambda each: gaussian(each, 0, RADIUS), RADIUS)
    return total


def pooled(scales: list[Tensor], weights: Tensor) -> Tensor:
    """The distortion [B] of the means [B, 3, 6] of each scale, under weights [3, scales, 6]."""
    means, fourths = torch.stack(scales, 2).chunk(2, 3)
    # the clamp makes the gradient zero where nothing differs: that of the root would be infinite
    statistics = torch.cat([means, fourths.clamp_min(LEAST_POWER) ** 0.25], 3)
    total = GAIN * (statistics * weights).sum((1, 2, 3))
    first, second, third = POLYNOMIAL
    return (first + (second + third * total) * total) * total


def halved(linear: Tensor) -> Tensor:
    """Linear pictures [B, 3, H, W] at half size."""
    return F.avg_pool2d(linear, 2, ceil_mode=True)


def ssimulacra2_distortion(x_hat: Tensor, x: Tensor) -> Tensor:
    """Distortion [B] of pictures x_hat [B, 3, H, W] of x, both sRGB in [-1, 1]: 0 for a copy, 5.8 at a score of 70.

    It is the part of SSIMULACRA2 before the last exponent, about proportional to the errors that it is made of.
    """
    with torch.autocast(x.device.type, enabled=False):
        ours, theirs = to_linear(x_hat), to_linear(x)
        scales: list[Tensor] = []
        while len(scales) < SCALES and min(ours.shape[2:]) >= SMALLEST_SIDE:
            scales.append(compare(to_xyb(ours), to_xyb(theirs), blurred_inside))
            ours, theirs = halved(ours), halved(theirs)
        if not scales:
            return 0 * ours.mean((1, 2, 3))
        return pooled(scales, torch.tensor(WEIGHTS, device=x.device)[:, : len(scales)])


@torch.inference_mode()
def ssimulacra2(ours: Pixels, original: Pixels) -> float:
    """SSIMULACRA2 of a picture [H, W, 3] of an original: 100 for a copy, 90 visually lossless, 30 low quality.

    Sides are at least SMALLEST_SIDE. Where a picture has fewer than SCALES scales, the reference takes WEIGHTS in their
    order, whatever they were fitted to, and so does this.

    >>> import numpy as np
    >>> grey = np.full((64, 64, 3), 128, np.uint8)
    >>> round(ssimulacra2(grey, grey), 1)
    100.0
    """
    linear = [linear_of(pixels) for pixels in (ours, original)]
    scales: list[Tensor] = []
    while len(scales) < SCALES and min(linear[0].shape[2:]) >= SMALLEST_SIDE:
        scales.append(compare_in_strips(*linear))
        linear = [halved(each) for each in linear]
    weights = torch.tensor(WEIGHTS).flatten()[: 18 * len(scales)].view(3, len(scales), 6)
    return 100 - 10 * max(pooled(scales, weights).item(), 0.0) ** EXPONENT


def linear_of(pixels: Pixels) -> Tensor:
    """Linear RGB [1, 3, H, W] of a picture [H, W, 3], converted strip by strip."""
    strips = (torch.from_numpy(pixels[top : top + STRIP].copy()) for top in range(0, len(pixels), STRIP))
    return torch.cat([to_linear(strip.permute(2, 0, 1)[None] / 127.5 - 1) for strip in strips], 2)
