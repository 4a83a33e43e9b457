"""Pillow opens and saves `.lic` files like any others."""

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

import lcomp
from helpers.paths import GOLDEN
from helpers.pictures import ramp, see_through
from helpers.profiles import SRGB
from lcomp.format import container
from lcomp.format.outline import read_outline
from lcomp.pictures.opening import readable_suffixes

EXIF = Image.Exif()
EXIF[271] = "Maker"
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


@pytest.fixture
def lic(tmp_path: Path) -> Path:
    """A file with metadata, saved by Pillow."""
    path = tmp_path / "a.lic"
    see_through("RGBA").save(path, quality=2, model="hyperprior", exif=EXIF, icc_profile=SRGB, xmp=XMP)
    return path


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "1", "P", "CMYK"])
def test_a_picture_is_saved_and_opened(mode: str, tmp_path: Path) -> None:
    source = see_through(mode) if mode in ("L", "LA", "RGB", "RGBA") else ramp("RGB").convert(mode)
    source.save(tmp_path / "a.lic", lossless=mode != "CMYK")
    with Image.open(tmp_path / "a.lic") as image:
        assert (image.format, image.size, image.get_format_mimetype()) == ("LIC", (30, 20), "image/x-lic")
        expected = {"1": "L", "P": "RGB", "CMYK": "RGB"}.get(mode, mode)
        assert image.mode == expected
        decoded = lcomp.decode(tmp_path / "a.lic")
        assert np.array_equal(np.asarray(image), np.asarray(decoded))
        assert image.mode == decoded.mode


def test_grey_of_16_bits_is_such_a_picture() -> None:
    samples = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30) * 50
    data = lcomp.encode(samples, lossless=True)
    image = Image.open(io.BytesIO(data))
    assert image.mode == "I;16"
    assert np.array_equal(np.asarray(image), samples)
    image = Image.open(io.BytesIO(data))
    image.thumbnail((6, 8))
    assert (image.mode, image.size) == ("L", (6, 8))
    assert np.asarray(image).mean() == pytest.approx((samples >> 8).mean(), abs=1)


def test_metadata_is_there_before_the_pixels(lic: Path) -> None:
    with Image.open(lic) as image:
        assert image.getexif()[271] == "Maker"
        assert (image.info["icc_profile"], image.info["xmp"]) == (SRGB, XMP)
        before = dict(image.info)
        image.load()
        assert image.info == before
        assert before.keys() == lcomp.decode(lic).info.keys()


def test_arguments_stand_above_the_metadata_of_the_image(lic: Path, tmp_path: Path) -> None:
    with Image.open(lic) as image:
        image.save(tmp_path / "same.lic")
        image.save(tmp_path / "none.lic", exif=None, icc_profile=b"", xmp=None)
        assert image.info["icc_profile"] == SRGB
    with Image.open(tmp_path / "same.lic") as image:
        assert {"exif", "icc_profile", "xmp"} <= image.info.keys()
    with Image.open(tmp_path / "none.lic") as image:
        assert not {"exif", "icc_profile", "xmp"} & image.info.keys()


def test_options_are_those_of_encoding(tmp_path: Path) -> None:
    image = ramp("RGB")
    image.save(tmp_path / "a.lic", quality=3, effort=0, model="hyperprior", optimize=True, threads=1)
    assert (tmp_path / "a.lic").read_bytes() == lcomp.encode(image, 3, "hyperprior", effort=0)
    image.save(stream := io.BytesIO(), "lic", lossless=True)
    assert lcomp.info(stream.getvalue()).lossless
    with pytest.raises(ValueError, match="quality 80 is out of range: use 0 to 8"):
        image.save(tmp_path / "b.lic", quality=80)
    with pytest.raises(OSError, match="unknown model 'missing'"):
        image.save(tmp_path / "b.lic", model="missing")
    assert not (tmp_path / "b.lic").exists()


def test_idioms(lic: Path, tmp_path: Path) -> None:
    with Image.open(lic) as image:
        assert pickle.loads(pickle.dumps(image)).size == (30, 20)
        assert image.copy().convert("L").size == (30, 20)
    with Image.open(lic) as image:
        image.thumbnail((10, 10))
        assert image.size == (10, 7)
    with Image.open(lic) as image:
        assert image.draft("RGB", (30, 20)) is None
        assert image.draft("RGB", (12, 10)) == ("RGBA", (0, 0, 15.0, 10.0))
        assert image.size == (15, 10)
        image.load()
        assert image.size == (15, 10)
    with Image.open(lic) as image:
        assert ImageOps.exif_transpose(image).crop((0, 0, 5, 5)).getpixel((0, 0)) is not None
        assert len(list(ImageSequence.Iterator(image))) == 1
    with lic.open("rb") as file:
        assert Image.open(file).rotate(90, expand=True).size == (20, 30)
        assert not file.closed
    image = Image.open(io.BytesIO(lic.read_bytes()), formats=["LIC"])
    image.save(tmp_path / "a.png")
    with Image.open(lic) as image:
        image.save(lic, quality=1)  # onto itself
    with Image.open(lic) as image:
        assert image.size == (30, 20)


def test_the_frame_in_sight_is_saved(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    for metadata in ({}, {"exif": EXIF}):
        with Image.open(tmp_path / "a.gif") as image:
            image.seek(1)
            image.save(tmp_path / "a.lic", lossless=True, **metadata)
        with Image.open(tmp_path / "a.lic") as image:
            assert image.convert("RGB").getpixel((3, 3)) == (0, 255, 0)
            assert dict(image.getexif()) == dict(EXIF if metadata else {})


def test_damage_is_an_error_of_the_file(lic: Path, tmp_path: Path) -> None:
    data = lic.read_bytes()
    header = data[:6] + bytes([data[6] ^ 1]) + data[7:]
    (tmp_path / "b.lic").write_bytes(header)
    with pytest.raises(OSError, match="wrong checksum of the header"):
        Image.open(tmp_path / "b.lic")
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(data[:-1]))
    tile = data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
    image = Image.open(io.BytesIO(tile))
    with pytest.raises(OSError, match="damaged"):
        image.load()
    with pytest.raises(OSError, match="damaged"):
        Image.open(io.BytesIO(tile)).verify()
    Image.open(io.BytesIO(data)).verify()
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"\xacL\n" + data))


def test_pillows_own_limit_holds(lic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(lic)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.lic")), ids=lambda path: path.stem)
def test_an_outline_says_what_the_whole_file_says(path: Path) -> None:
    data = path.read_bytes()
    file, outline = container.read(data), read_outline(io.BytesIO(data))
    assert outline.header == file.header
    assert (outline.has_alpha, outline.deep) == (file.alpha is not None, file.deep)
    assert (outline.icc, outline.exif, outline.xmp) == (file.icc, file.exif, file.xmp)


def test_lic_files_are_no_input_of_the_encoder(lic: Path) -> None:
    assert ".lic" not in readable_suffixes()
    with pytest.raises(lcomp.ImageError):
        lcomp.encode(lic)


LAZY = """
import json, sys
import lcomp
from PIL import Image
with Image.open(sys.argv[1]) as image:
    print(json.dumps([image.size, image.mode, "exif" in image.info, "torch" in sys.modules]))
"""


@pytest.mark.process
def test_opening_needs_no_torch(lic: Path) -> None:
    result = subprocess.run([sys.executable, "-c", LAZY, lic], capture_output=True, check=True)
    assert json.loads(result.stdout) == [[30, 20], "RGBA", True, False]


@pytest.mark.slow
def test_imageio_follows(lic: Path, tmp_path: Path) -> None:
    imageio = pytest.importorskip("imageio.v3")
    array = imageio.imread(lic)
    assert array.shape == (20, 30, 4)
    imageio.imwrite(tmp_path / "b.lic", array, quality=1)
    assert imageio.improps(tmp_path / "b.lic").shape == (20, 30, 4)
