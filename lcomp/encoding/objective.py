"""The distortion term of the rate-distortion cost: MSE, 1 - MS-SSIM, or a mix of SSIMULACRA2 with both."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.encoding.distortion import squared_error
from lcomp.encoding.rdoq import DISTORTION_WEIGHT, error_weight
from lcomp.encoding.ssimulacra2 import ssimulacra2_distortion
from lcomp.networks.blocks import lmbda, log_linear

MS_SSIM_SIDE = 161
"""Smallest side for which the five scales of MS-SSIM are defined with its 11x11 window."""

STEP_BITS = 14.0
"""Bits that a squared error of one step is worth under a metric that has no closed-form estimate of it.

In a model trained for squared error, where there is one, it comes to about as much in every channel that is not nearly
always zero (docs/lab/LOG.md): the learned steps are as fine as the bits allow, whatever the distortion is.
"""


def per_latent(values: Tensor) -> Tensor:
    """Values [B], or [B, h, w], as [B, 1, 1, 1] or [B, 1, h, w]."""
    return values[:, None] if values.ndim > 1 else values[:, None, None, None]


class Objective(ABC):
    """The distortion term of the rate-distortion cost, and its exchange rate in bits."""

    @abstractmethod
    def lmbda(self, q: Tensor) -> Tensor:
        """Bits per pixel that a distortion of one is worth at qualities q."""

    @abstractmethod
    def distortion(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """Distortion [B] of pictures x_hat [B, 3, H, W] of x, both in [-1, 1]."""

    @abstractmethod
    def error_weight(self, gain: Tensor, q: Tensor, distortion_weight: float = DISTORTION_WEIGHT) -> Tensor:
        """Bits that a squared error of one step of y is worth, for its gain [B, M, 1, 1] at qualities q [B].

        They may also be [B, M, h, w] and [B, h, w].
        """


class SquaredError(Objective):
    """Mean squared error in grey levels (255^2 times the MSE of [0, 1]), which PSNR measures."""

    def lmbda(self, q: Tensor) -> Tensor:
        """The eight CompressAI points, log-linear in between."""
        return lmbda(q)

    def distortion(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """Mean squared errors [B], in squared grey levels."""
        return squared_error(x_hat, x)

    def error_weight(self, gain: Tensor, q: Tensor, distortion_weight: float = DISTORTION_WEIGHT) -> Tensor:
        """Derived from the gain, as if g_s were orthonormal (`lcomp.encoding.rdoq`)."""
        return error_weight(gain, per_latent(lmbda(q)), distortion_weight)


class MsSsim(Objective):
    """One minus the multi-scale structural similarity (Wang 2003)."""

    def lmbda(self, q: Tensor) -> Tensor:
        """The eight CompressAI points, 2.4 to 220, log-linear in between."""
        return log_linear(q, 2.4, 220.0)

    def distortion(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """One minus MS-SSIM [B], averaged over channels; smaller pictures are padded by replication to MS_SSIM_SIDE."""
        # lazy import: few commands need it
        from pytorch_msssim import ms_ssim

        ours, theirs = x_hat.float() + 1, x + 1
        missing = (0, max(0, MS_SSIM_SIDE - x.shape[3]), 0, max(0, MS_SSIM_SIDE - x.shape[2]))
        if any(missing):
            ours, theirs = (F.pad(picture, missing, mode="replicate") for picture in (ours, theirs))
        similarity: Tensor = ms_ssim(ours, theirs, data_range=2, size_average=False)
        return 1 - similarity

    def error_weight(self, gain: Tensor, q: Tensor, distortion_weight: float = DISTORTION_WEIGHT) -> Tensor:
        """The same for all steps."""
        return torch.full_like(gain, distortion_weight * STEP_BITS)


STRUCTURE_SHARE, SQUARED_ERROR_SHARE = 150.0, 0.015
"""Weights of 1 - MS-SSIM and of the squared error, relative to the distortion of SSIMULACRA2 (docs/lab/LOG.md)."""


class Visual(Objective):
    """The distortion of SSIMULACRA2, with MS-SSIM and a little squared error against artefacts that it is blind to."""

    def lmbda(self, q: Tensor) -> Tensor:
        """0.0055 to 0.7, log-linear in between: chosen for the same rates as the other models'."""
        return log_linear(q, 0.0055, 0.7)

    def distortion(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """The weighted sum [B] of the three."""
        structure = STRUCTURE_SHARE * MsSsim().distortion(x_hat, x)
        return ssimulacra2_distortion(x_hat, x) + structure + SQUARED_ERROR_SHARE * squared_error(x_hat, x)

    def error_weight(self, gain: Tensor, q: Tensor, distortion_weight: float = DISTORTION_WEIGHT) -> Tensor:
        """The same for all steps."""
        return torch.full_like(gain, distortion_weight * STEP_BITS)


OBJECTIVES: dict[str, Objective] = {"mse": SquaredError(), "ms-ssim": MsSsim(), "visual": Visual()}
"""By the `metric` of a model."""
