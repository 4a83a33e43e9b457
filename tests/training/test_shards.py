import io
import logging
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from typer.main import get_command

from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.errors import LcompError
from lcomp.parsing import parse_size
from lcomp.training.processes import Processes
from lcomp.training.recipe import read_recipe
from lcomp.training.run import Setting
from lcomp.training.shards import MEMORY, StreamedPool, find_shards, pictures_in, validation_pool

CPU = torch.device("cpu")

SIDE = 64

PICTURE = 3 * SIDE**2


def png(number: int) -> bytes:
    """A picture whose red is its number."""
    pixels = np.array(noise_image(SIDE, SIDE, number))
    pixels[..., 0] = number
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_shard(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def numbers(pictures: list[Tensor]) -> list[int]:
    return [int(picture[0, 0, 0]) for picture in pictures]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder of four shards of three pictures each, which are numbered."""
    folder = tmp_path / "shards"
    (folder / "more").mkdir(parents=True)
    for shard in range(4):
        members = {f"{number:03}.png": png(number) for number in range(3 * shard, 3 * shard + 3)}
        members |= {f"{shard}.cls": b"7", f"{shard}.json": b"{}"}
        write_shard(folder / ("more" if shard == 3 else "") / f"{shard}.tar", members)
    return folder


def test_the_first_shard_is_held_out_or_those_named_so(shards: Path, tmp_path: Path) -> None:
    split = find_shards(shards)
    assert split is not None
    assert [path.name for path in split.validation] == ["0.tar"]
    assert [path.name for path in split.train] == ["1.tar", "2.tar", "3.tar"]
    (shards / "2.tar").rename(shards / "val-2.tar")
    split = find_shards(shards)
    assert split is not None
    assert [path.name for path in split.validation] == ["val-2.tar"]
    assert numbers(validation_pool(split.validation, CPU).pictures) == [6, 7, 8]
    (tmp_path / "none").mkdir()
    assert find_shards(tmp_path / "none") is None
    write_shard(tmp_path / "none" / "only.tar", {})
    with pytest.raises(LcompError, match="at least two shards"):
        find_shards(tmp_path / "none")


def test_what_fits_into_memory_is_held_whole(shards: Path) -> None:
    split = find_shards(shards)
    assert split is not None
    pool = StreamedPool(split.train, CPU, 100 * PICTURE, np.random.default_rng(0))
    assert sorted(numbers(pool.pictures)) == list(range(3, 12))
    pool.crops(4, SIDE, np.random.default_rng(0))
    assert sorted(numbers(pool.pictures)) == list(range(3, 12))


def test_of_more_a_part_is_held_and_all_are_seen(shards: Path) -> None:
    split = find_shards(shards)
    assert split is not None
    pool = StreamedPool(split.train, CPU, 2 * PICTURE, np.random.default_rng(0))
    random, seen = np.random.default_rng(0), set()
    deadline = time.monotonic() + 60
    while len(seen) < 9 and time.monotonic() < deadline:
        assert len(pool.pictures) == 2
        seen |= set(pool.crops(1, SIDE, random)[:, 0, 0, 0].tolist())
    assert seen == set(range(3, 12))


def test_a_damaged_picture_is_left_out_and_a_damaged_shard_is_one_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_shard(tmp_path / "a.tar", {"0.png": png(1)[:-40], "1.png": png(2), "._1.png": b"?"})
    with caplog.at_level(logging.WARNING, "lcomp"):
        assert numbers(list(pictures_in(tmp_path / "a.tar"))) == [2]
    assert len(caplog.messages) == 1
    assert "a.tar: 0.png" in caplog.text
    assert "left out" in caplog.text
    (tmp_path / "b.tar").write_bytes(b"no tar file at all" * 100)
    with pytest.raises(LcompError, match=r"b\.tar"):
        list(pictures_in(tmp_path / "b.tar"))
    write_shard(tmp_path / "c.tar", {"a.txt": b"text"})
    with pytest.raises(LcompError, match="there is no picture"):
        StreamedPool([tmp_path / "c.tar"], CPU, PICTURE, np.random.default_rng(0))


def test_an_error_met_later_is_raised_where_pictures_are_drawn(shards: Path) -> None:
    split = find_shards(shards)
    assert split is not None
    pool = StreamedPool(split.train, CPU, PICTURE, np.random.default_rng(0))
    for path in split.train:
        path.write_bytes(b"?" * 4096)
    random, deadline = np.random.default_rng(0), time.monotonic() + 60

    def draw() -> None:
        while time.monotonic() < deadline:
            pool.crops(1, SIDE, random)

    with pytest.raises(LcompError, match=r"\.tar: "):
        draw()


def test_processes_read_shards_of_their_own(shards: Path, model_file: Path, tmp_path: Path) -> None:
    recipe, seen = read_recipe(model_file), []
    for rank in range(2):
        setting = Setting(recipe, shards, tmp_path, CPU, compiled=False, processes=Processes(rank, 2))
        pools = setting.start()
        assert numbers(pools.validation.pictures) == [0, 1, 2]
        seen += numbers(pools.train.pictures)
    assert sorted(seen) == list(range(3, 12))
    with pytest.raises(LcompError, match="fewer training shards than processes"):
        Setting(recipe, shards, tmp_path, CPU, compiled=False, processes=Processes(3, 4)).start()


def test_the_command_says_how_much_is_held() -> None:
    option = next(each for each in get_command(app).commands["train"].params if each.name == "memory")  # type: ignore[attr-defined]
    assert parse_size(option.default) == MEMORY
