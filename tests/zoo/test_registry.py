"""Descriptions of models."""

from pathlib import Path

import pytest

import lcomp
from helpers.models import TINY_CONTEXT, TINY_MODEL
from lcomp.errors import ModelError
from lcomp.training.recipe import read_recipe
from lcomp.zoo.registry import model_by_name, read_model


def test_unknown_metrics_are_model_errors(tmp_path: Path) -> None:
    source = tmp_path / "model.toml"
    source.write_text(TINY_MODEL.replace("number = 250", 'number = 250\nmetric = "vmaf"'))
    with pytest.raises(ModelError, match="unknown metric 'vmaf'"):
        read_model(source)
    source.write_text(TINY_MODEL.replace("number = 250", 'number = 250\nmetric = "ms-ssim"'))
    assert read_model(source).metric == "ms-ssim"
    assert model_by_name("gan").metric == "visual"


def test_descriptions_of_odd_forms_are_model_errors(model_file: Path) -> None:
    context_file = model_file.with_name("context.toml")
    for text, problem in (
        (TINY_CONTEXT.replace('"tiny"', '"context"'), "adds to itself"),
        ("decoder = 3\n" + TINY_CONTEXT, "attribute"),
        ("model = 3\nweights = 4\ntraining = 5", "iterable"),
    ):
        context_file.write_text(text)
        with pytest.raises(ModelError, match=problem):
            read_model(context_file)
    with pytest.raises(ModelError, match=r"missing\.toml: No such file"):
        read_recipe(model_file.with_name("missing.toml"))
    with pytest.raises(ModelError, match="bad"):
        read_recipe(context_file)


def test_every_model_description_is_complete() -> None:
    models = lcomp.models()
    assert len({model.number for model in models}) == len(models)
    for model in models:
        assert len(model.sha256) == 64
        if model.obstacle:
            assert model.obstacle.endswith(f"pip install lcomp-weights-{model.name}")
        else:
            assert model.weights_path.stat().st_size <= 32 * 2**20
