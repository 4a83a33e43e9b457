"""Training recipes, the `[training]` table of a model's TOML, and which models are trained jointly by it."""

import math
import re
import tomllib
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar, cast, get_args, get_origin

from lcomp.errors import LcompError, ModelError
from lcomp.networks.roles import Role
from lcomp.zoo.description import Description
from lcomp.zoo.registry import ModelInfo, read_model

Part = TypeVar("Part")


@dataclass(frozen=True)
class Stage:
    """Crop and batch size used from a fraction of the time on; raises ValueError for impossible ones."""

    start: float  # fraction of the total time, 0..1
    crop: int  # side of the square crops in pixels, a multiple of 64
    batch: int  # crops per step

    def __post_init__(self) -> None:
        if self.crop < 64 or self.crop % 64 or self.batch < 1 or not 0 <= self.start < 1:
            raise ValueError(f"bad training stage {self}: crops are multiples of 64, starts fractions of the time")


@dataclass(frozen=True)
class Shares:
    """Weights in the cost where a backbone is trained jointly with other models (`[training.shares]`)."""

    context: float  # weight of the rate under the context model; the rest is that of the hyperprior alone
    decoder: float  # weight of the larger decoder's distortion; the rest is that of g_s alone
    wild: float  # relative cost beyond which that of a crop grows only logarithmically

    def __post_init__(self) -> None:
        if not (0 <= self.context <= 1 and 0 <= self.decoder <= 1 and 0 < self.wild < math.inf):
            raise ValueError("shares are from 0 to 1, and wild is finite and more than 0")


@dataclass(frozen=True)
class CodedCrops:
    """What a post-filter is trained on: crops as the codec itself writes them (`[training.crops]`)."""

    plain_low: float  # range of the qualities of pictures coded at full size
    plain_high: float
    rounds: int  # batches of coded crops that the replay buffer keeps
    half_low: float = 0.0  # and of those coded at half size
    half_high: float = 1.0
    half_every: int = 0  # one step in so many is for the latter; none where it is 0
    hyperprior: float = 0.0  # share of the crops that are coded without the context model
    renew_every: int = 1  # one step in so many replaces a crop of the buffer

    def __post_init__(self) -> None:
        ranges = (self.plain_low, self.plain_high), (self.half_low, self.half_high)
        if not all(0 <= low < high <= 8 for low, high in ranges) or not 0 <= self.hyperprior <= 1:
            raise ValueError("ranges of qualities rise within 0 to 8, and hyperprior is a share")
        if self.renew_every < 1 or not 0 <= self.half_every <= self.rounds or self.rounds < 1:
            raise ValueError("renew_every and rounds are at least 1, and half_every is from 0 to rounds")

    @property
    def plain(self) -> tuple[float, float]:
        """Range of the qualities of pictures coded at full size."""
        return self.plain_low, self.plain_high

    @property
    def half(self) -> tuple[float, float]:
        """Range of the qualities of pictures coded at half size."""
        return self.half_low, self.half_high


@dataclass(frozen=True)
class TextureCosts:
    """Weights of what a texture costs (`[training.adversarial.plain]` and `.half`, for pictures coded at half size)."""

    error: float  # squared error relative to the mse decoder's,
    statistics: float  # distance of local energies (Wasserstein distortion),
    finest: float  # squared logarithm of the finest band's energy relative to the original's,
    structure: float  # distance of features from outside, position by position,
    moments: float  # that of their local moments,
    patches: float  # that of the deepest ones' means over a crop,
    patch_drift: float  # that of the same over many pictures,
    drift: float  # that of all their moments over many pictures,
    judgement: float  # and the discriminator's judgement (adversarial loss)

    def __post_init__(self) -> None:
        if not all(0 <= getattr(self, field.name) < math.inf for field in fields(self)):
            raise ValueError("weights are finite and not less than 0")


@dataclass(frozen=True)
class Adversarial:
    """How texture is learned against a discriminator (`[training.adversarial]`)."""

    width: int  # of the discriminator's heads
    rate: float  # its learning rate (two time-scale update rule, Heusel 2017)
    care: float  # how much more squared errors count where there are faces or text
    full: float  # quality up to which the discriminator has its full weight,
    least: float  # and that from which on it has a tenth: where errors are invisible there is nothing to invent
    plain: TextureCosts
    half: TextureCosts

    def __post_init__(self) -> None:
        if self.width < 1 or not all(0 <= value < math.inf for value in (self.rate, self.care)):
            raise ValueError("the discriminator has a width, and rate and care are finite and not less than 0")
        if not 0 <= self.full < self.least:
            raise ValueError("full is less than least, and not less than 0")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run besides the architecture and the data.

    Raises ValueError for values that no run can use.
    """

    minutes: float  # wall-clock length of the whole run, over all resumptions; compiling is not counted
    stages: tuple[Stage, ...]
    lr_entropy: float  # learning rates at the plateau: convolution weights of the entropy networks (SOAP)
    lr_vectors: float  # per-quality vectors (AdamW)
    lr_small: float  # biases and the linear path of the hyperprior (AdamW)
    lr_transforms: float = 0.0  # convolution weights of g_a, g_s and post-filters, where trained (SOAP)
    lr_linear: float = 0.0  # linear paths of g_a and g_s (AdamW)
    warmup: float = 0.02  # fraction of the time in which the rates rise from 0
    decay: float = 0.3  # fraction of the time at the end in which they fall to `floor`
    floor: float = 0.01  # final learning rate relative to the plateau
    clip: float = 1.0  # gradient clipping: largest norm per parameter group
    ema: float = 0.9995  # decay per step of the exponential moving average of the weights
    seed: int = 0
    table_crops: int = 1024  # crops that the frequency tables are fitted to, in each round
    context: str = ""  # of a backbone: the model whose context model is trained beside it
    decoder: str = ""  # of a backbone: the model whose decoder is trained beside it
    shares: Shares = Shares(context=0.0, decoder=0.0, wild=20.0)  # of a backbone
    crops: CodedCrops | None = None  # of a decoder
    adversarial: Adversarial | None = None  # of a decoder that invents detail

    def __post_init__(self) -> None:
        if not self.minutes > 0 or not self.stages or self.stages[0].start != 0:
            raise ValueError("a recipe takes more than 0 minutes and its first stage starts at 0")
        positive = self.minutes, self.decay, self.clip, self.table_crops
        others = self.lr_entropy, self.lr_vectors, self.lr_small, self.lr_transforms, self.lr_linear, self.floor
        if not all(0 < value < math.inf for value in positive):
            raise ValueError("minutes, decay, clip and table_crops are finite and more than 0")
        if not all(0 <= value < math.inf for value in (*others, self.warmup, self.seed)):
            raise ValueError("rates, warmup, floor and seed are finite and not less than 0")
        if any(re.search(r"[\\/\0]", name) for name in (self.context, self.decoder)):
            raise ValueError("context and decoder are names of models beside this one")
        if not 0 <= self.ema < 1:
            raise ValueError("ema is from 0 to less than 1")

    def stage(self, progress: float) -> Stage:
        """The stage in force at a fraction of the time."""
        return [stage for stage in self.stages if stage.start <= progress][-1]

    def divided(self, processes: int) -> Self:
        """The recipe of each of so many processes, whose batches together are those of this one.

        Raises LcompError where they cannot be divided evenly.
        """
        if uneven := [stage.batch for stage in self.stages if stage.batch % processes]:
            raise LcompError(f"batches of {uneven[0]} cannot be divided among {processes} processes")
        return replace(self, stages=tuple(replace(stage, batch=stage.batch // processes) for stage in self.stages))

    def rate_of(self, role: Role) -> float:
        """The learning rate at the plateau of parameters of a role."""
        return {
            Role.ENTROPY: self.lr_entropy,
            Role.TRANSFORMS: self.lr_transforms,
            Role.LINEAR: self.lr_linear,
            Role.VECTORS: self.lr_vectors,
            Role.SMALL: self.lr_small,
        }[role]

    def rate(self, progress: float) -> float:
        """Learning rate relative to the plateau: linear warm-up, hold, linear decay."""
        if progress < self.warmup:
            return max(progress / self.warmup, 0.01)
        return max(min((1 - progress) / self.decay, 1.0), self.floor)


def built(kind: type[Part], table: dict[str, Any]) -> Part:
    """Build a part of a recipe, and the parts of it, from its table; raises TypeError for a value of another type."""
    found: dict[str, object] = {}
    for field in fields(cast("Any", kind)):
        value, wanted = table.get(field.name), cast("Any", field.type)
        if value is None or type(value) is wanted or (wanted is float and type(value) is int):
            continue
        if wanted in (int, float, str):
            raise TypeError(f"{field.name} = {value!r} is no {wanted.__name__}")
        part: Any = next(each for each in (wanted, *get_args(wanted)) if is_dataclass(each))
        many = get_origin(wanted) is tuple
        found[field.name] = tuple(built(part, each) for each in value) if many else built(part, value)
    return kind(**table | found)


def read_recipe(path: Path, kind: type[Recipe] = Recipe) -> Recipe:
    """The recipe of some kind in a model's TOML; raises ModelError where it is missing or malformed."""
    try:
        return built(kind, tomllib.loads(path.read_text(encoding="utf-8"))["training"])
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(f"{path}: bad [training] table: {error}") from error


@dataclass(frozen=True)
class Task:
    """A model to train."""

    info: Description
    recipe: Recipe

    @property
    def models(self) -> tuple[Description, ...]:
        """All that are trained."""
        return (self.info,)


@dataclass(frozen=True)
class JointTask(Task):
    """A model of the hyperprior family, and those that are trained jointly with it where it is a backbone."""

    info: ModelInfo
    beside: ModelInfo | None = None  # has the context model
    viewer: ModelInfo | None = None  # has the decoder

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """All that are trained."""
        return tuple(model for model in (self.info, self.beside, self.viewer) if model)


def read_joint_task(path: Path) -> JointTask:
    """The task of a model's TOML; raises ModelError where that or one beside it is missing or malformed.

    Raises ModelError too where another than a backbone names models to train beside it.
    """
    recipe, info = read_recipe(path), read_model(path)
    beside, viewer = (
        read_model(path.with_name(f"{name}.toml")) if name else None for name in (recipe.context, recipe.decoder)
    )
    if info.backbone and (beside or viewer):
        raise ModelError(f"{path}: models are trained beside a backbone only")
    return JointTask(info, recipe, beside, viewer)
