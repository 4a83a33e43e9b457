"""The upscaler: what its TOML says. Needs no torch."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from lcomp.errors import ModelError
from lcomp.networks.config import UpscalerConfig
from lcomp.zoo.description import Description, installed_tables, model_errors, read_description

UPSCALER = "upscaler"
"""Name of the table in the TOML that tells its family."""


@dataclass(frozen=True)
class UpscalerInfo(Description):
    """A network that shows decoded pictures at twice their size; no file names it."""

    codes: ClassVar[bool] = False

    config: UpscalerConfig


def described_upscaler(path: Path, table: dict[str, Any]) -> UpscalerInfo:
    """The upscaler that a TOML's table describes; raises ModelError where that is malformed or incomplete."""
    with model_errors(path):
        sizes = table[UPSCALER]
        config = UpscalerConfig(int(sizes["channels"]), int(sizes["blocks"]))
        if min(config.channels, config.blocks) < 1:
            raise ValueError("channels and blocks are 1 or more")
        return UpscalerInfo(**vars(read_description(path, table)), config=config)


@cache
def installed_upscaler() -> UpscalerInfo:
    """The installed upscaler; raises ModelError where there is none."""
    for path, table in installed_tables():
        if UPSCALER in table:
            return described_upscaler(path, table)
    raise ModelError("no upscaler is installed")
