"""Which version wrote a file: known for all weights that there ever were, and named where it matters."""

import pytest

import lcomp
from lcomp.errors import ModelError
from lcomp.families.registry import model_of, releases
from lcomp.format.container import Header, Mode


def header(model: int, fingerprint: int) -> Header:
    """The header of a file of a model."""
    return Header(8, 8, Mode.RGB, 4000, model, fingerprint)


def test_all_installed_weights_are_in_the_table() -> None:
    for model in lcomp.models():
        release = releases()[model.fingerprint]
        assert release.model in [each.name for each in model.lineage]


def test_a_file_of_other_weights_names_who_wrote_it() -> None:
    old = next(mark for mark, release in releases().items() if release.version.startswith("0.1.0.dev"))
    with pytest.raises(ModelError, match=r"by lcomp 0\.1\.0\.dev \(2026-11-\d\d\): only that can decode it"):
        model_of(header(1, old))
    with pytest.raises(ModelError, match="an unknown version of lcomp"):
        model_of(header(1, 7))
    with pytest.raises(ModelError, match="model number 200, which is not installed"):
        model_of(header(200, old))
