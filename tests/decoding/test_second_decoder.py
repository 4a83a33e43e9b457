"""A decoder that was written from docs/FORMAT.md alone agrees with lcomp: the page says all that is needed."""

import ast
import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import constriction
import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
import second.prefix
from attacks.attacks import ATTACKS
from attacks.steps import Attack
from helpers.coded import coded
from helpers.golden import METADATA
from helpers.lossless import coded_losslessly
from helpers.models import require_coder
from helpers.paths import DATA, GOLDEN, TESTS
from lcomp.entropy.torchac_coder import TorchacCoder
from lcomp.errors import TruncatedError
from lcomp.families.registry import model_of
from lcomp.format.container import Coder
from lcomp.format.prefix import read_prefix
from lcomp.format.qualities import of_tile
from lcomp.model.cache import load_model
from lcomp.model.prefix import decode_prefix
from lcomp.options import DecodeOptions, Region
from second import decoder
from second.container import DamagedError, parse
from second.decoder import Picture
from second.entropy import RangeDecoder, TorchacDecoder
from second.latents import decode_latents
from second.synthesis import twice
from second.tables import BYTES, Table

MODULES = sorted((TESTS / "second").glob("*.py"))
OWN_IMPORTS = {"numpy", "PIL", "second"}
"""What it needs beside the standard library."""

FILES = sorted(GOLDEN.glob("*.lic"))
LOSSY = [path for path in FILES if not parse(path.read_bytes()).lossless]
LOSSLESS = sorted(set(FILES) - set(LOSSY))
NAMES = {path.stem for path in FILES}
FAST = {"q1", "regions_half"}
"""Golden files of which pixels too are compared in the fast tests."""

LARGE = {"long_alpha", "lossless_tiles", "lossless_near_tiles"}
"""Those of which nothing is."""

PREFIXES = {"q1", "context", "regions_tiles", "torchac"}
"""Golden files of which prefixes are compared in the fast tests."""

LONG = 40_000
"""More bytes of escapes than one stream of torchac's holds."""


def slowly(paths: list[Path], fast: set[str]) -> list[object]:
    """Golden files as parameters, all but the fast ones of which are slow."""
    return [pytest.param(path, id=path.stem, marks=[] if path.stem in fast else [pytest.mark.slow]) for path in paths]


@cache
def decoded(path: Path) -> Picture:
    return decoder.decode(path.read_bytes())


def whole(picture: Picture) -> np.ndarray:
    """Samples, and alpha as the last channel."""
    return picture.samples if picture.alpha is None else np.dstack([picture.samples, picture.alpha])


def difference(data: bytes) -> int:
    """The largest of any sample from what lcomp decodes, in fp32: bf16 is off by more where latents are far out."""
    codec = lcomp.Codec(device="cpu", precision="fp32")
    theirs = codec.decode_picture(data, DecodeOptions(decoder=None if lossless(data) else "mse"))
    expected = np.asarray(theirs.image) if theirs.samples is None else theirs.samples
    found = whole(decoder.decode(data))
    assert found.shape == np.atleast_3d(expected).shape
    return int(abs(found.astype(int) - np.atleast_3d(expected)).max())


def lossless(data: bytes) -> bool:
    return parse(data).lossless


def photo(width: int, height: int) -> Image.Image:
    with Image.open(DATA / "kodim05.png") as image:
        return image.convert("RGB").crop((100, 60, 400, 260)).resize((width, height))


def test_it_imports_neither_lcomp_nor_torch() -> None:
    for path in MODULES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in names} <= OWN_IMPORTS | sys.stdlib_module_names, path.name


@pytest.mark.process
@pytest.mark.slow
def test_its_command_needs_neither_of_them(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.modules |= dict.fromkeys(['lcomp', 'torch', 'constriction', 'torchac'], None); "
        "runpy.run_module('second', run_name='__main__')"
    )
    target = tmp_path / "picture.png"
    command = [sys.executable, "-c", code, GOLDEN / "grey.lic", target]
    subprocess.run(command, check=True, cwd=TESTS, env=os.environ | {"PYTHONPATH": str(TESTS)})
    with Image.open(target) as image:
        assert np.array_equal(np.asarray(image), decoded(GOLDEN / "grey.lic").samples[..., 0])


@pytest.mark.parametrize("path", slowly(LOSSY, NAMES - LARGE))
def test_it_decodes_the_latents_of_golden_files(path: Path) -> None:
    file = parse(path.read_bytes())
    digest = hashlib.sha256()
    for latents in decode_latents(file, decoder.model_of(file)):
        digest.update(latents.y_hat.tobytes())
    assert digest.hexdigest() == json.loads(path.with_suffix(".json").read_text())["latents_sha256"]


def theirs_of_prefix(data: bytes) -> list[np.ndarray]:
    """y_hat of every tile that lcomp finds in a prefix."""
    try:
        file = read_prefix(data)
    except TruncatedError:  # nothing of the picture
        return []
    codec = load_model(model_of(file.header).coding, torch.device("cpu")).tile
    found = []
    for number, encoded in enumerate(file.tiles):
        if encoded is not None:
            tile = file.grid.rectangle(number)
            told = (of_tile(file.quality, tile), tile.height, tile.width, file.coder)
            latents = decode_prefix(codec, encoded, *told) if encoded.cut else codec.decode(encoded, *told, number)
            found.append(latents.y_hat().numpy()[0])
    return found


@pytest.mark.parametrize("path", slowly(LOSSY, PREFIXES))
def test_it_decodes_the_latents_of_prefixes(path: Path) -> None:
    data = path.read_bytes()
    if parse(data).coder == Coder.TORCHAC.value:
        require_coder(Coder.TORCHAC)
    start = len(data) - len(parse(data).tiles[-1]) - 4
    for end in (start + 4, start + 11, start + (len(data) - start) // 3, *(len(data) - left for left in (30, 9, 4, 3))):
        if end < start:
            continue  # the stream is shorter
        file = parse(data[:end], prefix=True)
        ours = [latents.y_hat for latents in second.prefix.decode_prefix(file, decoder.model_of(file))]
        theirs = theirs_of_prefix(data[:end])
        assert len(ours) == len(theirs)
        assert all(map(np.array_equal, ours, theirs)), end


@pytest.mark.parametrize("path", slowly(LOSSY, FAST))
def test_it_decodes_the_pixels_of_golden_files(path: Path) -> None:
    if parse(path.read_bytes()).coder == Coder.TORCHAC.value:
        require_coder(Coder.TORCHAC)
    assert difference(path.read_bytes()) <= 1


@pytest.mark.parametrize("path", slowly(LOSSLESS, NAMES - LARGE))
def test_it_decodes_lossless_golden_files(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    found = whole(decoded(path))
    if "pixels_sha256" in expected:
        assert hashlib.sha256(found.tobytes()).hexdigest() == expected["pixels_sha256"]
        return
    original = imagecodecs.png_decode(path.with_name(expected["original"]).read_bytes())
    assert np.array_equal(found, np.atleast_3d(original))


@pytest.mark.parametrize("path", slowly(FILES, FAST | {path.stem for path in LOSSLESS} - LARGE))
def test_it_reads_the_metadata_of_golden_files(path: Path) -> None:
    picture = decoded(path)
    found = {name: getattr(picture, name) for name in METADATA}
    expected = json.loads(path.with_suffix(".json").read_text())["metadata"]
    assert {name: value.hex() for name, value in found.items() if value is not None} == expected


@pytest.mark.slow
@pytest.mark.parametrize("model", ["hyperprior", "visual"])
@pytest.mark.parametrize(
    ("size", "quality", "roi", "wraps"),
    [
        ((192, 80), 0.0, (), True),
        ((170, 90), 0.44, (), False),
        ((96, 130), 0.0, [Region(10, 20, 60, 70, 3.0)], False),
        ((64, 70), 7.985, [Region(0, 0, 30, 70, 8.0)], True),
        ((17, 1), 8.0, (), False),
        ((1040, 20), 1.0, [Region(500, 0, 100, 20, -8.0)], True),
    ],
    ids=["half-around", "half", "half-regions", "regions-around", "line", "tiles"],
)
def test_it_agrees_where_golden_files_say_nothing(
    model: str, size: tuple[int, int], quality: float, roi: list[Region], wraps: bool
) -> None:
    assert difference(coded(photo(*size), quality, model, effort=0, roi=roi, wraps=wraps).data) <= 1


@pytest.mark.slow
def test_it_decodes_rows_of_tiles() -> None:
    data = coded(photo(1030, 1050), 1.0, "autoregressive", effort=0, roi=[Region(500, 500, 100, 100, -8.0)]).data
    tiles = list(decode_latents(parse(data), decoder.installed(2)))  # each has its checksum
    assert [tile.symbols.shape[1:] for tile in tiles] == [(36, 36), (36, 29), (30, 36), (30, 29)]


@pytest.mark.slow
@pytest.mark.parametrize("max_error", [0, 3, 15])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (8, 9), (33, 47), (215, 160), (1030, 20)])
def test_it_agrees_on_lossless_tiles(size: tuple[int, int], max_error: int) -> None:
    for image in (photo(*size), photo(*size).convert("L")):
        assert difference(coded_losslessly(image, max_error).data) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_it_refuses_what_lcomp_refuses(attack: Attack) -> None:
    data = attack.file()
    if attack.base == "torchac":
        require_coder(Coder.TORCHAC)
    try:
        file = parse(data)
    except DamagedError:
        assert attack.error is not None
        return
    if file.width * file.height > 2**22:
        pytest.skip("more than it takes")
    if attack.error is None:
        assert difference(data) <= 1
        return
    with pytest.raises(DamagedError):
        decoder.decode(data)


@pytest.mark.parametrize("number", [1, 2, 6, 7, 8])
def test_it_reads_every_entry_that_constriction_writes(number: int) -> None:
    tables = [table for table in decoder.installed(number).tables if table.entries > 2][:: 5 if number < 8 else 20]
    writer = constriction.stream.queue.RangeEncoder()
    for table in [*tables, BYTES]:
        model = constriction.stream.model.Categorical(np.diff(table.cumulative) / 2**16, perfect=False)
        writer.encode(np.arange(table.entries, dtype=np.int32), model)
    reader = RangeDecoder(writer.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))
    for table in [*tables, BYTES]:
        entries = [reader.run(table, 1)[0] for _ in range(table.entries)]
        assert entries == list(range(table.entries))
    reader.finish()


def test_it_reads_long_runs_of_torchac() -> None:
    require_coder(Coder.TORCHAC)
    random = np.random.default_rng(3)
    frequencies = np.array([2**15, 1, 2**14, 2**14 - 1])
    writer = TorchacCoder([frequencies, np.ones(256, np.int64)]).encoder()
    runs = [random.integers(0, count, LONG).astype(np.int32) for count in (4, 256)]
    for number, run in enumerate(runs):
        writer.put(number, run)
    reader = TorchacDecoder(writer.finish())
    for table, run in zip([Table([0, *np.cumsum(frequencies).tolist()]), BYTES], runs, strict=True):
        assert reader.run(table, LONG) == run.tolist()
    reader.finish()


def test_what_is_left_over_is_refused() -> None:
    table = Table([0, 2**15, 2**16 - 1, 2**16])
    model = constriction.stream.model.Categorical(np.diff(table.cumulative) / 2**16, perfect=False)
    writer = constriction.stream.queue.RangeEncoder()
    writer.encode(np.zeros(100, np.int32), model)
    stream = writer.get_compressed().astype("<u4").tobytes()
    reader = RangeDecoder(stream)
    reader.run(table, 40)
    with pytest.raises(DamagedError, match="left over"):
        reader.finish()


def test_an_enlargement_of_a_panorama_has_no_edge() -> None:
    values = np.random.default_rng(4).normal(size=32)
    around = twice(32, wraps=True)
    assert np.allclose(np.roll(around @ values, 2), around @ np.roll(values, 1))
    assert np.allclose(around[8:-8], twice(32)[8:-8])
