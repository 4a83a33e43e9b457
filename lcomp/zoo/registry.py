"""The models of the hyperprior family: what their TOMLs say. Needs no torch."""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from lcomp.errors import ModelError
from lcomp.networks.config import BackboneConfig, ContextConfig, LightConfig, RefinementConfig
from lcomp.options import FAST, MSE, SR
from lcomp.zoo.description import (
    Description,
    installed_source,
    installed_tables,
    model_errors,
    read_description,
    read_table,
)

METRICS = ("mse", "ms-ssim", "visual")
"""The distortion metrics that a backbone may be trained for (`lcomp.encoding.objective`)."""

TABLES = ("architecture", "context", "decoder", "light")
"""The tables that tell their TOMLs; each has one of them or more."""


@dataclass(frozen=True)
class ModelInfo(Description):
    """A model of the hyperprior family.

    A context model adds to the backbone's h_s, a decoder to the model that codes its latents.
    """

    has_quality: ClassVar[bool] = True
    half_size: ClassVar[bool] = True

    architecture: BackboneConfig
    context: ContextConfig | None = None  # sizes of the context model, where there is one
    backbone: "ModelInfo | None" = None  # the model that this one adds to
    decoder: RefinementConfig | None = None  # sizes of its own decoder's post-filter, where it has one
    light: LightConfig | None = None  # sizes of its own decoder's light g_s, where it has one
    metric: str = METRICS[0]  # the distortion that it is trained for, and that the encoder's search minimises

    @property
    def coding(self) -> "ModelInfo":
        """The model whose transforms and entropy model its files are coded with."""
        return self.backbone if self.is_decoder and self.backbone else self

    @property
    def lineage(self) -> "tuple[ModelInfo, ...]":
        """This model and all that it adds to, the backbone itself last."""
        return (self, *self.backbone.lineage) if self.backbone else (self,)

    @property
    def is_decoder(self) -> bool:
        """Whether it has a decoder of its own."""
        return self.decoder is not None or self.light is not None

    @property
    def inventive(self) -> bool:
        """Whether its decoder synthesises texture from noise, as `gan` does."""
        return self.decoder is not None and self.decoder.noise > 0

    @property
    def decoder_name(self) -> str:
        """The decoder that its files are encoded for."""
        if self.light:
            return FAST
        return self.name if self.decoder else MSE

    def decoder_for(self, half: bool) -> str:
        """The decoder of its files where none is named: of half size the upscaler, but for a decoder that invents."""
        return SR if half and not self.inventive else self.decoder_name

    @property
    def visual(self) -> bool:
        """Whether it is tuned for what people see."""
        return self.metric == "visual"


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
    """Parse the TOML of a model; raises ModelError where it is missing, malformed or incomplete."""
    return described_model(path, read_table(path))


def described_model(path: Path, table: dict[str, Any]) -> ModelInfo:
    """The model that a TOML's table describes; raises as `read_model` does."""
    with model_errors(path):
        model = table["model"]
        backbone = read_model(installed_source(model["backbone"], path)) if "backbone" in model else None
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
            light=LightConfig(**table["light"]) if "light" in table else None,
            metric=metric,
        )


@cache
def all_models() -> tuple[ModelInfo, ...]:
    """Every installed model of the family, by number."""
    models = [described_model(path, table) for path, table in installed_tables() if not table.keys().isdisjoint(TABLES)]
    return tuple(sorted(models, key=lambda model: model.number))


def model_by_name(name: str) -> ModelInfo:
    """The installed model of the family called `name`; raises ModelError where there is none."""
    for model in all_models():
        if model.name == name:
            return model
    raise ModelError(f"unknown model '{name}' (installed: {', '.join(model.name for model in all_models())})")


def decoder_names() -> list[str]:
    """Names of the installed decoders."""
    return list(dict.fromkeys([MSE, *(model.decoder_name for model in all_models() if model.is_decoder)]))


def decoders_by_name(name: str) -> list[ModelInfo]:
    """The installed models whose decoder is called `name`: one for each backbone; raises ModelError where none is."""
    if found := [model for model in all_models() if model.is_decoder and model.decoder_name == name]:
        return found
    model_by_name(name)
    raise ModelError(f"'{name}' is no decoder (installed: {', '.join(decoder_names())})")


def inventive_decoders() -> list[str]:
    """Names of the installed decoders that take a realism."""
    return [model.name for model in all_models() if model.inventive]
