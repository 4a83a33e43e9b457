"""`--ssimulacra2`: a floor that is not missed."""

import numpy as np
import pytest
from PIL import Image

import lcomp
from lcomp.encoding.ssimulacra2 import ssimulacra2
from lcomp.errors import LcompError


@pytest.mark.slow
def test_the_score_is_reached_by_the_smallest_file_that_does(photo: Image.Image) -> None:
    pixels = np.asarray(photo)
    reached = []
    for score in (35.0, 60.0):
        data = lcomp.encode(photo, model="hyperprior", ssimulacra2=score)
        reached.append(ssimulacra2(np.asarray(lcomp.decode(data)), pixels))
        assert score <= reached[-1] < score + 2
    assert lcomp.encode(photo, model="hyperprior", ssimulacra2=99) == lcomp.encode(photo, lossless=True)


def test_it_excludes_other_targets_and_needs_a_picture_that_is_large_enough() -> None:
    with pytest.raises(LcompError, match="one of size, bpp, psnr and ssimulacra2"):
        lcomp.EncodeOptions(psnr=30, ssimulacra2=50)
    with pytest.raises(LcompError, match="not defined"):
        lcomp.encode(Image.new("RGB", (64, 7)), model="hyperprior", ssimulacra2=50)
