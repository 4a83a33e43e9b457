"""The families that there are, and the installed models of all of them. Needs no torch."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lcomp.families
from lcomp.errors import FormatError, ModelError
from lcomp.families.family import Family, PictureCodec
from lcomp.format.container import Header
from lcomp.zoo.description import EXPERIMENTS, Description, installed_tables
from lcomp.zoo.versions import versions

if TYPE_CHECKING:
    import torch


@cache
def families() -> tuple[Family[Any], ...]:
    """The `FAMILY` of every package in `lcomp.families`, by the name of the package."""
    names = sorted(module.name for module in pkgutil.iter_modules(lcomp.families.__path__) if module.ispkg)
    return tuple(importlib.import_module(f"lcomp.families.{name}").FAMILY for name in names)


def told_family(path: Path, table: dict[str, Any]) -> Family[Any]:
    """The family that a TOML is of; raises ModelError where its tables tell none, or several."""
    claiming = [family for family in families() if not table.keys().isdisjoint(family.tables)]
    if len(claiming) == 1:
        return claiming[0]
    known = ", ".join(f"[{name}]" for family in claiming or families() for name in family.tables)
    raise ModelError(f"{path}: {'several tables tell' if claiming else 'no table tells'} its family: {known}")


@cache
def installed_models() -> tuple[Description, ...]:
    """Every installed model that files are written with, by number; raises ModelError where a TOML is damaged."""
    models = (told_family(path, table).read(path, table) for path, table in installed_tables())
    return tuple(sorted((model for model in models if model.codes), key=lambda model: model.number))


def find_model(name: str) -> Description:
    """The installed model called `name`; raises ModelError where there is none."""
    for model in installed_models():
        if model.name == name:
            return model
    raise ModelError(f"unknown model '{name}' (installed: {', '.join(model.name for model in installed_models())})")


def model_of(header: Header) -> Description:
    """The installed model that a file was written with; raises ModelError where it is not the same one.

    Raises FormatError for a kind of file that it does not write.
    """
    numbered = [model for model in installed_models() if model.number == header.model]
    if not numbered:
        raise missing(header.model, header.fingerprint)
    model = next((model for model in numbered if model.fingerprint == header.fingerprint), numbered[0])
    if model.lossless != header.lossless:  # a model codes either all pictures without losses or none
        raise FormatError(
            f"a picture {'without' if header.lossless else 'with'} losses, which '{model.name}' does not code"
        )
    check_weights(model, header.fingerprint)
    if header.half and not model.half_size:
        raise FormatError(f"a picture at half its size, which '{model.name}' does not code")
    return model


def family_of(model: Description) -> Family[Any]:
    """The family of a model."""
    return next(family for family in families() if isinstance(model, family.description))


def load(model: Description, device: "torch.device", precision: str) -> PictureCodec:
    """A model on a device; raises as `Family.load` does."""
    return family_of(model).load(model, device, precision)


def check_weights(model: Description, fingerprint: int) -> None:
    """Raise ModelError where a file was written with other weights of a model than the installed ones."""
    if model.fingerprint != fingerprint:
        by = versions().writer(fingerprint)
        raise ModelError(
            f"file was written with other weights of '{model.name}' by {by}: only that can decode it "
            f"(file {fingerprint:08x}, installed {model.fingerprint:08x})"
        )


def missing(number: int, fingerprint: int) -> ModelError:
    """The error about a model that is not installed."""
    known = versions()
    if number in EXPERIMENTS:
        return ModelError(f"file needs model number {number}, which is not installed: one of those for experiments")
    if number in known.names:
        by = known.writer(fingerprint)
        return ModelError(f"file needs model '{known.names[number]}', which is not installed: it was written by {by}")
    return ModelError(
        f"file needs model number {number}, which is not installed: a newer lcomp may know it "
        "(pip install --upgrade lcomp)"
    )
