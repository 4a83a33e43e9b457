"""What can be said of files and models without running a network."""

from lcomp.files import Source, read_source
from lcomp.format import container
from lcomp.format.container import Header
from lcomp.zoo.registry import ModelInfo, all_models


def info(source: Source) -> Header:
    """The header of a `.lic` file, all its checksums verified; raises as `lcomp.format.container.read` does."""
    return container.read(read_source(source)).header


def models() -> tuple[ModelInfo, ...]:
    """The installed models, by number.

    >>> [model.name for model in models()][:2]
    ['hyperprior', 'autoregressive']
    """
    return all_models()
