"""Which device is chosen, and that a GPU does what a CPU does."""

import json
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from helpers.golden import latents_sha256
from helpers.lossless import lossless_model
from helpers.models import TINY_CONTEXT, TINY_LOSSLESS, require_coder
from helpers.paths import GOLDEN
from lcomp.cli.app import app
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.streams import encode_tiles
from lcomp.errors import LcompError
from lcomp.families.lossless.loading import load_lossless
from lcomp.format import container
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid
from lcomp.log import log
from lcomp.model.cache import load_model
from lcomp.model.devices import choose_device, memory_errors, trouble
from lcomp.model.loaded import LoadedModel
from lcomp.zoo.registry import model_by_name

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)

on_cuda = pytest.mark.skipif("trouble(CUDA)", reason="no CUDA device that works")


class Gpu(NamedTuple):
    """A GPU that is of no use."""

    known: bool  # to its driver
    warning: str  # of torch, when asked for it
    error: Exception | None  # when it computes


NO_KERNELS = RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore lines")


@pytest.fixture(
    params=[
        Gpu(False, "CUDA initialization: the driver is too old", None),
        Gpu(True, "this torch is too new for that device", NO_KERNELS),
        Gpu(True, "", torch.cuda.DeferredCudaCallError("CUDA call failed lazily")),
    ],
    ids=["driver", "kernels", "start"],
)
def useless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    """The only GPU is of no use."""
    gpu: Gpu = request.param

    def is_available() -> bool:
        if gpu.warning:
            warnings.warn(gpu.warning, stacklevel=2)
        return gpu.known

    def ones(*sizes: int, device: torch.device) -> torch.Tensor:
        assert gpu.error
        raise gpu.error

    trouble.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.setattr(torch, "ones", ones)
    yield gpu
    trouble.cache_clear()


def test_a_gpu_of_no_use_is_not_chosen(useless: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = str(useless.error or useless.warning).partition("\n")[0]
    told: list[str] = []
    monkeypatch.setattr(log, "debug", lambda text, *values: told.append(text % values))
    assert choose_device("auto") == CPU
    assert told == [f"  the GPU cannot be used: {reason}"]
    with pytest.raises(LcompError, match=f"device 'cuda' does not exist or cannot be used: {reason}"):
        choose_device("cuda")


def test_a_full_gpu_is_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def ones(*sizes: int, device: torch.device) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", ones)
    assert trouble.__wrapped__(CUDA) is None


@pytest.mark.parametrize(
    "text",
    [
        "[enforce fail at alloc_cpu.cpp:124] data. DefaultCPUAllocator: can't allocate memory",
        "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory: you tried to",
        "CUDA error: out of memory",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_memory_that_runs_out_is_one_error(text: str) -> None:
    with pytest.raises(LcompError, match="not enough memory for this picture"), memory_errors():
        raise RuntimeError(text)


def test_other_errors_are_not_taken_for_that() -> None:
    with pytest.raises(RuntimeError, match="something else"), memory_errors():
        raise RuntimeError("something else")


@on_cuda
@pytest.mark.parametrize("name", ["hyperprior", "autoregressive"])
def test_cuda_and_cpu_agree(name: str, photo: Image.Image) -> None:
    model = model_by_name(name)
    cpu, cuda = LoadedModel(model, CPU), LoadedModel(model, CUDA)
    pixels = np.asarray(photo)
    for quality, (first, second) in product((1000, 4000, 8000), ((cpu, cuda), (cuda, cpu))):
        [encoded] = encode_tiles(first, pixels, quality, Grid(200, 136), Coder.CONSTRICTION)
        ours = first.tile.decode(encoded, quality, *pixels.shape[:2], Coder.CONSTRICTION).y_hat().cpu()
        theirs = second.tile.decode(encoded, quality, *pixels.shape[:2], Coder.CONSTRICTION).y_hat().cpu()
        assert torch.equal(ours, theirs)


@on_cuda
@pytest.mark.parametrize("coder", list(Coder))
@pytest.mark.parametrize("name", ["hyperprior", "autoregressive"])
def test_cuda_codes_tiles_side_by_side(name: str, coder: Coder, photo: Image.Image) -> None:
    require_coder(coder)
    model, pixels, grid = model_by_name(name), np.asarray(photo), Grid(200, 136, tile=64)
    for effort in (1, 2):
        # by one that has not built its coder
        tiles = encode_tiles(LoadedModel(model, CUDA), pixels, 4000, grid, coder, effort)
        expected = decode_tiles(load_model(model, CPU), tiles, 4000, grid, coder, grid.picture).pixels.astype(int)
        for stream in (torch.cuda.current_stream(), torch.cuda.Stream()):
            fresh = LoadedModel(model, CUDA)
            with torch.cuda.stream(stream):
                pixels_there = decode_tiles(fresh, tiles, 4000, grid, coder, grid.picture).pixels
            assert np.abs(pixels_there - expected).mean() < 1


@on_cuda
@pytest.mark.parametrize(
    "path",
    sorted(path for path in GOLDEN.glob("*.lic") if not path.stem.startswith(("stored", "lossless"))),
    ids=lambda path: path.stem,
)
def test_golden_files_decode_to_their_latents_on_cuda(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    file = container.read(path.read_bytes())
    require_coder(file.coder)
    assert latents_sha256(file, expected["model"], "cuda:0") == expected["latents_sha256"]


@on_cuda
def test_lossless_files_travel_between_the_cpu_and_cuda(photo: Image.Image) -> None:
    pixels = np.asarray(photo.resize((270, 130)))  # so that coefficients are fitted to it
    codecs = [load_lossless(lossless_model(), device) for device in (torch.device("cpu"), CUDA)]
    for part in (pixels, pixels[..., 0], pixels[:9, :33]):
        for writer, reader in product(codecs, codecs):
            decoded = reader.decode(writer.encode(part, 0), *part.shape[:2], part.ndim == 2, 0)
            assert np.array_equal(decoded, part)


@on_cuda
def test_a_lossless_model_trains_on_cuda(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    source = tmp_path / "models" / "tiny-lossless.toml"
    source.write_text(TINY_LOSSLESS)
    common = ["--data", str(pictures), "--device", "cuda", "--no-compile", "--run", str(tmp_path / "run")]
    result = CliRunner().invoke(app, ["train", str(source), *common])
    assert result.exit_code == 0, result.output


@on_cuda
def test_a_backbone_and_a_context_model_train_on_cuda(model_file: Path, pictures: Path, tmp_path: Path) -> None:
    context_file = model_file.with_name("context.toml")
    context_file.write_text(TINY_CONTEXT)
    common = ["--data", str(pictures), "--device", "cuda", "--no-compile"]
    for file in (model_file, context_file):
        result = CliRunner().invoke(app, ["train", str(file), "--run", str(tmp_path / file.stem), *common])
        assert result.exit_code == 0, result.output
