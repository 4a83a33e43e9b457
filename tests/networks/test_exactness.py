"""Latents and lossless pictures are the same integers under every CPU setting, in every direction."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from lcomp.model.loaded import LoadedModel
from lcomp.zoo.registry import model_by_name

SETTINGS = {
    "default": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "sse41": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "avx512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "no vectors": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
    "bf16 allowed": {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16"},
}

WORKER = """
import hashlib, json, sys
import numpy as np
import torch
from itertools import product
from pathlib import Path
from PIL import Image
from lcomp.encoding.streams import encode_tiles
from lcomp.model.cache import load_model
from lcomp.format.container import Coder, Encoded
from lcomp.pictures.reading import to_picture
from lcomp.format.tiles import Grid
from lcomp.families.lossless.loading import load_lossless
from lcomp.families.registry import find_model
from lcomp.zoo.registry import model_by_name

action, folder = sys.argv[1], Path(sys.argv[2])
result = {}
for model, quality in product(("hyperprior", "autoregressive"), (1000, 4300, 8000)):
    codec = load_model(model_by_name(model), torch.device("cpu"))
    if action == "encode":
        pixels = to_picture(Image.open(folder / "photo.png")).pixels
        [encoded] = encode_tiles(codec, pixels, quality, Grid(200, 136), Coder.CONSTRICTION)
        path = Path(f"{sys.argv[3]}-{model}-{quality}")
        path.write_bytes(encoded.symbols_crc.to_bytes(4, "little") + encoded.stream)
    else:
        for file in sorted(folder.glob(f"*-{model}-{quality}")):
            data = file.read_bytes()
            encoded = Encoded(data[4:], int.from_bytes(data[:4], "little"))
            y_hat = codec.tile.decode(encoded, quality, 136, 200, Coder.CONSTRICTION).y_hat()
            result[file.name] = hashlib.sha256(y_hat.numpy().tobytes()).hexdigest()
pixels = np.asarray(Image.open(folder / "large.png"))
lossless = load_lossless(find_model("lossless"), torch.device("cpu"))
for grey in (False, True):
    if action == "encode":
        encoded = lossless.encode(pixels[..., 0] if grey else pixels, 0)
        Path(f"{sys.argv[3]}-lossless-{grey}").write_bytes(encoded.symbols_crc.to_bytes(4, "little") + encoded.stream)
    else:
        for file in sorted(folder.glob(f"*-lossless-{grey}")):
            data = file.read_bytes()
            encoded = Encoded(data[4:], int.from_bytes(data[:4], "little"))
            decoded = lossless.decode(encoded, *pixels.shape[:2], grey, 0)
            assert np.array_equal(decoded, pixels[..., 0] if grey else pixels)
            result[file.name] = hashlib.sha256(decoded.tobytes()).hexdigest()
print(json.dumps(result))
"""


def run_worker(setting: str, *arguments: str) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | SETTINGS[setting]
    output = subprocess.run(
        [sys.executable, "-c", WORKER, *arguments], env=environment, capture_output=True, text=True, check=True
    ).stdout
    result: dict[str, str] = json.loads(output)
    return result


@pytest.mark.process
@pytest.mark.slow
def test_files_travel_between_all_settings(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "photo.png")
    photo.resize((270, 130)).save(tmp_path / "large.png")  # so that coefficients are fitted to it
    for number, setting in enumerate(SETTINGS):
        run_worker(setting, "encode", str(tmp_path), str(tmp_path / f"{number}"))
    decoded = [run_worker(setting, "decode", str(tmp_path)) for setting in SETTINGS]
    assert len(decoded[0]) == (2 * 3 + 2) * len(SETTINGS)
    assert all(other == decoded[0] for other in decoded)


@pytest.fixture(scope="module")
def shipped() -> LoadedModel:
    return LoadedModel(model_by_name("hyperprior"), torch.device("cpu"))


def test_memory_format_batch_and_crop_do_not_matter(shipped: LoadedModel) -> None:
    generator = torch.Generator().manual_seed(0)
    channels = shipped.info.architecture.hyper_latents
    z = torch.randint(-2560, 2561, (3, channels, 6, 7), generator=generator).double()
    for quality in (1000, 5555, 8000):
        whole = shipped.tile.h_s(z, quality)
        last = shipped.tile.h_s(z.contiguous(memory_format=torch.channels_last), quality)
        assert torch.equal(whole.mean, last.mean)
        assert torch.equal(whole.log_scale, last.log_scale)
        for index in range(len(z)):
            one = shipped.tile.h_s(z[index : index + 1], quality)
            assert torch.equal(whole.mean[index], one.mean[0])
            assert torch.equal(whole.log_scale[index], one.log_scale[0])


def test_extreme_hyper_latents_stay_exact(shipped: LoadedModel) -> None:
    channels = shipped.info.architecture.hyper_latents
    shape = (1, channels, 3, 3)
    for z in (torch.full(shape, 64 * 32767.0 + 2**20), torch.full(shape, -64 * 32767.0 - 2**20)):
        parameters = shipped.tile.h_s(z.double(), 8000).entropy_parameters()
        assert torch.equal(parameters.mean, parameters.mean.round())
        assert parameters.mean.abs().max() <= 2**20
