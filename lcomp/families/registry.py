"""The families that there are, and the installed models of all of them. Needs no torch."""

import importlib
import pkgutil
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import lcomp.families
from lcomp.errors import FormatError, ModelError
from lcomp.families.family import Family, PictureCodec
from lcomp.format.container import Header
from lcomp.zoo.description import Description, data_folder, installed_tables

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
    for model in installed_models():
        # a model codes either all pictures without losses or none
        if model.number == header.model and model.lossless == header.lossless:
            check_weights(model, header.fingerprint)
            if header.half and not model.half_size:
                raise FormatError(f"a picture at half its size, which '{model.name}' does not code")
            return model
    raise missing(header.model, header.fingerprint)


def family_of(model: Description) -> Family[Any]:
    """The family of a model."""
    return next(family for family in families() if isinstance(model, family.description))


def load(model: Description, device: "torch.device", precision: str) -> PictureCodec:
    """A model on a device; raises as `Family.load` does."""
    return family_of(model).load(model, device, precision)


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


def missing(number: int, fingerprint: int) -> ModelError:
    """The error about a model that is not installed."""
    release = releases().get(fingerprint)
    gone = release and release.model not in [model.name for model in installed_models()]
    name = f"'{release.model}'" if release and gone else f"number {number}"
    return ModelError(f"file needs model {name}, which is not installed: it was written by {writer_of(fingerprint)}")
