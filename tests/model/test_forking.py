"""Processes forked after a picture was encoded: they encode too, and do not wait for threads of their parent."""

import os
import subprocess
import sys

import pytest

from helpers.paths import DATA, ROOT

PROGRAM = """
import multiprocessing, sys
import torch
from PIL import Image
import lcomp

def job(number):
    with Image.open(sys.argv[1]) as image:
        return len(lcomp.encode(image.crop((0, 0, 256, 192)), 2, "hyperprior", "cpu"))

if __name__ == "__main__":
    torch.set_num_threads(2)
    expected = job(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(job, range(3)).get(timeout=100) == [expected] * 3
    print("done")
"""


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_encodes() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, DATA / "kodim23.png"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        timeout=200,
    )
    assert (result.stdout, result.returncode) == (b"done\n", 0), result.stderr.decode()
