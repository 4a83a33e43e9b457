"""Pictures coded at half their size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lcomp
from lcomp.decoding.area import halved
from lcomp.encoding.distortion import psnr
from lcomp.encoding.half_size import better, halve
from lcomp.encoding.picture import PictureEncoder
from lcomp.errors import LcompError
from lcomp.format.container import LicFile
from lcomp.format.tiles import Rectangle


@given(width=st.integers(1, 9), height=st.integers(1, 9))
def test_odd_sides_are_rounded_up(width: int, height: int) -> None:
    pixels = np.full((height, width, 3), (200, 100, 0), np.uint8)
    half = halve(pixels)
    assert half.shape == (-(-height // 2), -(-width // 2), 3)
    assert (half == (200, 100, 0)).all()


@given(x=st.integers(0, 9), y=st.integers(0, 9), width=st.integers(1, 9), height=st.integers(1, 9))
def test_areas_are_covered(x: int, y: int, width: int, height: int) -> None:
    area = Rectangle(x, y, width, height)
    assert area.shared(halved(area).doubled()) == area
    assert halved(area).width <= width // 2 + 1


def test_the_better_file_of_no_more_bytes_is_taken() -> None:
    plain, qualities = bytes(1000), {1000: 30.0}

    def encode_half(quality: int) -> bytes:
        return bytes(100 + quality)

    found = better(plain, encode_half, lambda data: qualities.get(len(data), 31.0), 0)
    assert 990 <= len(found) < 1000
    assert better(plain, encode_half, lambda data: qualities.get(len(data), 29.0), 0) is plain
    assert better(bytes(10), encode_half, lambda data: 0.0, 0) == bytes(10)  # no file of half the size is as small


@pytest.fixture(scope="module")
def low(photo: Image.Image) -> bytes:
    """A file of an odd-sized picture that was coded at half its size."""
    data = lcomp.encode(photo.crop((0, 0, 199, 135)), 0.2, "hyperprior")
    assert lcomp.info(data).half
    return data


def test_half_the_size_is_tried_at_low_quality_only(photo: Image.Image, low: bytes) -> None:
    assert not lcomp.info(lcomp.encode(photo, 2.0, "hyperprior")).half
    assert lcomp.info(low).grid.picture[2:] == (100, 68)
    assert len(low) < 0.6 * len(lcomp.encode(photo, 1.0, "hyperprior"))


def test_what_half_size_cannot_win_is_not_tried(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the halved picture is farther from the original than the plain file, before anything of it is coded."""
    smooth = photo.resize((50, 34)).resize(photo.size, Image.Resampling.BICUBIC)
    assert lcomp.info(lcomp.encode(smooth, 1.2, "hyperprior")).half
    made: list[bool] = []
    code = PictureEncoder.code

    def counted(self: PictureEncoder, quality: int, half: bool, effort: int) -> LicFile:
        made.append(half)
        return code(self, quality, half, effort)

    monkeypatch.setattr(PictureEncoder, "code", counted)
    sharp = Image.effect_noise((128, 128), 60).convert("RGB")
    for image, model, effort in ((sharp, "hyperprior", 1), (smooth, "gan", 1), (smooth, "hyperprior", 0)):
        lcomp.encode(image, 1.2, model, effort=effort)
        assert made == [False]
        made.clear()


def test_every_model_has_the_decoder_of_half_size(photo: Image.Image) -> None:
    for model in ("visual", "hyperprior"):
        data = lcomp.encode(photo, 0.2, model)
        assert lcomp.info(data).half
        assert lcomp.decode(data).tobytes() == lcomp.decode(data, decoder="sr").tobytes()
        assert lcomp.decode(data).tobytes() != lcomp.decode(data, decoder="mse").tobytes()
        with pytest.raises(LcompError, match="knows no realism"):
            lcomp.decode(data, realism=0.5)
    with pytest.raises(LcompError, match="not for files of"):
        lcomp.decode(lcomp.encode(photo, 4.0), decoder="sr")
    invented = lcomp.encode(photo, 0.2, "gan")
    assert lcomp.info(invented).half
    assert lcomp.decode(invented).tobytes() == lcomp.decode(invented, decoder="gan").tobytes()


@pytest.mark.parametrize("decoder", ["mse", "sr"])
def test_a_crop_is_the_crop_of_everything(low: bytes, decoder: str) -> None:
    whole = np.asarray(lcomp.decode(low, decoder=decoder)).astype(int)
    assert whole.shape == (135, 199, 3)
    for x, y, width, height in ((0, 0, 199, 135), (198, 134, 1, 1), (51, 33, 40, 61)):
        crop = np.asarray(lcomp.decode(low, decoder=decoder, crop=(x, y, width, height)))
        assert np.abs(whole[y : y + height, x : x + width] - crop).max() <= 1


@pytest.mark.slow
def test_quality_is_monotone_below_one(photo: Image.Image) -> None:
    pixels = np.asarray(photo)
    files = [lcomp.encode(photo, quality) for quality in (0, 0.25, 0.5, 0.75, 1)]
    sizes, psnrs = list(map(len, files)), [psnr(np.asarray(lcomp.decode(data)), pixels) for data in files]
    assert sizes == sorted(sizes)
    assert psnrs == sorted(psnrs)


@pytest.mark.slow
def test_targets_reach_below_one(photo: Image.Image) -> None:
    smallest = len(lcomp.encode(photo, 1.0))
    data = lcomp.encode(photo, size=int(0.7 * smallest))
    assert 0.9 * 0.7 * smallest < len(data) <= 0.7 * smallest
    assert lcomp.info(data).quality < 8000


@pytest.mark.slow
def test_alpha_and_grey_keep_their_size(photo: Image.Image) -> None:
    grey = photo.convert("L")
    assert lcomp.decode(lcomp.encode(grey, 0.3)).mode == "L"
    photo = photo.copy()
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    again = lcomp.decode(lcomp.encode(photo, 0.3))
    assert again.size == photo.size
    assert np.array_equal(np.asarray(again)[..., 3], np.asarray(photo)[..., 3])
