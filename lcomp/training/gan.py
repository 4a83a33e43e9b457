"""Adversarial training of the texture of the `gan` decoder, on the frozen latents of its backbone."""

from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from lcomp.encoding.distortion import squared_error
from lcomp.errors import LcompError, ModelError
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import place, quality_weights
from lcomp.networks.enhancer import Enhanced, Enhancer
from lcomp.networks.outside import OutsideFeatures
from lcomp.networks.refinement import expected_error
from lcomp.training.data import VALIDATION_SIDE, to_signal
from lcomp.training.decoder import DecoderModel
from lcomp.training.discriminator import Discriminator, judgement, opponent_loss, right_share
from lcomp.training.evidence import Coded, Store, evidence_floats, held_out
from lcomp.training.faces_and_text import faces_and_text, nowhere
from lcomp.training.perceptual import Drift, moments_distance, structure_distance
from lcomp.training.recipe import Adversarial
from lcomp.training.run import Setting, TrainingRun, checkpoint_file, read_checkpoint
from lcomp.training.start import copy_weights
from lcomp.training.statistics import bands, finest_difference, seen, statistics_distance
from lcomp.types import STRIDE
from lcomp.zoo.registry import ModelInfo

LEAST_WEIGHT = 0.1
"""Weight of the adversarial terms at the highest qualities."""

RAMP = 300
"""Steps in which the discriminator's judgement comes to count: it begins knowing nothing."""

LEAST_CROP = 128
"""Smaller crops have too few positions at 1/16 of the resolution for local moments."""

DRIFT = 0.97
"""Momentum of the averages of features."""

SAMPLES = 12
"""Validation crops on the sheet of samples."""

VALIDATION_QUALITIES = (1.0, 2.0, 3.0, 5.0, 8.0)


def realism_weight(quality: Tensor, recipe: Adversarial) -> Tensor:
    """Weight [B] of the adversarial terms at qualities [B]: 1 up to `full`, falling to LEAST_WEIGHT at `least`."""
    return ((recipe.least - quality) / (recipe.least - recipe.full)).clamp(LEAST_WEIGHT, 1)


def cares(marked: Tensor, care: float) -> Tensor:
    """What to multiply samples by [B, 1, H, W], so that squared errors count `care` times more where marked."""
    return F.interpolate(1 + care * marked.float(), scale_factor=STRIDE).sqrt()


def window(side: int, random: np.random.Generator) -> tuple[slice, slice]:
    """A random window of crops of `side` pixels, an eighth smaller: the network from outside has strides of its own.

    A texture that suited one phase of them would not suit it in the next step.
    """
    shorter = side - side // 8
    top, left = (int(start) for start in random.integers(0, side - shorter + 1, size=2))
    return slice(top, top + shorter), slice(left, left + shorter)


class Figures(NamedTuple):
    """What a validation shows of one quality."""

    quality: float
    loss: float  # loss of PSNR against the mse decoder, in dB
    energy: float  # of the finest band relative to the original's
    energy_mse: float  # the same of the mse decoder
    statistics: float  # distance of local energies relative to the mse decoder's

    def __str__(self) -> str:
        energies = f"finest band {self.energy_mse:.2f} -> {self.energy:.2f}"
        return f"q {self.quality:g}: {-self.loss:+.2f} dB, {energies}, statistics {self.statistics:.3f}"


class GanRun(TrainingRun[DecoderModel]):
    """Training of the texture of `info`; everything but it and the discriminator is frozen.

    It resumes its checkpoint; without one it starts from the exported texture `start`, against a new discriminator, or
    from adding nothing. Raises ModelError for a model or a recipe without what it needs.
    """

    def __init__(self, info: ModelInfo, setting: Setting, start: Enhancer | None = None) -> None:
        if info.backbone is None or info.decoder is None:
            raise ModelError(f"'{info.name}' has no texture")
        self.pool, validation = setting.start()
        device, stage, recipe = setting.device, setting.recipe.stage(0), setting.recipe
        if recipe.crops is None or not recipe.crops.half_every or recipe.adversarial is None:
            needed = "tables [training.crops], with half_every, and [training.adversarial]"
            raise ModelError(f"{info.source}: its recipe needs {needed}")
        if stage.crop < LEAST_CROP:
            raise ModelError(f"{info.source}: a texture is trained on crops of {LEAST_CROP} pixels or more")
        self.crops, self.adversarial = recipe.crops, recipe.adversarial
        self.codec = LoadedModel(info.backbone, device)
        self.networks = self.codec.transforms.networks
        model = DecoderModel(Enhancer(info.architecture, info.decoder))
        if start is not None:
            copy_weights(model.g_s, start)
        place(model, device)
        self.discriminator = Discriminator(self.adversarial.width)
        self.outside, self.drifts = OutsideFeatures.installed(), (Drift(DRIFT), Drift(DRIFT))  # full size, half size
        for network in (self.discriminator, self.outside):
            place(network, device)
        self.opponent = torch.optim.AdamW(
            self.discriminator.parameters(), lr=self.adversarial.rate, betas=(0.5, 0.9), weight_decay=0.0, fused=True
        )
        self.log: dict[str, list[Tensor]] = {}
        self.latest: list[Figures] = []
        super().__init__(model, setting)
        self.processes.agree_on_weights(self.discriminator)

        def store(side: int, range_: tuple[float, float], half: bool, rounds: int) -> Store:
            shared = self.pool, lambda: self.codec, self.random, stage.batch
            return Store(*shared, side, range_, half, rounds, mark=faces_and_text if self.adversarial.care else nowhere)

        self.plain = store(stage.crop, self.crops.plain, False, self.crops.rounds)
        self.half = store(2 * stage.crop, self.crops.half, True, self.crops.rounds // self.crops.half_every)
        self.held_out = list(held_out(validation, self.codec, VALIDATION_QUALITIES, VALIDATION_SIDE, half=False))
        self.make, self.judge = self.pictures, self.discriminator.forward
        if setting.compiled:
            self.make = torch.compile(self.pictures, dynamic=False)
            self.judge = torch.compile(self.discriminator.forward, dynamic=False)

    def pictures(self, model: DecoderModel, coded: Coded, half: bool) -> Enhanced:
        """The mse decoder's pictures of crops [B, 3, H, W], and the texture to add."""
        evidence = evidence_floats(coded.evidence)
        rows, columns = (2 * side for side in evidence.y_hat.shape[2:])
        noise = (torch.rand(len(coded.x), model.g_s.config.noise, rows, columns, device=self.device) - 0.5) * 12**0.5
        w, networks = quality_weights(coded.quality), self.networks
        with self.autocast():
            enhanced: Enhanced = model.g_s(networks.g_s, evidence, noise, w, networks.scale, half)
        return enhanced

    def train_cost(self) -> Tensor:
        """Generator cost on the next batch, after one step of the discriminator (hinge loss)."""
        half = self.step % self.crops.half_every == 0
        store = self.half if half else self.plain
        turn = self.step // self.crops.half_every  # so that either store has its share
        if turn % self.crops.renew_every == 0:
            store.renew()
        coded = store.draw()
        x, w = to_signal(coded.x), quality_weights(coded.quality)
        care = cares(coded.marked, self.adversarial.care)
        x_mse, texture = self.make(self.model, coded, half)
        made = x_mse + texture
        if half:  # a random quarter of each crop, to save time
            top, left = self.random.integers(0, x.shape[2] // 2, size=2)
            rows, columns = slice(top, top + x.shape[2] // 2), slice(left, left + x.shape[3] // 2)
            x, x_mse, made, care = (picture[..., rows, columns] for picture in (x, x_mse, made, care))
        x, x_mse, made = (picture.contiguous(memory_format=torch.channels_last) for picture in (x, x_mse, made))

        cut = (..., *window(x.shape[3], self.random))
        with self.autocast():
            ours = self.outside(made[cut])
            with torch.no_grad():
                theirs = self.outside(x[cut])
            real, false = self.judge(theirs), self.judge([stage.detach() for stage in ours])
        loss = opponent_loss(real, false)
        self.opponent.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.processes.average_gradients(self.discriminator.parameters())
        self.opponent.step()

        self.discriminator.requires_grad_(False)
        with self.autocast():
            logits = self.judge(ours)
        self.discriminator.requires_grad_(True)
        error = (squared_error(care * seen(made), care * seen(x)) / (squared_error(x_mse, x) + 0.5)).mean()
        statistics = statistics_distance(made, x, expected_error(w))
        strength = realism_weight(coded.quality, self.adversarial)
        structure = (strength * structure_distance(ours, theirs)).mean()
        moments = (strength * moments_distance(ours, theirs)).mean()
        drifts = self.drifts[half](ours, theirs)
        adversarial = -(strength * judgement(logits)).mean()
        parts = {
            "error": error,
            "statistics": statistics,
            "finest": finest_difference(made, x).mean(),
            "structure": structure,
            "moments": moments,
            "patches": (strength * drifts.patches).mean(),
            "patch_drift": (strength * drifts.patch_drift).mean(),
            "drift": (strength * drifts.drift).mean(),
            "judgement": min(self.step / RAMP, 1.0) * adversarial,
        }
        for name, value in (*parts.items(), ("opponent", loss), ("right", right_share(real, false))):
            if self.processes.leads:
                self.log.setdefault(name, []).append(value.detach())
        weights = self.adversarial.half if half else self.adversarial.plain
        return torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()

    @torch.no_grad()
    def textures(self) -> list[Figures]:
        """What the texture does to validation pictures, by quality."""
        collected, model = [], self.average
        for coded in self.held_out:
            x, unit = to_signal(coded.x), expected_error(quality_weights(coded.quality))
            x_mse, texture = self.pictures(model, coded, half=False)
            made = x_mse + texture
            energy = [bands(picture)[0].square().mean((1, 2, 3)) for picture in (made, x_mse, x)]
            distances = [
                torch.stack([statistics_distance(*(t[i : i + 1] for t in (p, x, unit))) for i in range(len(x))])
                for p in (made, x_mse)
            ]
            loss = 10 * torch.log10(squared_error(made, x) / squared_error(x_mse, x))
            collected.append(torch.stack([coded.quality, loss, *energy, *distances]))
        mean = torch.stack(collected).mean(0)
        return [
            Figures(q, loss, made / original, plain / original, ours / theirs)
            for q, loss, made, plain, original, ours, theirs in mean.T.tolist()
        ]

    def validate(self) -> float:
        """Distance of local energies from the originals', relative to the mse decoder's; mean over qualities."""
        self.latest = self.textures()
        return sum(one.statistics for one in self.latest) / len(self.latest)

    def notes(self) -> str:
        """Means of all parts of the cost since the last report and what `validate` saw; writes a sheet of samples."""
        parts = ", ".join(f"{name} {torch.stack(values).mean().item():.3f}" for name, values in self.log.items())
        self.log.clear()
        self.write_samples()
        return "\n  ".join(["", parts, *map(str, self.latest)])

    @torch.no_grad()
    def write_samples(self) -> None:
        """Write `samples.png`: per validation crop at q = 1 a row of original, mse decoder's picture and ours."""
        rows, model = [], self.average
        for coded in self.held_out[:SAMPLES]:
            enhanced = self.pictures(model, coded, half=False)
            pictures = (to_signal(coded.x), enhanced.x_hat, enhanced.x_hat + enhanced.added)
            rows.append(torch.cat([F.pad(one[:1], (0, VALIDATION_SIDE - one.shape[3])) for one in pictures], 3))
        sheet = (torch.cat(rows, 2)[0] + 1) * 127.5
        pixels = sheet.round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        Image.fromarray(pixels).save(self.folder / "samples.png")

    def describe(self) -> dict[str, Any]:
        """The discriminator and its optimiser, which the checkpoint holds too."""
        return {"discriminator": self.discriminator.state_dict(), "opponent": self.opponent.state_dict()}

    def load(self) -> None:
        """Resume the checkpoint, discriminator included; raises LcompError for that of another model."""
        super().load()
        state = read_checkpoint(self.folder, self.device)
        try:
            self.discriminator.load_state_dict(state["discriminator"])
            self.opponent.load_state_dict(state["opponent"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise LcompError(f"{checkpoint_file(self.folder)} is not of this model: choose another --run") from error
