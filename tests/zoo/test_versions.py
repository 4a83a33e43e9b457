"""What was given out: it never changes, and is named where a file needs what is not here."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

import lcomp
from helpers.paths import ROOT
from lcomp.errors import FormatError, ModelError
from lcomp.families.registry import model_of
from lcomp.format.container import Header, Mode
from lcomp.zoo.description import EXPERIMENTS, Description
from lcomp.zoo.registry import read_model
from lcomp.zoo.versions import versions
from lcomp.zoo.weights import read_own_tensors

RETIRED = {"hyperprior-msssim"}
"""Models that were dropped before 1.0. There will be no others."""

IN_GIT = {
    *("autoregressive", "fast", "fast-visual", "gan", "hyperprior", "hyperprior-visual", "lossless", "sr", "upscaler"),
    "visual",
}
"""Weights of 1.0. Those of later models are in packages of their own: RELEASE.md says why."""


def header(model: int, fingerprint: int) -> Header:
    """The header of a file of a model."""
    return Header(8, 8, Mode.RGB, 4000, model, fingerprint)


def test_every_number_stands_for_one_model_for_good() -> None:
    names = versions().names
    assert sorted(names) == list(range(1, len(names) + 1))
    assert set(names).isdisjoint(EXPERIMENTS)
    assert {model.number: model.name for model in lcomp.models()} == {
        number: name for number, name in names.items() if name not in RETIRED
    }


@pytest.mark.parametrize("model", lcomp.models(), ids=lambda model: model.name)
def test_weights_that_latents_are_made_of_never_change(model: Description) -> None:
    codes_as = model.lineage[model.is_decoder]
    assert model.fingerprint == list(versions().fingerprints[codes_as.name])[-1]
    if not model.is_decoder:
        kept = versions().digests[model.name]
        assert model.sha256 == kept
        if model.obstacle is None:
            assert hashlib.sha256(model.weights_path.read_bytes()).hexdigest() == kept


def test_weights_of_later_models_stay_out_of_git() -> None:
    command = ["git", "ls-files", "weights/*.safetensors"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a clone")
    if not listed:
        pytest.skip("a copy within another clone")
    assert {Path(path).stem for path in listed} == IN_GIT


def test_decoders_alone_may_be_trained_again() -> None:
    assert set(versions().digests) == {model.name for model in lcomp.models() if not model.is_decoder}


def test_a_file_of_other_weights_names_who_wrote_it() -> None:
    old = next(iter(versions().fingerprints["hyperprior"]))
    with pytest.raises(ModelError, match=r"by lcomp 0\.1\.0\.dev \(2026-11-\d\d\): only that can decode it"):
        model_of(header(1, old))
    with pytest.raises(ModelError, match="an unknown version of lcomp"):
        model_of(header(1, 7))


def test_a_file_of_a_model_that_is_not_installed_says_what_may_help() -> None:
    with pytest.raises(ModelError, match="model number 200, which is not installed: one of those for experiments"):
        model_of(header(200, 7))
    with pytest.raises(ModelError, match=r"number 99, which is not installed: .* \(pip install --upgrade lcomp\)"):
        model_of(header(99, 7))
    with pytest.raises(
        ModelError, match=r"'hyperprior-msssim', which is not installed: it was written by lcomp 0\.1\.0"
    ):
        model_of(header(5, next(iter(versions().fingerprints["hyperprior-msssim"]))))
    with pytest.raises(FormatError, match="with losses, which 'lossless' does not code"):
        model_of(header(8, 7))


def test_missing_weights_name_their_package(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "models", tmp_path / "models")
    model = read_model(tmp_path / "models" / "gan.toml")
    assert model.obstacle == "weights of 'gan' are not installed: pip install lcomp-weights-gan"
    with pytest.raises(ModelError, match="lcomp-weights-gan"):
        read_own_tensors(model)
    (tmp_path / "weights").mkdir()
    model.export_path.write_bytes(b"")
    assert model.obstacle == "weights of 'visual' are not installed: pip install lcomp-weights-visual"
