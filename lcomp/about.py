"""`info` and `models`: what needs no network, and so no torch."""

from lcomp.families.registry import installed_models
from lcomp.files import Source, read_source
from lcomp.format import container
from lcomp.format.container import Header
from lcomp.zoo.description import Description


def info(source: Source) -> Header:
    """The header of a `.lic` file, after verifying all its checksums.

    Raises OSError where the file cannot be read, and what `lcomp.format.container.read` raises.
    """
    return container.read(read_source(source)).header


def models() -> tuple[Description, ...]:
    """The installed models, in order of their numbers; raises ModelError where a model's TOML is damaged.

    >>> [model.name for model in models()][:2]
    ['hyperprior', 'autoregressive']
    """
    return installed_models()
