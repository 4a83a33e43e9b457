"""Training of the lossless family."""

from collections.abc import Callable

import torch
from torch import Tensor

from lcomp.errors import ModelError
from lcomp.families.lossless.colours import RANGES
from lcomp.families.lossless.description import LosslessInfo
from lcomp.families.lossless.likelihood import bits
from lcomp.families.lossless.mode import error_of
from lcomp.families.lossless.network import LosslessNetworks, PassNetwork
from lcomp.families.lossless.training.examples import Examples, gather
from lcomp.families.lossless.training.recipe import LosslessRecipe
from lcomp.training.run import Setting, TrainingRun


class LosslessRun(TrainingRun[LosslessNetworks]):
    """Training of the networks of all bands and planes; raises ModelError for a recipe without what it needs."""

    def __init__(self, info: LosslessInfo, setting: Setting, start: LosslessNetworks | None = None) -> None:
        self.info = info
        self.pool, validation = setting.start()
        samples = setting.recipe.samples if isinstance(setting.recipe, LosslessRecipe) else None
        if samples is None:
            raise ModelError(f"{info.source}: a lossless recipe needs a table [training.samples]")
        self.gathered = gather(self.pool, samples.pictures, samples.share, setting.recipe.seed)
        self.held_out = gather(validation, len(validation.sizes), samples.share, setting.recipe.seed).examples
        super().__init__((start or LosslessNetworks(info.hidden)).to(setting.device), setting)
        total = sum(len(examples.values) for examples in self.gathered.examples.values())
        self.weights = {key: len(examples.values) / total for key, examples in self.gathered.examples.items()}
        self.cost: Callable[[PassNetwork, Examples, int], Tensor] = mean_bits
        if setting.compiled:
            self.cost = torch.compile(mean_bits, dynamic=False)

    def train_cost(self) -> Tensor:
        """Mean bits per sample of the next batch of every band and plane."""
        batch, total = self.recipe.stage(self.progress).batch, torch.zeros((), device=self.device)
        for (band, plane), examples in self.gathered.examples.items():
            size = min(batch, len(examples.values))
            start = int(self.random.integers(len(examples.values) - size + 1))
            part = Examples(*(tensor.to(self.device) for tensor in examples.slice(start, size)))
            total = total + self.weights[band, plane] * self.cost(self.model.of(band, plane), part, plane)
        return total

    @torch.no_grad()
    def validate(self) -> float:
        """Mean bits per sample of the averaged weights on a share of the validation pictures' samples."""
        sums, count = 0.0, 0
        for (band, plane), examples in self.held_out.items():
            size = len(examples.values)
            part = Examples(*(tensor.to(self.device) for tensor in examples))
            sums += size * mean_bits(self.average.of(band, plane), part, plane).item()
            count += size
        return sums / count


def mean_bits(network: PassNetwork, examples: Examples, plane: int) -> Tensor:
    """Mean bits per sample of examples under a network."""
    conditions = examples.conditions.long()
    outputs = network(examples.features, conditions)
    values, predictions, errors = (
        part.float() for part in (examples.values, examples.predictions, error_of(conditions))
    )
    return bits(outputs, values, predictions, errors, *RANGES[plane]).mean()
