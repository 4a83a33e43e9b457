"""What the TOML of any model says, and where the installed ones lie. Needs no torch."""

import contextlib
import importlib.util
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from lcomp.errors import ModelError

PACKAGES = "lcomp_weights"
"""The namespace package that every distribution `lcomp-weights-NAME` puts a TOML and its weights into."""

EXPERIMENTS = range(200, 256)
"""Numbers that lcomp never gives to a model."""


@dataclass(frozen=True)
class Description:
    """What the TOML of a model of any family says, and what such a model can do."""

    codes: ClassVar[bool] = True
    """Whether files are written with it."""
    has_quality: ClassVar[bool] = False
    """Whether it takes a quality and rate targets."""
    half_size: ClassVar[bool] = False
    """Whether it may code pictures at half their size."""
    lossless: ClassVar[bool] = False
    """Whether it keeps every sample."""

    name: str
    number: int  # stable; written into every file
    summary: str
    weights: str  # file name below weights/
    sha256: str  # of the weights file; empty before the first export
    fingerprint: int  # CRC-32 of the tensors that decide the bitstream
    source: Path  # the TOML itself

    @property
    def weights_path(self) -> Path:
        """Where the weights file is: beside the TOML or in a package of weights; beside it too where it is missing."""
        if self.export_path.is_file():
            return self.export_path
        apart = (folder / "weights" / self.weights for folder in package_folders())
        return next((path for path in apart if path.is_file()), self.export_path)

    @property
    def export_path(self) -> Path:
        """Where the weights file is written: beside the TOML."""
        return self.source.parent.parent / "weights" / self.weights

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be loaded, and what to install; None where all weights that it takes are there."""
        for model in self.lineage:
            if not model.weights_path.is_file():
                given_out = model.sha256 and model.number not in EXPERIMENTS
                remedy = f"pip install lcomp-weights-{model.name}" if given_out else f"{model.weights_path} is missing"
                return f"weights of '{model.name}' are not installed: {remedy}"
        return None

    @property
    def lineage(self) -> "tuple[Description, ...]":
        """This model and all that it adds to."""
        return (self,)

    @property
    def is_decoder(self) -> bool:
        """Whether it is a decoder too, for files of the models that it adds to."""
        return False

    @property
    def decoder_name(self) -> str:
        """The decoder that its files are encoded for, where its family has several."""
        return "none"

    def decoder_for(self, half: bool) -> str:
        """The decoder of its files where none is named, coded at `half` size or not."""
        return self.decoder_name

    @property
    def visual(self) -> bool:
        """Whether it is tuned for what people see."""
        return False

    @property
    def inventive(self) -> bool:
        """Whether its decoder invents detail, and takes a realism."""
        return False


def data_folder() -> Path:
    """Folder that holds `models/` and `weights/`: `_data` of the installed package, or the source tree above it."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_data", package.parent):
        if (folder / "models").is_dir():
            return folder
    raise ModelError(f"no models are installed beside {package}")


def package_folders() -> tuple[Path, ...]:
    """The folders with `models/` and `weights/` of installed packages of weights; none of their code is run."""
    found = importlib.util.find_spec(PACKAGES)
    return tuple(map(Path, (found and found.submodule_search_locations) or ()))


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
    """A model's TOML; raises ModelError where it cannot be read."""
    with model_errors(path):
        return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def installed_tables() -> tuple[tuple[Path, dict[str, Any]], ...]:
    """Every installed TOML, read once: of each name lcomp's own, or else that of a package of weights.

    Raises ModelError where one is damaged.
    """
    paths: dict[str, Path] = {}
    for folder in (data_folder(), *package_folders()):
        for path in sorted((folder / "models").glob("*.toml")):
            paths.setdefault(path.name, path)
    return tuple((path, read_table(path)) for path in paths.values())


def installed_source(name: str, beside: Path) -> Path:
    """The TOML of the model that another one adds to: beside that one's, or else an installed one.

    Raises ModelError where there is none.
    """
    paths = (beside.with_name(f"{name}.toml"), *(path for path, _ in installed_tables() if path.stem == name))
    if found := next((path for path in paths if path.is_file()), None):
        return found
    raise ModelError(f"{beside}: it adds to '{name}', which is not installed")


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
