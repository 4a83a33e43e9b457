"""Training the context model on the frozen latents of its backbone, as the codec computes them."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lcomp.encoding.objective import OBJECTIVES
from lcomp.errors import ModelError
from lcomp.model.precision import mixed_precision
from lcomp.networks.blocks import place, quality_weights
from lcomp.networks.config import STRIDE
from lcomp.networks.context import Base, Context
from lcomp.networks.exact.hyper_context import nearest_symbols
from lcomp.networks.exact.hyper_synthesis import (
    ACTIVATION_BITS,
    LOG_BITS,
    LOG_SCALE_MIN,
    MEAN_BITS,
    OUTPUT_BITS,
    HyperOutput,
)
from lcomp.training.cost import reference_bpp
from lcomp.training.data import (
    VALIDATION_QUALITIES,
    stratified_qualities,
    to_signal,
    validation_crops,
)
from lcomp.training.grow import grow_context
from lcomp.training.joint import count_features
from lcomp.training.run import Setting, TrainingRun
from lcomp.types import QUALITY_STEPS
from lcomp.zoo.registry import ModelInfo
from lcomp.zoo.weights import Weights, load_weights

STORED = 1024
"""Crops whose latents are kept."""

RENEW_EVERY = 4
"""Steps after which one batch of them is replaced."""


class StoredLatents(NamedTuple):
    """StoredLatents of crops and what the hyperprior says about them, in half precision."""

    features: Tensor  # [N, F, h, w]
    residual: Tensor  # [N, M, h, w]
    log_scale: Tensor  # [N, M, h, w]
    quality: Tensor  # [N], float32


def analyse(backbone: Weights, x: Tensor, quality: Tensor) -> StoredLatents:
    """StoredLatents of crops x [B, 3, H, W] in [-1, 1] at qualities [B] in thousandths, through the exact h_s."""
    w, scale = quality_weights(quality / QUALITY_STEPS), backbone.networks.scale
    with mixed_precision(x.device):
        y = backbone.networks.g_a(x, w, scale)
        z = backbone.networks.h_a(y, w, scale)
    outputs = []
    rows, columns = z.shape[2:]
    for one, steps in zip(z, quality.int().tolist(), strict=True):
        z_hat = backbone.h_c(rows, columns, steps, nearest_symbols(one[None]))
        outputs.append(backbone.h_s(z_hat, steps))
    hyper = HyperOutput(*(torch.cat(parts) for parts in zip(*outputs, strict=True)))
    log_scale = hyper.log_scale * 2.0**-OUTPUT_BITS + LOG_SCALE_MIN * 2.0**-LOG_BITS
    return StoredLatents(
        (hyper.features() * 2.0**-ACTIVATION_BITS).half(),
        (y - hyper.mean * 2.0**-MEAN_BITS).half(),
        log_scale.half(),
        quality / QUALITY_STEPS,
    )


class ContextRun(TrainingRun[Context]):
    """Training of the context model of `info`; the backbone's exported weights stay as they are.

    It starts from its checkpoint; without one from the context model `start`, which may have fewer passes, or anew.
    """

    def __init__(
        self,
        info: ModelInfo,
        setting: Setting,
        start: Context | None = None,
    ) -> None:
        if info.backbone is None or info.context is None:
            raise ModelError(f"'{info.name}' has no context model on a backbone")
        self.pool, validation = setting.start()
        self.backbone, self.metric = load_weights(info.backbone, setting.device), info.metric
        self.held_out = [self.held_out_latents(crop) for crop in validation_crops(validation)]
        model = Context(info.architecture, info.context, count_features(info.architecture))
        if start is not None:
            grow_context(model, start)
        place(model, setting.device)
        super().__init__(model, setting)
        stage = self.recipe.stage(0)
        fresh = [self.new_latents(stage.batch, stage.crop) for _ in range(STORED // stage.batch)]
        self.latents = StoredLatents(*(torch.cat(parts) for parts in zip(*fresh, strict=True)))
        self.cost: Callable[[StoredLatents], Tensor] = self.bits
        if setting.compiled:
            self.cost = torch.compile(self.bits, dynamic=False)

    def held_out_latents(self, crop: Tensor) -> StoredLatents:
        """StoredLatents of a validation crop [1, 3, H, W] at the validation qualities."""
        quality = torch.tensor(VALIDATION_QUALITIES, device=crop.device) * QUALITY_STEPS
        return analyse(self.backbone, crop.expand(len(quality), -1, -1, -1), quality)

    def new_latents(self, batch: int, crop: int) -> StoredLatents:
        """StoredLatents of random crops at stratified qualities."""
        x = to_signal(self.pool.crops(batch, crop, self.random))
        quality = torch.round(stratified_qualities(batch, self.random) * QUALITY_STEPS).to(self.device)
        with torch.no_grad():
            return analyse(self.backbone, x, quality)

    def weight(self, quality: Tensor) -> Tensor:
        """Bits [B, M, 1, 1] that a squared error of one quantisation step is worth."""
        gain = self.backbone.networks.scale.gain(quality_weights(quality))
        return OBJECTIVES[self.metric].error_weight(gain, quality)

    def bits(self, latents: StoredLatents) -> Tensor:
        """Bits [B] of latents in context."""
        base = Base(*(tensor.float() for tensor in latents[:3]))
        with self.autocast():
            return self.model(base, quality_weights(latents.quality), self.weight(latents.quality))

    def train_cost(self) -> Tensor:
        """Mean bits per pixel of the next batch, relative to VTM's cost."""
        stage = self.recipe.stage(self.progress)
        if self.step % RENEW_EVERY == 0:
            start = self.step // RENEW_EVERY * stage.batch % len(self.latents.quality)
            for old, new in zip(self.latents, self.new_latents(stage.batch, stage.crop), strict=True):
                old[start : start + stage.batch] = new
        chosen = torch.from_numpy(self.random.integers(len(self.latents.quality), size=stage.batch)).to(self.device)
        latents = StoredLatents(*(tensor[chosen] for tensor in self.latents))
        pixels = latents.residual[0, 0].numel() * STRIDE**2
        return (self.cost(latents) / pixels / reference_bpp(latents.quality, self.metric)).mean()

    @torch.no_grad()
    def validate(self) -> float:
        """Bits of y in context relative to those without, mean over the validation qualities."""
        in_context, without = torch.zeros(2, len(VALIDATION_QUALITIES), device=self.device)
        for latents in self.held_out:
            base = Base(*(tensor.float() for tensor in latents[:3]))
            weight = self.weight(latents.quality)
            with self.autocast():
                in_context += self.average(base, quality_weights(latents.quality), weight)
            without += base.unrefined().bits(weight, training=False)
        return (in_context / without).mean().item()
