import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lcomp.errors import LcompError
from lcomp.training.data import Pool, find_pictures

CPU = torch.device("cpu")


def test_the_index_decides_the_split(pictures: Path, tmp_path: Path) -> None:
    split = find_pictures(pictures)
    assert [path.name for path in split.validation] == ["0.png", "1.png"]
    assert len(split.train) == 4
    with pytest.raises(LcompError, match="at least two"):
        find_pictures(tmp_path)


def test_odd_folders_of_pictures_are_one_error(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(LcompError, match="missing is no folder"):
        find_pictures(tmp_path / "missing")
    folder = tmp_path / "copy"
    shutil.copytree(pictures, folder)
    for text, problem in ((b"name;split\n", "no column"), (b"file,split\n\xff,val\n", "decode")):
        (folder / "index.csv").write_bytes(b"%s1.png;val\n" % text)
        with pytest.raises(LcompError, match=f"index.csv.*{problem}"):
            find_pictures(folder)
    (folder / "index.csv").unlink()
    (folder / "damaged.jpg").write_bytes(b"no picture")
    with pytest.raises(LcompError, match=r"damaged\.jpg: "):
        Pool.read([folder / "damaged.jpg"], CPU)


def test_crops_come_from_the_pictures(pictures: Path) -> None:
    pool = Pool.read(find_pictures(pictures).train, torch.device("cpu"))
    crops = pool.crops(5, 64, np.random.default_rng(0))
    assert crops.shape == (5, 3, 64, 64)
    assert crops.dtype == torch.uint8
    assert torch.equal(pool.pictures[1], Pool.read(find_pictures(pictures).train[1:2], torch.device("cpu")).pictures[0])
