"""Golden files decode to the latents, pixels and metadata that they were made with."""

import hashlib
import json
import re
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from helpers.golden import METADATA, colours_psnr, latents, latents_sha256
from helpers.lossless import lossless_model
from helpers.models import require_coder
from helpers.paths import GOLDEN, ROOT
from lcomp.format import container
from lcomp.format.container import Coder, Mode
from lcomp.model.loaded import LoadedModel
from lcomp.pictures.planes import MOST_SHIFT
from lcomp.zoo.registry import all_models, model_by_name

DEEP = sorted(GOLDEN.glob("lossless_deep_*.lic"))


@pytest.mark.parametrize("path", DEEP, ids=lambda path: path.stem)
def test_golden_files_of_16_bits_decode_to_their_samples(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    decoded = lcomp.Codec(device="cpu").decode_picture(path)
    original = imagecodecs.png_decode(path.with_name(expected["original"]).read_bytes())
    assert decoded.samples is not None
    assert np.array_equal(decoded.samples, original)
    info = decoded.image.info
    assert {name: info[name].hex() for name in METADATA if name in info} == expected["metadata"]


def test_golden_files_of_16_bits_differ() -> None:
    files = [container.read(path.read_bytes()) for path in DEEP]
    planes = [low for file in files for low in (file.low, file.low_alpha) if low]
    assert {0, 4, MOST_SHIFT} <= {low[0] for low in planes}
    assert {len(low) == 1 for low in planes} == {False, True}
    assert {file.header.mode for file in files} == set(Mode)
    assert {file.header.stored for file in files} == {False, True}
    assert {file.alpha is None for file in files} == {False, True}


@pytest.mark.parametrize("path", sorted(set(GOLDEN.glob("*.lic")) - set(DEEP)), ids=lambda path: path.stem)
def test_golden_files_decode_to_their_latents_and_pixels(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    data = path.read_bytes()
    file = container.read(data)
    if file.coder:
        require_coder(file.coder)
    if not file.header.lossless:
        assert latents_sha256(file, expected["model"]) == expected["latents_sha256"]
    # pictures of half size are doubled by interpolation, which never changes
    decoded = lcomp.decode(data, device="cpu", decoder="mse" if file.header.half else None)
    with Image.open(path.with_name(expected["original"])) as image:
        assert (decoded.mode, decoded.size) == (image.mode, image.size)
        assert colours_psnr(decoded, image) == pytest.approx(expected["psnr"], abs=0.02)
        if file.header.max_error:
            assert hashlib.sha256(decoded.tobytes()).hexdigest() == expected["pixels_sha256"]
            difference = np.abs(np.asarray(decoded).astype(int) - np.asarray(image))
            assert difference.max() == file.header.max_error
        elif file.header.lossless:
            assert decoded.tobytes() == image.tobytes()
        if decoded.mode == "RGBA":
            assert decoded.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert {name: decoded.info[name].hex() for name in METADATA if name in decoded.info} == expected["metadata"]


def test_golden_files_are_the_ones_that_they_were() -> None:
    kept = dict(reversed(line.split("  ")) for line in (GOLDEN / "SHA256SUMS").read_text("utf-8").splitlines())
    paths = [*GOLDEN.glob("*.lic"), *GOLDEN.glob("*.png")]
    assert kept == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_golden_files_have_every_section_and_model_of_the_format() -> None:
    text = (ROOT / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    sections, models = (
        text.split(heading)[1].split("\n\n")[0] for heading in ("| tag | section |", "| number | name | coded as |")
    )
    tags = {int(tag) for tag in re.findall(r"^\| (\d+) \|", sections, re.MULTILINE)}
    numbers = {int(number) for number in re.findall(r"^\| (\d+) \|", models, re.MULTILINE)}
    assert tags == container.KNOWN_TAGS
    assert numbers == {model.number for model in lcomp.models()}
    read = [container.read_sections(path.read_bytes()) for path in GOLDEN.glob("*.lic")]
    assert {section.tag for _, sections in read for section in sections} == tags
    assert {header.model for header, _ in read} == numbers | {0}


def test_what_golden_files_decode_to_is_exact() -> None:
    for path in GOLDEN.glob("*.lic"):
        header, expected = container.read(path.read_bytes()).header, json.loads(path.with_suffix(".json").read_text())
        digest = "pixels_sha256" if header.max_error else "latents_sha256"
        # all others decode to every sample of their originals
        assert (header.lossless and not header.max_error) or len(expected[digest]) == 64


def test_there_are_golden_files() -> None:
    files = [container.read(path.read_bytes()) for path in GOLDEN.glob("*.lic")]
    numbers = {file.header.model for file in files} - {0}
    assert {model.number for model in all_models()} == numbers - {lossless_model().number}
    lossless = [file for file in files if file.header.lossless and not file.stored]
    if lossless:  # they are made when the weights are
        assert {file.header.mode for file in lossless} == set(Mode)
        assert any(len(file.tiles) > 1 and file.alpha for file in lossless)
        assert {file.header.mode for file in lossless if file.header.max_error} == set(Mode)
    assert {file.coder for file in files} == {None, *Coder}
    assert {file.header.mode for file in files} == {file.header.mode for file in files if file.stored} == set(Mode)
    for start in (b"RIFF", b"\x89PNG"):
        assert any((file.alpha or b"").startswith(start) for file in files)
        assert any((file.stored or b"").startswith(start) for file in files)
    assert all(any(getattr(file, name) for file in files) for name in ("icc", "exif", "xmp"))
    assert {file.coder for file in files if len(file.tiles) > 1} == set(Coder)
    assert any(file.header.half for file in files)


def test_a_golden_file_has_escapes() -> None:
    codec = LoadedModel(model_by_name("autoregressive"), torch.device("cpu"))
    [tile] = latents(container.read((GOLDEN / "escapes.lic").read_bytes()), codec)
    radius = torch.tensor([table.radius for table in codec.tile.tables])
    assert (tile.symbols.abs() > radius[tile.parameters.scales.int()]).any()
