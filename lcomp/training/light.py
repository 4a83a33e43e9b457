"""Training of a light g_s (`fast`) on the frozen latents of its backbone."""

from collections.abc import Callable

import torch
from torch import Tensor

from lcomp.encoding.objective import OBJECTIVES
from lcomp.errors import ModelError
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import place, quality_weights
from lcomp.networks.light import LightSynthesis
from lcomp.training.data import VALIDATION_QUALITIES, VALIDATION_SIDE, to_signal
from lcomp.training.evidence import Coded, Store, evidence_floats, held_out
from lcomp.training.run import Setting, TrainingRun
from lcomp.training.start import copy_weights, start_from_draft
from lcomp.zoo.registry import ModelInfo

DISTORTION_FLOOR = 0.5
"""Added to the distortion of the backbone's g_s, so that crops that are all but perfect weigh little."""


class LightRun(TrainingRun[LightSynthesis]):
    """Training of the light g_s of `info`; everything else is frozen.

    It resumes its checkpoint; without one it starts from the light g_s `start`, or by pruning the draft of the
    backbone's g_s. Raises ModelError for a model or a recipe without what it needs.
    """

    def __init__(self, info: ModelInfo, setting: Setting, start: LightSynthesis | None = None) -> None:
        coding = info.backbone
        if coding is None or info.light is None:
            raise ModelError(f"'{info.name}' has no light decoder")
        self.pool, validation = setting.start()
        device, stage, crops = setting.device, setting.recipe.stage(0), setting.recipe.crops
        if crops is None:
            raise ModelError(f"{info.source}: a decoder's recipe needs a table [training.crops]")
        self.crops, self.objective = crops, OBJECTIVES[info.metric]
        self.codec = LoadedModel(coding, device)
        model = LightSynthesis(info.architecture, info.light)
        if start is None:
            start_from_draft(model, self.codec.transforms.networks.g_s.draft)
        else:
            copy_weights(model, start)
        place(model, device)
        super().__init__(model, setting)
        self.store = Store(
            self.pool,
            lambda: self.codec,
            self.random,
            stage.batch,
            stage.crop,
            crops.plain,
            half=False,
            rounds=crops.rounds,
            objective=self.objective,
        )
        self.held_out = list(
            held_out(
                validation, self.codec, VALIDATION_QUALITIES, VALIDATION_SIDE, half=False, objective=self.objective
            )
        )
        self.relative: Callable[[Coded], Tensor] = self.error
        if setting.compiled:
            self.relative = torch.compile(self.error, dynamic=False)

    def error(self, coded: Coded) -> Tensor:
        """Distortion of crops [B], relative to that of the backbone's g_s."""
        return self.relative_error(self.model, coded)

    def relative_error(self, model: LightSynthesis, coded: Coded) -> Tensor:
        """Distortion of crops [B] under a light g_s, relative to that of the backbone's own."""
        with self.autocast():
            x_hat = model(
                evidence_floats(coded.evidence), quality_weights(coded.quality), self.codec.transforms.networks.scale
            )
        return self.objective.distortion(x_hat.float(), to_signal(coded.x)) / (coded.error + DISTORTION_FLOOR)

    def train_cost(self) -> Tensor:
        """Mean relative distortion of the next batch."""
        if self.step % self.crops.renew_every == 0:
            self.store.renew()
        return self.relative(self.store.draw()).mean()

    @torch.no_grad()
    def validate(self) -> float:
        """Geometric mean of the relative distortions of the averaged weights on validation pictures."""
        return (
            torch.cat([self.relative_error(self.average, coded).log() for coded in self.held_out]).mean().exp().item()
        )
