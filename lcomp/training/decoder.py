"""Training of a post-filter that invents nothing (`sr`), on the frozen latents of its backbone."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lcomp.encoding.distortion import squared_error
from lcomp.errors import ModelError
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import place, quality_weights
from lcomp.networks.enhancer import Enhancer
from lcomp.networks.refinement import no_noise
from lcomp.training.data import VALIDATION_QUALITIES, VALIDATION_SIDE, to_signal
from lcomp.training.evidence import Coded, Store, evidence_floats, held_out
from lcomp.training.run import Setting, TrainingRun
from lcomp.training.start import copy_weights
from lcomp.zoo.registry import ModelInfo

HALF_VALIDATION = (0.7, 1.5)

ERROR_FLOOR = 0.5
"""Added to the squared error of the backbone's decoder, so that crops that are all but perfect weigh little."""


class DecoderModel(nn.Module):
    """The trained part, under the name `g_s` as in the backbone."""

    def __init__(self, g_s: Enhancer) -> None:
        super().__init__()
        self.g_s = g_s


class DecoderRun(TrainingRun[DecoderModel]):
    """Training of the decoder of `info`; everything else is frozen.

    It resumes its checkpoint; without one it starts from the decoder `start`, or from adding nothing to the backbone's
    g_s. Raises ModelError for a model or a recipe without what it needs.
    """

    def __init__(
        self,
        info: ModelInfo,
        setting: Setting,
        start: Enhancer | None = None,
    ) -> None:
        coding = info.backbone
        if coding is None or coding.backbone is None or info.decoder is None:
            raise ModelError(f"'{info.name}' has no decoder of its own on a context model")
        self.pool, validation = setting.start()
        device, stage, crops = setting.device, setting.recipe.stage(0), setting.recipe.crops
        if crops is None or not crops.half_every:
            raise ModelError(f"{info.source}: a decoder's recipe needs a table [training.crops] with half_every")
        self.crops = crops
        self.codec, self.plain_codec = LoadedModel(coding, device), LoadedModel(coding.backbone, device)
        model = DecoderModel(Enhancer(info.architecture, info.decoder))
        if start is not None:
            copy_weights(model.g_s, start)
        place(model, device)
        super().__init__(model, setting)
        shared = self.pool, self.choose_codec, self.random
        self.plain = Store(*shared, stage.batch, stage.crop, crops.plain, half=False, rounds=crops.rounds)
        self.half = Store(
            *shared, stage.batch, 2 * stage.crop, crops.half, half=True, rounds=crops.rounds // crops.half_every
        )
        self.held_out = [
            (half, coded)
            for half, qualities, side in (
                (False, VALIDATION_QUALITIES, VALIDATION_SIDE),
                (True, HALF_VALIDATION, 2 * VALIDATION_SIDE),
            )
            for coded in held_out(validation, self.codec, qualities, side, half)
        ]
        self.errors: Callable[[Coded, bool], Tensor] = self.error
        if setting.compiled:
            self.errors = torch.compile(self.error, dynamic=False)

    def choose_codec(self) -> LoadedModel:
        """The codec of the next crop: with the context model, or the hyperprior alone."""
        return self.plain_codec if self.random.random() < self.crops.hyperprior else self.codec

    def error(self, coded: Coded, half: bool) -> Tensor:
        """Squared error of crops [B], relative to that of the backbone's decoder."""
        return self.relative_error(self.model, coded, half)

    def relative_error(self, model: DecoderModel, coded: Coded, half: bool) -> Tensor:
        """Squared error of crops [B] under a decoder, relative to that of the backbone's own."""
        evidence, networks = evidence_floats(coded.evidence), self.codec.transforms.networks
        w, nothing = quality_weights(coded.quality), no_noise(evidence.y_hat)
        with self.autocast():
            enhanced = model.g_s(networks.g_s, evidence, nothing, w, networks.scale, half)
        return squared_error(enhanced.x_hat + enhanced.added, to_signal(coded.x)) / (coded.error + ERROR_FLOOR)

    def train_cost(self) -> Tensor:
        """Mean relative error of the next batch."""
        half = self.step % self.crops.half_every == 0
        store = self.half if half else self.plain
        store.renew()
        return self.errors(store.draw(), half).mean()

    @torch.no_grad()
    def validate(self) -> float:
        """Geometric mean of the relative errors of the averaged weights on validation pictures."""
        logarithms = [self.relative_error(self.average, coded, half).log() for half, coded in self.held_out]
        return torch.cat(logarithms).mean().exp().item()
