"""Many pictures at once: in order, in one process or several, and from several threads."""

import io
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lcomp
from helpers.pictures import noise_image
from lcomp.errors import FrameError
from lcomp.many import CodecSetting, EncodeOne
from lcomp.pictures.deep_arrays import DecodedSamples
from lcomp.pictures.deep_writing import save_picture

OPTIONS = lcomp.EncodeOptions(quality=2, effort=0)


def pictures() -> list[Image.Image]:
    return [noise_image(40 + number, 30, number) for number in range(4)]


def test_many_are_one_after_the_other() -> None:
    told: list[tuple[int, int]] = []
    files = lcomp.encode_many(
        pictures(), OPTIONS, model="hyperprior", device="cpu", progress=lambda *count: told.append(count)
    )
    assert told == []  # nothing is done before it is asked for
    made = list(files)
    codec = lcomp.Codec("hyperprior", "cpu")
    assert made == [codec.encode(picture, OPTIONS) for picture in pictures()]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    shapes = [array.shape for array in lcomp.decode_many(iter(made), output="numpy")]
    assert shapes == [(30, 40 + number, 3) for number in range(4)]


def test_a_batch_is_several_pictures() -> None:
    batch = torch.rand(3, 3, 16, 24)
    files = list(lcomp.encode_many(batch, OPTIONS, model="hyperprior", device="cpu"))
    decoded = torch.stack(list(lcomp.decode_many(files, output="torch")))
    assert decoded.shape == batch.shape
    assert list(lcomp.encode_many([], OPTIONS)) == []


@pytest.mark.parametrize("one", ["a.png", Path("a.png"), b"data", io.BytesIO(), Image.new("L", (2, 2))])
def test_one_is_not_many(one: object) -> None:
    with pytest.raises(TypeError, match=f"several pictures are needed, as in a list, not one {type(one).__name__}"):
        lcomp.encode_many(one)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="several pictures are needed"):
        lcomp.decode_many(one)  # type: ignore[call-overload]


def test_wrong_settings_are_refused_before_anything_is_done() -> None:
    with pytest.raises(lcomp.LcompError, match="workers 0"):
        lcomp.encode_many(pictures(), workers=0)
    with pytest.raises(lcomp.ModelError, match="unknown model"):
        lcomp.encode_many(pictures(), model="missing")
    with pytest.raises(lcomp.LcompError, match="unknown output"):
        lcomp.decode_many([b""], output="jpeg")  # type: ignore[call-overload]


@pytest.mark.slow
@pytest.mark.process
def test_processes_make_the_same_in_the_same_order(tmp_path: Path) -> None:
    made = pictures()
    made[0].save(tmp_path / "a.png")
    (tmp_path / "b.bmp").write_bytes(b"")
    made[3].save(tmp_path / "b.bmp")
    tensor = torch.from_numpy(np.array(made[2])).permute(2, 0, 1)
    given = [tmp_path / "a.png", np.array(made[1]), tensor, (tmp_path / "b.bmp").open("rb")]
    expected = list(lcomp.encode_many(made, OPTIONS, model="hyperprior", device="cpu"))
    files = list(lcomp.encode_many(given, OPTIONS, model="hyperprior", device="cpu", workers=2))
    assert files == expected
    given[3].close()  # type: ignore[union-attr]
    decoded = list(lcomp.decode_many(files, device="cpu", workers=2))
    assert [image.size for image in decoded] == [image.size for image in made]
    with pytest.raises(lcomp.FormatError, match=r"not a \.lic file") as raised:
        list(lcomp.decode_many([files[0], b"none", files[1]], workers=2))
    assert raised.value.__notes__ == ["picture 1, counted from 0"]


def test_an_error_comes_at_its_place_with_a_note() -> None:
    files = lcomp.encode_many([noise_image(8, 8, 0), io.BytesIO(b"none")], OPTIONS, model="hyperprior", device="cpu")
    assert next(files)
    with pytest.raises(lcomp.ImageError) as raised:
        next(files)
    assert raised.value.__notes__ == ["picture 1, counted from 0"]


@pytest.mark.slow
@pytest.mark.process
def test_what_cannot_be_read_is_an_error_at_its_place_in_processes_too() -> None:
    given = [torch.zeros(3, 8, 8), torch.zeros(3, 8, 8), torch.full((3, 8, 8), 9.0)]
    files = lcomp.encode_many(given, OPTIONS, model="hyperprior", device="cpu", workers=2)
    assert next(files) == next(files)
    with pytest.raises(lcomp.UnsupportedError) as raised:
        next(files)
    assert raised.value.__notes__ == ["picture 2, counted from 0"]


def opened() -> list[Image.Image]:
    """Images whose files say what Pillow's own copies of them do not: 16 bits, the tags of a TIFF, further frames."""
    files = [io.BytesIO() for _ in range(3)]
    deep = np.random.default_rng(0).integers(0, 2**16, (6, 5, 3)).astype(np.uint16)
    save_picture(DecodedSamples(Image.fromarray((deep >> 8).astype(np.uint8)), deep), files[0], "PNG")
    tags = Image.Exif()
    tags[270] = "a description"
    noise_image(6, 5, 0).save(files[1], "TIFF", exif=tags)
    frames = [Image.new("L", (6, 5), grey) for grey in (0, 100, 200)]
    frames[0].save(files[2], "GIF", save_all=True, append_images=frames[1:])
    return [Image.open(file) for file in files]


def test_opened_images_reach_other_processes_as_their_files_say() -> None:
    exactly = lcomp.EncodeOptions(lossless=True)
    work = EncodeOne(CodecSetting(None, "cpu", None), exactly)
    with pytest.raises(FrameError):
        work.portable(opened()[2])
    images, expected = opened(), opened()
    images[2].seek(2)
    expected[2].seek(2)
    sent = [pickle.loads(pickle.dumps(work.portable(image))) for image in images]
    assert list(map(work, sent)) == list(lcomp.encode_many(expected, exactly, device="cpu"))


def test_threads_share_the_models() -> None:
    images = pictures() * 3
    codec = lcomp.Codec("hyperprior", "cpu")
    expected = [codec.encode(image, OPTIONS) for image in images]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda image: lcomp.encode(image, 2, "hyperprior", "cpu", effort=0), images))
        assert made == expected
        arrays = list(pool.map(lambda data: lcomp.decode(data, output="numpy"), made))
    for data, array in zip(made, arrays, strict=True):
        assert np.array_equal(np.asarray(lcomp.decode(data)), array)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_cuda_after_a_fork_is_refused_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcomp.model.devices.trouble", lambda device: None)
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: False)
    with pytest.raises(lcomp.LcompError, match="forked"):
        lcomp.Codec(device="cuda:0")
