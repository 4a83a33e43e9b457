"""Sizes of the networks; needs no torch."""

from dataclasses import dataclass

PATCH = 8
"""Side in pixels of the patches (pixel-unshuffle) that become one position of the networks' 1/8-resolution stage."""

PLUNGE = 2
"""Octaves by which the gain of y falls from q = 1 to q = 0: part of the file format."""


@dataclass(frozen=True)
class RefinementConfig:
    """Sizes of a refinement or a post-filter (`[architecture.refinement]` or `[decoder]` of a model's TOML)."""

    hints: int  # channels that symbols and scales are reduced to, at 1/8 resolution
    channels: int  # width at 1/8 resolution
    blocks: int  # residual blocks there
    channels_fine: int  # width at 1/4
    blocks_fine: int  # residual blocks there
    noise: int = 0  # noise channels, from which texture is synthesised


@dataclass(frozen=True)
class LightConfig:
    """Sizes of a light g_s (`[light]` of a model's TOML)."""

    hidden_low: int  # hidden channels of the residual blocks at 1/16 resolution, as many and as wide as the draft's
    blocks: int  # residual blocks at 1/8, as wide as the draft's
    hidden: int  # their hidden channels


@dataclass(frozen=True)
class BackboneConfig:
    """Sizes of the backbone networks (the `[architecture]` table of a model's TOML)."""

    channels: int  # C: width at 1/8 resolution
    blocks: int  # residual blocks at 1/8 resolution of g_a
    channels_fine: int  # width at 1/4 resolution of g_a
    blocks_fine: int  # residual blocks there
    blocks_synthesis: int  # residual blocks at 1/8 resolution of the draft, the first stage of g_s
    channels_low: int  # D: width at 1/16 resolution
    blocks_low: int  # residual blocks at 1/16 resolution
    latents: int  # M: channels of y
    hyper_latents: int  # Z: channels of z
    hyper_channels: int  # H: width of h_a and of the first stage of h_s
    hyper_channels_high: int  # width of the second stage of h_s
    hyper_context: int  # hidden width of h_c, the context model of z
    refinement: RefinementConfig  # the second stage of g_s


@dataclass(frozen=True)
class ContextConfig:
    """Sizes of the context network (the `[context]` table of a model's TOML)."""

    width: int  # W: channels of the running state
    groups: tuple[int, ...]  # channels of y per group, in coding order; they add up to M
    parts: tuple[int, ...]  # 1, 2 or 4 per group: in how many parts its positions are coded
    widest: int  # groups of more channels than this feed the state through 1x1 convolutions, others through 3x3
    hidden: int  # hidden width of the Mixers, which mix the state spatially between groups


@dataclass(frozen=True)
class UpscalerConfig:
    """Sizes of an upscaler (the `[upscaler]` table of its TOML)."""

    channels: int  # width at half the resolution of the smaller picture
    blocks: int  # residual blocks there
