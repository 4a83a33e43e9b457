"""What a file is decoded with."""

from dataclasses import replace

import pytest

from helpers.paths import GOLDEN
from lcomp.errors import ModelError
from lcomp.families.registry import find_model
from lcomp.format import container
from lcomp.format.container import LicFile
from lcomp.viewer.gallery import facts_of
from lcomp.viewer.versions import REALISM_STEPS, Version, usual_decoder, versions_of
from lcomp.zoo.description import Description


def golden(name: str) -> LicFile:
    return container.read((GOLDEN / f"{name}.lic").read_bytes())


@pytest.mark.parametrize(
    ("name", "names", "usual"),
    [
        ("q1", ["mse", "sr", "fast"], "mse"),
        ("sr", ["mse", "sr", "fast"], "sr"),
        ("half", ["mse", "sr", "fast"], "sr"),
        ("gan", ["mse", *["gan"] * len(REALISM_STEPS), "fast"], "gan"),
        ("lossless_grey", [None], None),
        ("stored_grey", [None], None),
    ],
)
def test_every_decoder_of_a_model_is_used(name: str, names: list[str | None], usual: str | None) -> None:
    header = golden(name).header
    assert [version.decoder for version in versions_of(header)] == names
    assert usual_decoder(header) == usual


def test_one_decoder_may_be_asked_for() -> None:
    header = golden("gan").header
    assert versions_of(header, "gan") == [Version("gan", realism) for realism in REALISM_STEPS]
    with pytest.raises(ModelError, match="not for files of"):
        versions_of(header, "sr")
    # a lossless file decodes to the same whatever is asked for
    assert versions_of(golden("lossless_grey").header, "gan") == [Version()]


def test_decoders_without_weights_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [find_model("visual"), replace(find_model("gan"), weights="elsewhere.safetensors")]
    monkeypatch.setattr("lcomp.viewer.versions.installed_models", lambda: models)
    assert versions_of(golden("gan").header) == [Version("mse")]


def test_models_of_other_families_leave_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    file = golden("q1")
    other = Description("flat", 99, "", "", "", 0, GOLDEN)
    for module in ("versions", "gallery"):
        monkeypatch.setattr(f"lcomp.viewer.{module}.model_of", lambda header: other)
    assert versions_of(file.header) == [Version()]
    assert facts_of(file) == ("model flat",)


def test_how_a_file_is_coded_is_said() -> None:
    assert facts_of(golden("half"))[-2] == "coded at half the size"
    assert facts_of(golden("lossless_near_grey"))[1].startswith("off by ")
    assert facts_of(golden("lossless_grey")) == ("model lossless", "lossless")
    assert facts_of(golden("stored_grey")) == ("lossless (WebP)",)
