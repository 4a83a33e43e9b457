"""What was given out once and never changes again (`weights/versions.toml`). Needs no torch."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from lcomp.zoo.description import data_folder


@dataclass(frozen=True)
class Versions:
    """Numbers of models, weights that stay as they are, and who wrote files with which weights."""

    names: Mapping[int, str]  # of models, by number
    digests: Mapping[str, str]  # SHA-256 of the weights files of models that code, by name
    fingerprints: Mapping[str, Mapping[int, str]]  # by model: versions of lcomp by fingerprint, oldest first

    def writer(self, fingerprint: int) -> str:
        """The version of lcomp that first wrote files with some weights, in words."""
        for written in self.fingerprints.values():
            if fingerprint in written:
                return f"lcomp {written[fingerprint]}"
        return "an unknown version of lcomp"


@cache
def versions() -> Versions:
    """All that was ever given out."""
    table = tomllib.loads((data_folder() / "weights" / "versions.toml").read_text(encoding="utf-8"))
    return Versions(
        {number: name for name, number in table["numbers"].items()},
        table["weights"],
        {
            model: {int(mark, 16): version for mark, version in written.items()}
            for model, written in table["fingerprints"].items()
        },
    )
