"""Which version wrote a file: known for all weights that there ever were, and named where it matters."""

import pytest

import lcomp
from lcomp.errors import ModelError
from lcomp.zoo.registry import model_by_number, releases


def test_all_installed_weights_are_in_the_table() -> None:
    for model in lcomp.models():
        release = releases()[model.fingerprint]
        assert release.model in [each.name for each in model.lineage]


def test_a_file_of_other_weights_names_who_wrote_it() -> None:
    old = next(mark for mark, release in releases().items() if release.version.startswith("0.1.0.dev"))
    with pytest.raises(ModelError, match=r"by lcomp 0\.1\.0\.dev \(2026-11-\d\d\): only that can decode it"):
        model_by_number(1, old)
    with pytest.raises(ModelError, match="an unknown version of lcomp"):
        model_by_number(1, 7)
    with pytest.raises(ModelError, match="model number 200, which is not installed"):
        model_by_number(200, old)
