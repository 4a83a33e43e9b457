"""Spread and gain of the latents: the statistics that the networks' inputs and outputs are normalised by."""

import math

import torch
from torch import Tensor, nn

from lcomp.networks.blocks import QUALITIES, QualityVector
from lcomp.networks.config import PLUNGE, BackboneConfig


class LatentScale(nn.Module):
    """Spread and gain of the latents.

    `std` [M] is the standard deviation of the linear transform's outputs on training images; `log_gain` and
    `z_log_gain` hold the learned gain per channel and quality of y and z (gained VAE, Cui 2021).
    """

    std: Tensor

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.register_buffer("std", torch.ones(config.latents))
        self.log_gain = QualityVector(config.latents)
        self.z_log_gain = QualityVector(config.hyper_latents)

    def gain(self, w: Tensor) -> Tensor:
        """Gain [B, M, 1, 1] of the latents at quality weights w [B, 9]; below q = 1 it falls by PLUNGE octaves.

        All of these are [B, ..., h, w] at quality weights [B, 9, h, w].
        """
        below = w[:, QUALITIES:]
        return (self.log_gain(w) - (PLUNGE * math.log(2)) * (below if w.ndim > 2 else below[..., None, None])).exp()

    def z_gain(self, w: Tensor) -> Tensor:
        """Gain [B, Z, 1, 1] of the hyper-latents at quality weights w [B, 9]."""
        return self.z_log_gain(w).exp()

    def deviation(self, w: Tensor) -> Tensor:
        """Expected standard deviation [B, M, 1, 1] of the scaled latents at quality weights w [B, 9], in steps."""
        return self.std[None, :, None, None] * self.gain(w)

    def spread(self, w: Tensor) -> Tensor:
        """Expected magnitude [B, M, 1, 1] of the scaled latents, quantisation step included."""
        return torch.sqrt(self.deviation(w).square() + 1)
