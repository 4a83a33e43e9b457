"""What Python says about arguments of the wrong kind, and about pictures that are closed."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcomp
from helpers.pictures import ramp

KINDS = ["png", "tif", "jpg", "gif", "bmp", "webp", "qoi"]


@pytest.fixture
def codec() -> lcomp.Codec:
    return lcomp.Codec("hyperprior", device="cpu")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loaded", [False, True])
def test_a_closed_image_is_called_so(kind: str, loaded: bool, tmp_path: Path, codec: lcomp.Codec) -> None:
    ramp("RGB").save(tmp_path / f"a.{kind}")
    with Image.open(tmp_path / f"a.{kind}") as image:
        if loaded:
            image.load()
    image.close()
    with pytest.raises(lcomp.LcompError, match="the image is closed") as raised:
        codec.encode(image)
    assert not isinstance(raised.value, lcomp.ImageError)


def test_a_closed_copy_is_called_so(codec: lcomp.Codec) -> None:
    image = ramp("RGB")
    image.close()
    with pytest.raises(lcomp.LcompError, match="closed"):
        codec.encode(image)


@pytest.mark.parametrize("other", [None, 5, io.StringIO("text")])
def test_only_pictures_are_encoded(other: object, tmp_path: Path, codec: lcomp.Codec) -> None:
    message = "no Pillow image, array, tensor or picture file: "
    with pytest.raises(TypeError, match=message):
        lcomp.encode(other)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=message):
        codec.encode(other)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=message):
        lcomp.save(other, tmp_path / "a.lic")  # type: ignore[arg-type]


def test_files_are_given_in_many_ways(tmp_path: Path, codec: lcomp.Codec) -> None:
    path, data = tmp_path / "a.lic", codec.encode(ramp("RGB"))
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)):
        assert lcomp.decode(source).size == (30, 20)
    for source in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)):
        assert lcomp.info(source).width == 30
    for other in (ramp("RGB"), None, 5, [data]):
        with pytest.raises(TypeError, match=f"a path or an open binary file are needed, not {type(other).__name__}"):
            lcomp.decode(other)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a path"):
            lcomp.info(other)  # type: ignore[arg-type]
    with path.open(encoding="latin-1") as text, pytest.raises(TypeError, match="mode 'rb'"):
        lcomp.decode(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [4, 4.5, "high", {"quality": 4}, None, lcomp.DecodeOptions()])
def test_options_are_objects(other: object, tmp_path: Path, codec: lcomp.Codec) -> None:
    with pytest.raises(TypeError, match=r"EncodeOptions\(...\)"):
        codec.encode(ramp("RGB"), other)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"EncodeOptions\(...\)"):
        lcomp.save(ramp("RGB"), tmp_path / "a.lic", other)  # type: ignore[arg-type]
    assert not (tmp_path / "a.lic").exists()
    with pytest.raises(TypeError, match=r"DecodeOptions\(...\)"):
        codec.decode(b"", lcomp.EncodeOptions() if isinstance(other, lcomp.DecodeOptions) else other)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["quality", "effort", "size", "bpp", "psnr", "ssimulacra2", "frame", "max_pixels"])
def test_numbers_are_numbers(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is a number, not str"):
        lcomp.EncodeOptions(**{name: "4"})  # type: ignore[arg-type]
    if name not in ("size", "bpp", "psnr", "ssimulacra2", "frame"):
        with pytest.raises(TypeError, match="not NoneType"):
            lcomp.EncodeOptions(**{name: None})  # type: ignore[arg-type]
    assert lcomp.EncodeOptions(quality=np.float32(4), effort=np.int64(1))
