"""The pretrained models: one TOML each in `models/`, weights in `weights/`. Needs no torch."""

import contextlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from lcomp.errors import ModelError
from lcomp.networks.config import BackboneConfig, ContextConfig, RefinementConfig
from lcomp.options import LOSSLESS, MSE

METRICS = ("mse", "ms-ssim", "visual")
"""The distortion metrics that a backbone may be trained for (`lcomp.encoding.objective`)."""


@dataclass(frozen=True)
class Description:
    """What the TOML of a model of any family says."""

    name: str
    number: int  # stable; written into every file
    summary: str
    weights: str  # file name below weights/
    sha256: str  # of the weights file; empty before the first export
    fingerprint: int  # CRC-32 of the tensors that decide the bitstream
    source: Path  # the TOML itself

    @property
    def weights_path(self) -> Path:
        """Where the weights file is expected."""
        return self.source.parent.parent / "weights" / self.weights


@dataclass(frozen=True)
class LosslessInfo(Description):
    """A model of the lossless family (`lcomp.families.lossless`)."""

    hidden: int  # width of its networks
    decoder: ClassVar[None] = None
    decoder_name: ClassVar[str] = "none"
    inventive: ClassVar[bool] = False
    lossless: ClassVar[bool] = True

    @property
    def lineage(self) -> "tuple[LosslessInfo, ...]":
        """This model alone: it adds to no other."""
        return (self,)


@dataclass(frozen=True)
class ModelInfo(Description):
    """A model of the lossy family.

    A context model adds to the backbone's h_s, a decoder to the model that codes its latents.
    """

    architecture: BackboneConfig
    context: ContextConfig | None = None  # sizes of the context model, where there is one
    backbone: "ModelInfo | None" = None  # the model that this one adds to
    decoder: RefinementConfig | None = None  # sizes of its own decoder, where it has one
    metric: str = METRICS[0]  # the distortion that it is trained for, and that the encoder's search minimises
    lossless: ClassVar[bool] = False

    @property
    def coding(self) -> "ModelInfo":
        """The model whose transforms and entropy model its files are coded with."""
        return self.backbone if self.decoder and self.backbone else self

    @property
    def lineage(self) -> "tuple[ModelInfo, ...]":
        """This model and all that it adds to, the backbone itself last."""
        return (self, *self.backbone.lineage) if self.backbone else (self,)

    @property
    def inventive(self) -> bool:
        """Whether its decoder synthesises texture from noise, as `gan` does."""
        return self.decoder is not None and self.decoder.noise > 0

    @property
    def decoder_name(self) -> str:
        """The decoder that its files are encoded for."""
        return self.name if self.decoder else MSE


def data_folder() -> Path:
    """Folder that holds `models/` and `weights/`: `_data` of the installed package, or the source tree above it."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_data", package.parent):
        if (folder / "models").is_dir():
            return folder
    raise ModelError(f"no models are installed beside {package}")


def read_refinement(sizes: dict[str, Any]) -> RefinementConfig:
    """The `[architecture.refinement]` or `[decoder]` table."""
    return RefinementConfig(**{name: int(size) for name, size in sizes.items()})


def read_architecture(sizes: dict[str, Any]) -> BackboneConfig:
    """The `[architecture]` table."""
    names = [field.name for field in fields(BackboneConfig) if field.name != "refinement"]
    return BackboneConfig(**{name: int(sizes[name]) for name in names}, refinement=read_refinement(sizes["refinement"]))


def read_context(sizes: dict[str, Any]) -> ContextConfig:
    """The `[context]` table."""
    groups = tuple(int(channels) for channels in sizes["groups"])
    parts = tuple(int(number) for number in sizes["parts"])
    return ContextConfig(int(sizes["width"]), groups, parts, int(sizes["widest"]), int(sizes["hidden"]))


@contextlib.contextmanager
def model_errors(path: Path) -> Iterator[None]:
    """Raise ModelError, with the TOML's name, where it is missing, malformed or incomplete."""
    try:
        yield
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ModelError(f"{path}: it adds to itself, or is nested too deep") from error
    except KeyError as error:
        raise ModelError(f"{path}: {error} is missing") from error


def read_table(path: Path) -> dict[str, Any]:
    """A model's TOML; raises OSError, UnicodeDecodeError or TOMLDecodeError."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def read_description(path: Path, table: dict[str, Any]) -> Description:
    """What every family's TOML says; raises KeyError, TypeError or ValueError where it does not."""
    model, weights = table["model"], table["weights"]
    return Description(
        name=path.stem,
        number=int(model["number"]),
        summary=str(model["summary"]),
        weights=str(weights["file"]),
        sha256=str(weights["sha256"]),
        fingerprint=int(weights["fingerprint"], 16),
        source=path.resolve(),
    )


def read_model(path: Path) -> ModelInfo:
    """Parse the TOML of a lossy model; raises ModelError where it is missing, malformed or incomplete."""
    with model_errors(path):
        return lossy_model(path, read_table(path))


def lossy_model(path: Path, table: dict[str, Any]) -> ModelInfo:
    """The lossy model that a TOML's table describes; raises as `read_model` does."""
    with model_errors(path):
        model = table["model"]
        backbone = read_model(path.with_name(f"{model['backbone']}.toml")) if "backbone" in model else None
        context = read_context(table["context"]) if "context" in table else None
        metric = backbone.metric if backbone else str(model.get("metric", METRICS[0]))
        if metric not in METRICS:
            raise ValueError(f"unknown metric '{metric}': use {' or '.join(METRICS)}")
        return ModelInfo(
            **vars(read_description(path, table)),
            architecture=backbone.architecture if backbone else read_architecture(table["architecture"]),
            context=backbone.context if backbone and context is None else context,
            backbone=backbone,
            decoder=read_refinement(table["decoder"]) if "decoder" in table else None,
            metric=metric,
        )


def read_lossless(path: Path) -> LosslessInfo:
    """Parse the TOML of a lossless model; raises ModelError as `read_model` does."""
    with model_errors(path):
        table = read_table(path)
        hidden = int(table[LOSSLESS]["hidden"])
        if hidden < 1:
            raise ValueError("hidden is 1 or more")
        return LosslessInfo(**vars(read_description(path, table)), hidden=hidden)


def is_lossless(path: Path) -> bool:
    """Whether a TOML is that of a lossless model; raises ModelError where it cannot be read."""
    with model_errors(path):
        return LOSSLESS in read_table(path)


@cache
def all_models() -> tuple[ModelInfo, ...]:
    """Every installed lossy model, by number."""
    models = []
    for path in sorted((data_folder() / "models").glob("*.toml")):
        with model_errors(path):
            table = read_table(path)
        if LOSSLESS not in table:
            models.append(lossy_model(path, table))
    return tuple(sorted(models, key=lambda model: model.number))


@cache
def lossless_model() -> LosslessInfo:
    """The installed lossless model; raises ModelError where there is none."""
    return read_lossless(data_folder() / "models" / f"{LOSSLESS}.toml")


def model_by_name(name: str) -> ModelInfo:
    """The installed lossy model called `name`; raises ModelError where there is none."""
    for model in all_models():
        if model.name == name:
            return model
    if name == LOSSLESS:
        raise ModelError(f"model '{name}' has no quality: encode with --lossless, or lossless=True")
    raise ModelError(f"unknown model '{name}' (installed: {', '.join(model.name for model in all_models())})")


class Release(NamedTuple):
    """The model and the version of lcomp that some weights belonged to."""

    model: str
    version: str


@cache
def releases() -> dict[int, Release]:
    """All weights that were ever released, by fingerprint (`weights/versions.toml`)."""
    text = (data_folder() / "weights" / "versions.toml").read_text(encoding="utf-8")
    return {
        int(fingerprint, 16): Release(model, version)
        for model, versions in tomllib.loads(text).items()
        for fingerprint, version in versions.items()
    }


def check_weights(model: Description, fingerprint: int) -> None:
    """Raise ModelError where a file was written with other weights of a model than the installed ones."""
    if model.fingerprint != fingerprint:
        raise ModelError(
            f"file was written with other weights of '{model.name}' by {writer_of(fingerprint)}: only that can decode "
            f"it (file {fingerprint:08x}, installed {model.fingerprint:08x})"
        )


def writer_of(fingerprint: int) -> str:
    """The version of lcomp that wrote files with some weights, in words."""
    release = releases().get(fingerprint)
    return f"lcomp {release.version}" if release else "an unknown version of lcomp"


def model_by_number(number: int, fingerprint: int) -> ModelInfo:
    """The installed lossy model a file was written with; raises ModelError where it is not the same one."""
    for model in all_models():
        if model.number == number:
            check_weights(model, fingerprint)
            return model
    raise missing(number, fingerprint)


def lossless_by_number(number: int, fingerprint: int) -> LosslessInfo:
    """The lossless model a file was written with; raises ModelError where it is not the installed one."""
    model = lossless_model()
    if model.number != number:
        raise missing(number, fingerprint)
    check_weights(model, fingerprint)
    return model


def missing(number: int, fingerprint: int) -> ModelError:
    """The error about a model that is not installed."""
    release = releases().get(fingerprint)
    gone = release and release.model not in [LOSSLESS, *(model.name for model in all_models())]
    name = f"'{release.model}'" if release and gone else f"number {number}"
    return ModelError(f"file needs model {name}, which is not installed: it was written by {writer_of(fingerprint)}")


def decoder_names() -> list[str]:
    """Names of the installed decoders."""
    return [MSE, *(model.name for model in all_models() if model.decoder)]


def inventive_decoders() -> list[str]:
    """Names of the installed decoders that take a realism."""
    return [model.name for model in all_models() if model.inventive]
