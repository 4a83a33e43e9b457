"""Malicious files end in one of our errors, or in a picture: quickly, and in little memory."""

import hashlib
import io
import json
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from attacks.attacks import ATTACKS
from attacks.metadata import METADATA
from attacks.steps import Attack, bases
from attacks.weights import WEIGHTS, WeightsAttack
from helpers.command import lcomp as run
from helpers.command import one_line
from helpers.pictures import noise_image
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.streams import encode_tiles
from lcomp.errors import FormatError, LcompError, UnsupportedError
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid
from lcomp.log import log
from lcomp.model.loaded import LoadedModel
from lcomp.options import DecodeOptions
from lcomp.pictures.deep_arrays import DecodedSamples
from lcomp.pictures.deep_writing import save_picture
from lcomp.pictures.metadata import DESCRIPTIVE_TAGS, DIRECTORIES
from lcomp.pictures.reading import open_image
from lcomp.pictures.writing import FORMATS, save_image
from lcomp.zoo.registry import ModelInfo
from lcomp.zoo.weights import load_weights, read_own_tensors

HERE = Path(__file__).parent
CPU = torch.device("cpu")
SECONDS = 5.0
NAMES = ("icc_profile", "exif", "xmp")
READERS = {"PNG": imagecodecs.png_decode, "TIFF": imagecodecs.tiff_decode}
MEGABYTES = 300
"""What a malicious file may take on top of an ordinary one."""

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@contextmanager
def quickly() -> Iterator[None]:
    """By the processor's time: a busy machine is no failure."""
    started = time.process_time()
    yield
    assert time.process_time() - started < SECONDS


def decode(data: bytes, **options: object) -> Image.Image:
    try:
        return lcomp.Codec(device="cpu").decode_picture(data, DecodeOptions(**options)).image
    except UnsupportedError as error:
        if "torchac" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """The models are loaded, and torchac compiled, before anything is timed."""
    for data in bases().values():
        with suppress(UnsupportedError):
            lcomp.Codec(device="cpu").decode_array(data)


@pytest.mark.timing
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_ends_as_it_must(attack: Attack) -> None:
    data = attack.file()
    with quickly(), suppress(LcompError):
        lcomp.info(data)
    with quickly():
        if attack.error is None:
            decode(data, crop=attack.crop).load()
            return
        with pytest.raises(attack.error, match=re.escape(attack.text)) as caught:
            decode(data, crop=attack.crop)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.timing
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_salvage_ends_in_a_picture_or_our_error(attack: Attack) -> None:
    data = attack.file()
    with quickly(), suppress(LcompError):
        decode(data, salvage=True, max_pixels=2**20).load()


def test_the_list_says_what_is_tried() -> None:
    text = (HERE / "attacks" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    assert rows == [(attack.name, attack.tries, attack.outcome) for attack in (*ATTACKS, *WEIGHTS)]
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", sorted(set(FORMATS.values())))
@pytest.mark.parametrize("attack", METADATA, ids=lambda attack: attack.name)
def test_odd_metadata_is_saved_or_lost_with_a_note(attack: Attack, kind: str) -> None:
    image, buffer = decode(attack.file()), io.BytesIO()
    with quickly():
        lost = save_image(image, buffer, kind)
    saved = open_image(buffer.getvalue())
    saved.load()
    assert saved.size == image.size
    if image.info.get("icc_profile") and "ICC" not in lost:
        assert saved.info["icc_profile"] == image.info["icc_profile"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("attack", METADATA, ids=lambda attack: attack.name)
def test_odd_metadata_is_saved_with_16_bits_too(attack: Attack, kind: str) -> None:
    image, buffer, small = decode(attack.file()), io.BytesIO(), io.BytesIO()
    samples = np.asarray(image).astype(np.uint16) * 255
    with quickly():
        lost = save_picture(DecodedSamples(image, samples), buffer, kind)
    assert lost == save_image(image, small, kind)
    assert np.array_equal(READERS[kind](buffer.getvalue()), samples)
    saved, like = open_image(buffer.getvalue()), open_image(small.getvalue())
    assert [saved.info.get(name) for name in NAMES] == [like.info.get(name) for name in NAMES]
    if kind == "TIFF":
        one, other = saved.getexif(), like.getexif()  # of any byte order
        assert [one.get(tag) for tag in DESCRIPTIVE_TAGS] == [other.get(tag) for tag in DESCRIPTIVE_TAGS]
        assert [one.get_ifd(tag) for tag in DIRECTORIES] == [other.get_ifd(tag) for tag in DIRECTORIES]


MEASURE = """
import contextlib, json, resource, sys
from pathlib import Path
import lcomp

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)

def run(name, crop):
    with contextlib.suppress(Exception):
        lcomp.Codec(device="cpu").decode_array(Path(name).read_bytes(), lcomp.DecodeOptions(crop=crop))
    return peak()

ordinary, malicious = json.load(sys.stdin)
before = max(run(name, None) for name in ordinary)
print(json.dumps({name: run(name, crop) - before for name, crop in malicious}))
"""


def written(folder: Path, attacks: list[Attack]) -> dict[str, Path]:
    """The files of attacks, in a folder."""
    paths = {attack.name: folder / f"{attack.name}.lic" for attack in attacks}
    for attack in attacks:
        paths[attack.name].write_bytes(attack.file())
    return paths


@pytest.mark.process
@pytest.mark.slow
def test_no_attack_takes_much_memory(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    for name, data in bases().items():
        (tmp_path / f"base-{name}.lic").write_bytes(data)
    ordinary = [str(path) for path in tmp_path.iterdir()]
    malicious = [(str(path), attack.crop) for attack in ATTACKS for path in written(tmp_path, [attack]).values()]
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE],
        input=json.dumps([ordinary, malicious]),
        capture_output=True,
        text=True,
        check=True,
    )
    grown = {Path(name).stem: megabytes for name, megabytes in json.loads(result.stdout).items()}
    assert {name: megabytes for name, megabytes in grown.items() if megabytes > MEGABYTES} == {}


@pytest.mark.parametrize("name", ["png-size", "model"])
def test_the_command_ends_in_one_line(name: str, tmp_path: Path) -> None:
    [attack] = [attack for attack in ATTACKS if attack.name == name]
    path = written(tmp_path, [attack])[name]
    result = run("decode", path)
    assert attack.error is not None
    assert result.returncode == attack.error.exit_code
    assert attack.text in one_line(result)
    assert not result.stdout
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_of_attacks_leaves_the_pictures_that_can_be_read(tmp_path: Path) -> None:
    # a sample, to save time; torchac need not be there
    attacks = [attack for attack in ATTACKS if attack.base != "torchac"][::3]
    (tmp_path / "in").mkdir()
    paths = written(tmp_path / "in", attacks)
    result = run("decode", "-r", tmp_path / "in", "-o", tmp_path / "out")
    assert result.returncode == 1
    text = result.stderr.decode()
    assert "Traceback" not in text
    for attack in attacks:
        about = [line for line in text.splitlines() if line.startswith(f"lcomp: {paths[attack.name]}: ")]
        ours = [line for line in about if "APNG" not in line]  # Pillow's warning about one that it reads
        lines = [line for line in ours if not line.endswith("PNG cannot keep ICC")]
        assert len(lines) == (attack.error is not None), attack.name
    read = {f"{attack.name}.png" for attack in attacks if attack.error is None}
    assert {path.name for path in (tmp_path / "out").iterdir()} == read
    assert f"{len(read)} of {len(attacks)} done, {len(attacks) - len(read)} failed" in text


@pytest.mark.parametrize(("name", "code"), [("length-bomb", 3), ("model", 4)])
def test_info_ends_in_one_line(name: str, code: int, tmp_path: Path) -> None:
    [attack] = [attack for attack in ATTACKS if attack.name == name]
    result = run("info", written(tmp_path, [attack])[name])
    assert result.returncode == code
    assert (attack.text if code == 3 else "its model, number 200, is not installed") in one_line(result)


@pytest.mark.parametrize("attack", WEIGHTS, ids=lambda attack: attack.name)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_weights_that_are_not_right_are_refused(attack: WeightsAttack, tiny_info: ModelInfo) -> None:
    data = attack.build(read_own_tensors(tiny_info))
    path = tiny_info.weights_path.with_name(f"{attack.name}.safetensors")
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest() if attack.named else tiny_info.sha256
    info = replace(tiny_info, weights=path.name, sha256=digest)
    if attack.error is not None:
        with quickly(), pytest.raises(attack.error, match=re.escape(attack.text)):
            load_weights(info, CPU)
        return
    grid, pixels = Grid(40, 30), np.asarray(noise_image(40, 30))
    tiles = encode_tiles(LoadedModel(tiny_info, CPU), pixels, 4000, grid, Coder.CONSTRICTION)
    decoded = decode_tiles(LoadedModel(info, CPU), tiles, 4000, grid, Coder.CONSTRICTION, grid.picture)
    assert decoded.pixels.shape == pixels.shape


def test_what_the_fuzzer_found_is_mended() -> None:
    fuzz = pytest.importorskip("fuzz")
    for path in sorted(fuzz.CRASHERS.glob("*.lic")):
        for name, way in fuzz.WAYS.items():
            assert not fuzz.attempt(path.read_bytes(), way).problem, f"{path.name}, {name}"


def log_badly(data: bytes) -> None:
    log.warning("%d", "no number")


def write_two_lines(data: bytes) -> None:
    raise FormatError("one\nanother")


def warn(data: bytes) -> None:
    warnings.warn("odd", stacklevel=1)


def divide(data: bytes) -> None:
    len(data) // 0


@pytest.mark.parametrize(
    ("way", "problem"),
    [
        (divide, "ZeroDivisionError"),
        (warn, "UserWarning"),
        (log_badly, "TypeError"),
        (write_two_lines, "lines of FormatError"),
    ],
)
def test_the_fuzzer_sees(way: Callable[[bytes], None], problem: str) -> None:
    fuzz = pytest.importorskip("fuzz")
    assert fuzz.attempt(bases()["dot"], way).problem.startswith(problem)


def test_the_fuzzer_sees_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz = pytest.importorskip("fuzz")
    monkeypatch.setattr(fuzz, "SECONDS", -1.0)
    assert fuzz.attempt(b"", fuzz.WAYS["whole"]).kind == "slow"


@pytest.mark.parametrize("way", ["whole", "partial"])
def test_the_fuzzer_reaches_what_lies_behind_checksums(way: str) -> None:
    fuzz = pytest.importorskip("fuzz")
    numbers = [number for number in range(3000) if fuzz.way_of(number) == way][:40]
    kinds = {fuzz.attempt(fuzz.file_of(7, number), fuzz.WAYS[way]).kind for number in numbers}
    assert kinds >= {"decoded", "ChecksumError", "FormatError", "TruncatedError"}


@pytest.mark.slow
def test_two_hundred_files_of_the_fuzzer() -> None:
    fuzz = pytest.importorskip("fuzz")
    outcomes = [fuzz.attempt(fuzz.file_of(0, number), fuzz.WAYS[fuzz.way_of(number)]) for number in range(200)]
    assert [outcome for outcome in outcomes if outcome.problem] == []
    assert len({outcome.kind for outcome in outcomes}) > 3
