"""The pretrained models: one TOML each in `models/`, weights in `weights/`. Needs no torch."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lcomp.errors import ModelError
from lcomp.networks.config import BackboneConfig, ContextConfig, RefinementConfig
from lcomp.options import MSE

METRICS = ("mse", "ms-ssim", "visual")
"""The distortion metrics that a backbone may be trained for (`lcomp.encoding.objective`)."""


@dataclass(frozen=True)
class ModelInfo:
    """A model as its TOML describes it.

    A context model adds to the backbone's h_s, a decoder to the model that codes its latents.
    """

    name: str
    number: int  # stable; written into every file
    summary: str
    architecture: BackboneConfig
    weights: str  # file name below weights/
    sha256: str  # of the weights file; empty before the first export
    fingerprint: int  # CRC-32 of the tensors that decide the bitstream
    source: Path  # the TOML itself
    context: ContextConfig | None = None  # sizes of the context model, where there is one
    backbone: "ModelInfo | None" = None  # the model that this one adds to
    decoder: RefinementConfig | None = None  # sizes of its own decoder, where it has one
    metric: str = METRICS[0]  # the distortion that it is trained for, and that the encoder's search minimises

    @property
    def weights_path(self) -> Path:
        """Where the weights file is expected."""
        return self.source.parent.parent / "weights" / self.weights

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


def read_model(path: Path) -> ModelInfo:
    """Parse a model's TOML; raises ModelError where it is missing, malformed or incomplete."""
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        model, weights = table["model"], table["weights"]
        backbone = read_model(path.with_name(f"{model['backbone']}.toml")) if "backbone" in model else None
        context = read_context(table["context"]) if "context" in table else None
        metric = backbone.metric if backbone else str(model.get("metric", METRICS[0]))
        if metric not in METRICS:
            raise ValueError(f"unknown metric '{metric}': use {' or '.join(METRICS)}")
        return ModelInfo(
            name=path.stem,
            number=int(model["number"]),
            summary=str(model["summary"]),
            architecture=backbone.architecture if backbone else read_architecture(table["architecture"]),
            weights=str(weights["file"]),
            sha256=str(weights["sha256"]),
            fingerprint=int(weights["fingerprint"], 16),
            source=path.resolve(),
            context=backbone.context if backbone and context is None else context,
            backbone=backbone,
            decoder=read_refinement(table["decoder"]) if "decoder" in table else None,
            metric=metric,
        )
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ModelError(f"{path}: it adds to itself, or is nested too deep") from error
    except KeyError as error:
        raise ModelError(f"{path}: {error} is missing") from error


@cache
def all_models() -> tuple[ModelInfo, ...]:
    """Every installed model, by number."""
    models = [read_model(path) for path in sorted((data_folder() / "models").glob("*.toml"))]
    return tuple(sorted(models, key=lambda model: model.number))


def model_by_name(name: str) -> ModelInfo:
    """The installed model called `name`; raises ModelError where there is none."""
    for model in all_models():
        if model.name == name:
            return model
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


def model_by_number(number: int, fingerprint: int) -> ModelInfo:
    """The installed model a file was written with; raises ModelError where it is not the same one."""
    release = releases().get(fingerprint)
    writer = f"lcomp {release.version}" if release else "an unknown version of lcomp"
    for model in all_models():
        if model.number == number:
            if model.fingerprint != fingerprint:
                raise ModelError(
                    f"file was written with other weights of '{model.name}' by {writer}: only that can decode it "
                    f"(file {fingerprint:08x}, installed {model.fingerprint:08x})"
                )
            return model
    gone = release and release.model not in [model.name for model in all_models()]
    name = f"'{release.model}'" if release and gone else f"number {number}"
    raise ModelError(f"file needs model {name}, which is not installed: it was written by {writer}")


def decoder_names() -> list[str]:
    """Names of the installed decoders."""
    return [MSE, *(model.name for model in all_models() if model.decoder)]


def inventive_decoders() -> list[str]:
    """Names of the installed decoders that take a realism."""
    return [model.name for model in all_models() if model.inventive]
