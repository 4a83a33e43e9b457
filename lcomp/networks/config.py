"""Sizes of the networks; needs no torch."""

from dataclasses import dataclass

PATCH = 8
"""Pixels per cell of the high-resolution part of the networks, in both directions."""

PLUNGE = 2
"""Octaves by which the gain of y falls from q = 1 to q = 0: part of the file format."""


@dataclass(frozen=True)
class RefinementConfig:
    """Sizes of a network that adds to a picture (`[architecture.refinement]`, or the `[decoder]` of a model's TOML)."""

    hints: int  # channels that symbols and scales are reduced to, at 1/8 resolution
    channels: int  # width at 1/8 resolution
    blocks: int  # residual blocks there
    channels_fine: int  # width at 1/4
    blocks_fine: int  # residual blocks there
    noise: int = 0  # channels of noise, to make texture from


@dataclass(frozen=True)
class BackboneConfig:
    """Sizes of the backbone networks (the `[architecture]` table of a model's TOML)."""

    channels: int  # C: width at 1/8 resolution
    blocks: int  # residual blocks at 1/8 resolution, of g_a
    channels_fine: int  # width at 1/4 resolution, of g_a
    blocks_fine: int  # residual blocks there
    blocks_synthesis: int  # the same of the first stage of g_s
    channels_low: int  # D: width at 1/16 resolution
    blocks_low: int  # residual blocks at 1/16 resolution
    latents: int  # M: channels of y
    hyper_latents: int  # Z: channels of z
    hyper_channels: int  # H: width of h_a and of the first stage of h_s
    hyper_channels_high: int  # width of the second stage of h_s
    hyper_context: int  # width of the network between the parts of z
    refinement: RefinementConfig  # the second stage of g_s


@dataclass(frozen=True)
class ContextConfig:
    """Sizes of the context network (the `[context]` table of a model's TOML)."""

    width: int  # W: channels of the running state
    groups: tuple[int, ...]  # channels of y per group, in coding order; they add up to M
    parts: tuple[int, ...]  # 1, 2 or 4 per group: in how many parts its positions are coded
    widest: int  # groups of more channels than this reach the next ones through 1x1 convolutions
    hidden: int  # width of the networks that look around in the state between groups
