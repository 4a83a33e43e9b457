"""Pictures as people hand them over and want them back."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from helpers.pictures import ramp, see_through

OPTIONS = lcomp.EncodeOptions(quality=2, effort=0)


@pytest.fixture(scope="module")
def codec() -> lcomp.Codec:
    return lcomp.Codec("hyperprior", device="cpu")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_whatever_holds_a_picture_is_encoded_alike(mode: str, tmp_path: Path, codec: lcomp.Codec) -> None:
    image = see_through(mode)
    array = np.array(image)
    planes = torch.from_numpy(np.atleast_3d(array)).permute(2, 0, 1)
    image.save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    expected = codec.encode(image, OPTIONS)
    pictures: list[object] = [array, array[:, :], planes, planes[None], planes.float() / 255, planes.double() / 255]
    pictures += [data, bytearray(data), memoryview(data), io.BytesIO(data)]
    pictures += [tmp_path / "a.png", str(tmp_path / "a.png"), np.asfortranarray(array)]
    for number, picture in enumerate(pictures):
        assert codec.encode(picture, OPTIONS) == expected, number  # type: ignore[arg-type]
    assert lcomp.encode(array, 2, "hyperprior", "cpu", effort=0) == expected


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_picture_is_given_back_as_it_is_wanted(mode: str, codec: lcomp.Codec) -> None:
    data = codec.encode(see_through(mode), lcomp.EncodeOptions(lossless=True))
    image, array, tensor = lcomp.decode(data), lcomp.decode(data, output="numpy"), lcomp.decode(data, output="torch")
    assert (image.size, image.mode) == ((30, 20), mode)
    assert array.shape == ((20, 30) if mode == "L" else (20, 30, len(mode)))
    assert tensor.shape == (len(mode), 20, 30)
    assert (array.dtype, tensor.dtype) == (np.uint8, torch.uint8)
    assert np.array_equal(array, np.asarray(image))
    assert np.array_equal(np.atleast_3d(array), tensor.permute(1, 2, 0).numpy())
    array[:] = 0  # both are writable
    tensor.zero_()
    with pytest.raises(lcomp.LcompError, match="unknown output 'list': use pil, numpy, torch"):
        lcomp.decode(data, output="list")  # type: ignore[call-overload]


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: np.zeros((4, 4, 3), np.uint16), "encoded with lossless=True only"),
    (lambda: np.zeros((4, 4, 3)), "uint8 is needed, not float64: scale it"),
    (lambda: np.zeros((4, 4), bool), "uint8 is needed, not bool"),
    (lambda: np.zeros((3, 40, 50), np.uint8), r"not \[3, 40, 50\]: use array.transpose\(1, 2, 0\)"),
    (lambda: np.zeros((4, 4, 5), np.uint8), r"\[H, W, 3\] or \[H, W, 4\] is needed"),
    (lambda: np.zeros(5, np.uint8), r"not \[5\]"),
    (lambda: np.zeros((0, 5), np.uint8), "no pixels"),
    (lambda: np.zeros((2, 4, 4, 3), np.uint8), "an array of 2 pictures: use encode_many"),
    (lambda: torch.zeros(2, 3, 4, 4), "a batch of 2 pictures: use encode_many"),
    (lambda: torch.zeros(40, 50, 3), r"not \[40, 50, 3\]: use tensor.permute\(2, 0, 1\)"),
    (lambda: torch.zeros(5), r"a tensor \[3, H, W\] is needed"),
    (lambda: torch.full((3, 4, 4), 255.0), "floats from 0 to 1 are needed, not from 255 to 255"),
    (lambda: torch.full((3, 4, 4), torch.nan), "floats from 0 to 1 are needed"),
    (lambda: torch.zeros(3, 4, 4, dtype=torch.int64), "not torch.int64"),
    (lambda: torch.zeros(3, 0, 4), "no pixels"),
    (lambda: b"no picture", "not a picture"),
]


@pytest.mark.parametrize(("picture", "message"), WRONG)
def test_what_cannot_be_coded_is_named(picture: Callable[[], object], message: str, codec: lcomp.Codec) -> None:
    with pytest.raises(lcomp.LcompError, match=message) as raised:
        codec.encode(picture())  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_several_pictures_are_sent_to_encode_many(codec: lcomp.Codec) -> None:
    with pytest.raises(TypeError, match="not a list of them: use encode_many"):
        codec.encode([ramp("RGB")])  # type: ignore[arg-type]


def test_floats_a_little_out_of_range_are_clamped(codec: lcomp.Codec) -> None:
    white = torch.full((3, 8, 8), 1.1, requires_grad=True)
    assert codec.encode(white) == codec.encode(Image.new("RGB", (8, 8), "white"))


def test_threads_are_those_of_the_call(codec: lcomp.Codec) -> None:
    seen: list[int] = []
    before = torch.get_num_threads()
    data = lcomp.encode(
        ramp("RGB"), 2, "hyperprior", "cpu", threads=3, progress=lambda *_: seen.append(torch.get_num_threads())
    )
    lcomp.decode(data, "cpu", threads=2, progress=lambda *_: seen.append(torch.get_num_threads()))
    assert set(seen) == {2, 3}
    assert torch.get_num_threads() == before
    for wrong in (0, -1, 1.5):
        with pytest.raises(lcomp.LcompError, match=r"threads .* out of range"):
            lcomp.encode(ramp("RGB"), threads=wrong)  # type: ignore[arg-type]
